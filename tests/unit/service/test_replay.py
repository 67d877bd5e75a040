"""What a replay answers, as a live engine would."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from charter_engine.contracts.commands import (
    CutReplay,
    ListMarks,
    ListRecordings,
    ListTicks,
    SeekReplay,
)
from charter_engine.contracts.gauges import Marker
from charter_engine.contracts.recordings import RecordingPiece
from charter_engine.errors import UsageError
from charter_engine.service import stretches
from charter_engine.service.hub import Hub
from charter_engine.service.replay import Replaying
from charter_engine.store.recording_reader import RecordingReader
from tests.unit.store.recorded import BEGIN, record


@pytest.fixture
async def replaying(tmp_path: Path) -> AsyncIterator[Replaying]:
    """Set to the hundredth second of two minutes; in the fiftieth something was pushed."""
    path = record(tmp_path / "r.charter", range(120), push_at=50)
    replaying = Replaying(Hub(), path, lambda: None)
    await replaying.start()
    await replaying.handle(SeekReplay(to=BEGIN + 100))
    yield replaying
    await replaying.stop()


async def test_what_was_measured_before_the_moment_it_is_set_to(replaying: Replaying) -> None:
    found = await replaying.handle(ListTicks(seconds=60, most=600))
    assert isinstance(found, tuple)
    assert [found[0].at, found[-1].at] == [BEGIN + 40.5, BEGIN + 99.5]
    earlier = await replaying.handle(ListTicks(seconds=60, most=6, until=BEGIN + 60))
    assert isinstance(earlier, tuple)
    assert len(earlier) == 6
    assert earlier[-1].at == BEGIN + 59.5


async def test_what_is_marked_before_that_moment(replaying: Replaying) -> None:
    push = Marker(BEGIN + 50, "push", "revision 1 is live")
    assert await replaying.handle(ListMarks(seconds=60)) == (push,)
    assert await replaying.handle(ListMarks(seconds=40)) == ()
    assert await replaying.handle(ListMarks(seconds=60, until=BEGIN + 40)) == ()


async def test_what_other_recordings_lie_beside_it(replaying: Replaying, tmp_path: Path) -> None:
    found = await replaying.handle(ListRecordings(str(tmp_path)))
    assert isinstance(found, tuple)
    assert [one.path for one in found] == [str(tmp_path / "r.charter")]


async def pieces(replaying: Replaying, begin: float, end: float) -> list[RecordingPiece]:
    found: list[RecordingPiece] = []
    while not found or sum(len(one.data) for one in found) < found[0].size:
        offset = sum(len(one.data) for one in found)
        piece = await replaying.handle(CutReplay(begin=begin, end=end, offset=offset))
        assert isinstance(piece, RecordingPiece)
        assert piece.data
        found.append(piece)
    return found


async def test_a_stretch_comes_in_pieces_that_are_a_recording_together(
    replaying: Replaying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "PIECE_BYTES", 1_000)
    found = await pieces(replaying, BEGIN + 40, BEGIN + 60)
    assert len(found) > 1
    path = tmp_path / "stretch.charter"
    path.write_bytes(b"".join(one.data for one in found))
    reader = RecordingReader(path)
    assert (round(reader.start - BEGIN), round(reader.end - BEGIN)) == (40, 60)
    assert [marker.kind for marker in reader.markers] == ["push"]


async def test_a_stretch_in_which_nothing_was_recorded_is_refused(replaying: Replaying) -> None:
    with pytest.raises(UsageError, match="holds nothing between these times"):
        await replaying.handle(CutReplay(begin=BEGIN + 900, end=BEGIN + 990))


async def test_a_part_that_was_renamed_and_whose_name_another_has_is_the_one_that_is_replayed(
    replaying: Replaying, tmp_path: Path
) -> None:
    path = Path(replaying.state.path)
    path.rename(tmp_path / "r.1.charter")
    record(path, range(5))
    (first, *_) = await pieces(replaying, BEGIN + 100, BEGIN + 110)
    assert first.size
    found = await replaying.handle(ListTicks(seconds=60, most=600, until=BEGIN + 110))
    assert isinstance(found, tuple)
    assert found[-1].at == BEGIN + 109.5
