"""`charter-engine plan` as scripts use it."""

from pathlib import Path

import pytest

from charter_engine.cli import main
from charter_engine.commands.outcome import DONE, USAGE
from charter_engine.config.plan_file import read_plan
from charter_engine.kvcache import workload_cache

AGENT = str(Path(__file__).parents[3] / "examples" / "agents" / "delta_processor.py")


def test_a_plan_is_written_whole_and_reads_back(tmp_path: Path) -> None:
    target = tmp_path / "plan.yaml"
    assert main(["plan", AGENT, "-o", str(target), "--no-block-size"]) == DONE
    assert read_plan(target.read_text(), str(target)).nodes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "foo"], "llama-3.1-8b"),
        (["--device", "foo"], "h100"),
        (["-o", "/nonexistent/plan.yaml"], "no such folder"),
        (["--tokens-per-block", "48"], "32 and 64"),
        (["--preset", "foo"], "latency"),
        (["--inputs", "/nonexistent.jsonl"], "/nonexistent.jsonl"),
    ],
)
def test_wrong_options_end_with_2_and_say_what_would_be_right(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", AGENT, *arguments]) == USAGE
    assert words in capsys.readouterr().err


def test_a_plan_that_is_none_is_not_written_over(tmp_path: Path) -> None:
    target = tmp_path / "plan.yaml"
    target.write_text("nodes: [\n")
    assert main(["plan", AGENT, "-o", str(target), "--no-block-size"]) == USAGE
    assert target.read_text() == "nodes: [\n"


def test_a_cut_binary_workload_is_refused_in_words(tmp_path: Path) -> None:
    damaged = tmp_path / "half.npz"
    damaged.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(ValueError, match="damaged"):
        workload_cache.load(damaged)
