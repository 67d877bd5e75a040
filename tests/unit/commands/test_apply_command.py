"""`charter-engine apply`: how it ends where nothing can be compared."""

from pathlib import Path

import pytest

from charter_engine.cli import main
from charter_engine.commands.outcome import FAILED, TRITON, USAGE

UNREACHABLE = "triton: 127.0.0.1:1\nplan: plan.yaml\n"


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    assert main(["apply", str(tmp_path / "charter.yaml")]) == USAGE


@pytest.mark.parametrize("text", [None, "plan: plan.yaml\n", "plans: plan.yaml\n"])
def test_what_cannot_be_used_is_no_change_to_a_pipeline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    file = tmp_path / "charter.yaml"
    if text is not None:
        file.write_text(text)
    assert main(["apply", str(file), "--plan-only"]) == FAILED
    assert str(tmp_path) in capsys.readouterr().err


def test_a_triton_that_does_not_answer_is_no_change_to_a_pipeline(tmp_path: Path) -> None:
    (tmp_path / "charter.yaml").write_text(UNREACHABLE)
    (tmp_path / "agent.py").write_text("")
    (tmp_path / "plan.yaml").write_text("agent: agent.py\n")
    assert main(["apply", str(tmp_path / "charter.yaml"), "--plan-only"]) == TRITON
