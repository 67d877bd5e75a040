"""What a replay answers, as a live engine would."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from charter_engine.contracts.commands import ListMarks, ListTicks, SeekReplay
from charter_engine.contracts.gauges import Marker
from charter_engine.service.hub import Hub
from charter_engine.service.replay import Replaying
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
