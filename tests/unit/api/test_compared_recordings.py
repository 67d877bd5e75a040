"""What recordings hold, whether they are whole, put together, and side by side."""

import random
from pathlib import Path

import pytest

from charter_engine.api import recordings
from charter_engine.contracts.gauges import Gauge, Session
from charter_engine.contracts.recordings import (
    CompareRecordings,
    RecordingComparison,
    RecordingGap,
)
from charter_engine.contracts.request_figures import FigureDifference
from charter_engine.errors import UsageError
from charter_engine.store.recording_writer import RecordingWriter
from tests.unit.store.recorded import BEGIN, record, second


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of a minute each: as it was, later with more reuse, and with a push half way."""
    folder = tmp_path_factory.mktemp("recordings")
    record(folder / "before.charter", range(60))
    record(folder / "after.charter", range(100, 160), reused=60)
    record(folder / "pushed.charter", range(60), push_at=30)
    return folder


def compared(before: Path, after: Path | str = "") -> RecordingComparison:
    return recordings.compare(CompareRecordings(before=str(before), after=str(after)))


def of(found: RecordingComparison, figure: str, node: str = "") -> FigureDifference:
    return next(one for one in found.differences if (one.figure, one.node) == (figure, node))


def test_an_info_tells_what_is_there_and_what_is_not(folder: Path) -> None:
    found = recordings.info(str(folder / "pushed.charter"))
    assert (found.start, found.end) == (BEGIN, BEGIN + 59.5)
    assert (found.requests, found.events) == (120, 1)
    assert (found.agent, found.deployment, found.revision) == ("agent.py", "127.0.0.1:8001", 1)
    assert [marker.kind for marker in found.markers] == ["push"]
    assert "gpu" in found.absent
    assert found.gaps == ()
    assert found.damaged == ""


def test_all_of_a_whole_recording_can_be_read(folder: Path) -> None:
    found = recordings.verify(str(folder / "before.charter"))
    assert (found.damaged, found.entries, found.records) == ("", 61, 241)


def test_what_of_a_recording_cannot_be_read_is_said(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.charter"
    content = (folder / "before.charter").read_bytes()
    path.write_bytes(content[: len(content) // 2])
    found = recordings.verify(str(path))
    assert found.damaged == "the last entry was cut off"
    assert 0 < found.records < 241


def test_merged_recordings_are_one_with_the_time_between_as_a_gap(
    folder: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both.charter"
    names = [str(folder / name) for name in ("after.charter", "before.charter")]
    assert recordings.merge(names, str(both)).damaged == ""
    found = recordings.info(str(both))
    assert (found.requests, found.start) == (240, BEGIN)
    assert found.gaps == (RecordingGap(BEGIN + 59.5, BEGIN + 100),)
    assert [item.name for item in tmp_path.iterdir()] == ["both.charter"]


def test_recordings_of_the_same_time_are_not_merged(folder: Path, tmp_path: Path) -> None:
    names = [str(folder / name) for name in ("before.charter", "pushed.charter")]
    with pytest.raises(UsageError, match="were made at the same time"):
        recordings.merge(names, str(tmp_path / "both.charter"))
    assert list(tmp_path.iterdir()) == []


def test_two_recordings_are_compared_by_what_a_request_costs(folder: Path) -> None:
    found = compared(folder / "before.charter", folder / "after.charter")
    computed = of(found, "computed tokens")
    assert computed.difference == pytest.approx(-40, abs=1)
    assert computed.low is not None and computed.high is not None
    assert computed.low <= -40 + 1 and computed.high < 0
    assert of(found, "hit rate", "A.act").difference == pytest.approx(0.4, abs=0.02)
    assert found.verdict.worth is True
    assert "computes 50 % fewer tokens" in found.verdict.words


def test_a_recording_is_compared_with_itself_before_and_after_its_last_push(folder: Path) -> None:
    found = compared(folder / "pushed.charter")
    assert found.before.end == found.after.start == BEGIN + 30
    assert of(found, "computed tokens").difference == pytest.approx(-40, abs=2)
    assert [mark.text for mark in found.after.marks] == ["revision 1 is live"]


def test_requests_that_were_under_way_when_a_recording_began_are_compared(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "under-way.charter"
    writer = RecordingWriter(path)
    writer.write([Gauge(at=BEGIN + 0.05, payload=Session(engine_version="0.1.0"))])
    writer.write(second(0, 20, random.Random(7)))
    writer.close()
    found = compared(path, folder / "after.charter")
    assert found.before.requests == recordings.info(str(path)).requests == 2


def test_each_request_is_before_a_push_or_after_it(folder: Path) -> None:
    found = compared(folder / "pushed.charter")
    assert (found.before.requests, found.after.requests) == (60, 60)


def test_recordings_that_do_not_differ_are_said_not_to(folder: Path) -> None:
    found = compared(folder / "before.charter", folder / "before.charter")
    assert found.verdict.worth is None
    assert "as many tokens" in found.verdict.words


def test_without_a_push_a_second_recording_is_asked_for(folder: Path) -> None:
    with pytest.raises(UsageError, match="nothing was pushed"):
        compared(folder / "before.charter")
