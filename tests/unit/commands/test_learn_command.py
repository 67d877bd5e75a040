"""`charter-engine learn` as a shell would call it."""

import json
from pathlib import Path

import numpy as np
import pytest

from charter_engine.api import workloads as workload_source
from charter_engine.cli import main
from charter_engine.commands.outcome import DONE, USAGE
from charter_engine.contracts.live import RequestRecord
from charter_engine.plan.retention.reuse_times_file import decode
from charter_engine.store.recording_writer import RecordingWriter
from charter_engine.store.workload_cache import save
from tests.unit.plan.test_retention_streams import sessions as made_sessions


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload_source, "cache_directory", lambda: tmp_path / "cache")


def lines(path: Path, sessions: int = 4, turns: int = 6, node: str = "agent") -> str:
    records = [
        {
            "timestamp": 1000 * (turn * 5 + session),
            "input_length": 640,
            "output_length": 3,
            "hash_ids": [session],
            "node": node,
            "session": f"s{session}",
        }
        for session in range(sessions)
        for turn in range(turns)
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return str(path)


def test_reuse_times_are_learnt_from_a_workload_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "waits.json"
    assert main(["learn", lines(tmp_path / "w.jsonl"), "-o", str(target), "--json"]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert report["nodes"][0]["own"] == {
        "requests": 24,
        "median_s": pytest.approx(5, rel=0.1),
        "never_share": pytest.approx(4 / 24, abs=1e-4),
        "spread": 0.0,
        "label": "measured",
    }
    assert decode(target.read_bytes(), "waits.json").model.requests == 24


def test_reuse_times_are_learnt_from_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "r.charter"
    writer = RecordingWriter(recording, 10.0)
    writer.write(
        [
            RequestRecord(
                run="r",
                node="a",
                item=item,
                started_at=1000.0 + 3 * turn + item,
                prompt_tokens=100,
                latency_ms=100.0,
            )
            for turn in range(5)
            for item in range(2)
        ]
    )
    writer.close()
    assert main(["learn", str(recording), "--json"]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert (report["sessions"], report["requests"]) == (2, 10)
    assert report["nodes"][0]["own"]["median_s"] == pytest.approx(3, rel=0.1)
    assert list(report["kinds"]) == ["tool"]


def test_several_sources_teach_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = [lines(tmp_path / "a.jsonl"), lines(tmp_path / "b.jsonl", node="other")]
    assert main(["learn", *sources, "--json"]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert report["sessions"] == 8
    assert {one["node"] for one in report["nodes"]} == {"agent", "other"}


def test_one_session_of_one_request_is_enough_to_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["learn", lines(tmp_path / "w.jsonl", sessions=1, turns=1)]) == DONE
    told = capsys.readouterr()
    assert "never" in told.out
    assert "stay with defaults" in told.err


@pytest.mark.parametrize("command", ["learn", "predict"])
def test_times_that_are_none_are_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = made_sessions(3, 1)
    workload.arrival_ms[-1] = np.nan
    save(workload, tmp_path / "w.npz")
    assert main([command, str(tmp_path / "w.npz")]) == USAGE
    assert "finite time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("", "empty"),
        ("{", "not a JSON object"),
        ('{"timestamp": 0, "input_length": 9, "output_length": 1}', "no sessions"),
        ('{"run": "r", "node": "a", "item": 0, "started_at": 1.0}', "no finished request"),
        ('{"run": "r", "node": "a", "item": "zero", "started_at": 1.0}', "item"),
    ],
)
def test_what_teaches_nothing_is_refused_and_nothing_is_written(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "source", tmp_path / "waits.json"
    target.write_text("before")
    if content is not None:
        source.write_text(content)
    assert main(["learn", str(source), "-o", str(target)]) == USAGE
    assert words in capsys.readouterr().err
    assert target.read_text() == "before"


def test_a_folder_that_is_not_there_is_told_before_learning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["learn", "source", "-o", "/nonexistent/waits.json"]) == USAGE
    assert "no such folder" in capsys.readouterr().err
