"""Records of the tap in a file, and what reads them as a workload."""

from pathlib import Path

import pytest

from charter_engine.api import traffic, workloads
from charter_engine.api.traffic_files import holds_traffic, read_traffic
from charter_engine.errors import UsageError
from tests.unit.traffic.records import record

RECORDS = [
    record(list(range(64)), at=5.0, sequence=7, node="n", session="s", output_tokens=2),
    record(list(range(70)), at=6.0, sequence=8, session="s", output_tokens=2),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workloads, "cache_directory", lambda: tmp_path / "cache")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "traffic.jsonl"
    path.write_bytes(b"".join(map(traffic.line, RECORDS)))
    return path


def test_what_was_written_is_read_again(file: Path) -> None:
    assert holds_traffic(file)
    assert read_traffic(file) == RECORDS


def test_a_file_of_traffic_is_a_workload(file: Path) -> None:
    workload, notes = workloads.load(str(file), strict=True)
    assert (len(workload), workload.prompt_tokens, notes) == (2, 134, ())
    assert set(workload.nodes) == {"", "n"}
    assert workload.unit_tokens.tolist() == [16, 16]


def test_a_line_cut_off_is_skipped_and_told(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b'{"at":7.0,"seq')
    workload, notes = workloads.load(str(file), strict=False)
    assert len(workload) == 2
    assert f"{file}:3" in notes[0].message
    with pytest.raises(UsageError, match=":3: "):
        workloads.load(str(file), strict=True)


def test_a_file_without_an_answered_request_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "failed.jsonl"
    path.write_bytes(traffic.line(record([1], error="no")))
    with pytest.raises(UsageError, match="no answered request"):
        workloads.load(str(path), strict=False)


def test_other_workloads_are_not_taken_for_traffic(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"timestamp": 0, "input_length": 3, "output_length": 1}\n')
    assert not holds_traffic(path)
    assert not holds_traffic(tmp_path)
