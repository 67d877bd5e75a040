"""`charter-engine compile` as scripts use it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from charter_engine.cli import main
from charter_engine.commands.outcome import DONE, FAILED, USAGE

EXAMPLES = Path(__file__).parents[3] / "examples" / "agents"
AGENT = str(EXAMPLES / "delta_processor.py")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTER_CACHE", str(tmp_path / "cache"))


def opportunities(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["compile", *arguments, "--json"]) == DONE
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["files"][0]["opportunities"]
    return found


def test_opportunities_carry_the_hit_rate_predicted_on_the_inputs_beside_the_agent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for found in opportunities(capsys, AGENT):
        assert 0 < found["expected_hit_rate"] < 1
        assert found["expected_label"] == "predicted"


def test_without_inputs_opportunities_tell_why_they_have_no_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = shutil.copy(AGENT, tmp_path / "alone.py")
    for found in opportunities(capsys, str(alone)):
        assert found["expected_hit_rate"] is None
        assert "no inputs" in found["expected_basis"]


def test_named_inputs_win_over_those_beside_the_agent(capsys: pytest.CaptureFixture[str]) -> None:
    other = EXAMPLES / "document_processor.inputs.jsonl"
    assert {
        found["expected_hit_rate"] for found in opportunities(capsys, AGENT, "--inputs", str(other))
    } == {None}


def test_inputs_that_cannot_be_read_end_with_2_and_name_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["compile", AGENT, "--inputs", "/nonexistent.jsonl"]) == USAGE
    assert "/nonexistent.jsonl" in capsys.readouterr().err


def test_files_without_calls_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.py").write_text("x = 1\n")
    assert main(["compile", str(tmp_path)]) == DONE
    assert capsys.readouterr().out == "no LLM calls found in 3 files\n"


@pytest.mark.parametrize("command", ["compile", "lint"])
def test_a_folder_without_python_is_wrong_input(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("none")
    assert main([command, str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert f"{tmp_path}: there are no Python files or notebooks" in said.err
    assert not said.out


def test_a_line_of_a_package_is_named_by_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "main.py").write_text("from helper import ask\n\nask('Say hello')\n")
    (tmp_path / "helper.py").write_text(
        "from openai import OpenAI\n\n\ndef ask(prompt):\n"
        "    return OpenAI().responses.create(model='m', input=prompt)\n"
    )
    assert main(["compile", str(tmp_path), "--explain", "main.py:3"]) == DONE
    assert "ask asks a model and returns its answer" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_has_not_no_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_bytes(b"\0")
    assert main(["lint", str(broken)]) == FAILED
    assert "no findings" not in capsys.readouterr().err
