"""The watch over a push beside the engine: told as it goes on, and taken back where it must be."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from charter_engine.contracts.deploy import WatchOutcome, WatchReport
from charter_engine.contracts.deploying import PushWatch
from charter_engine.contracts.gauges import Event, PushWatched
from charter_engine.errors import CharterError
from charter_engine.service.hub import Hub
from charter_engine.service.push_watch import PushWatcher


def seen(outcome: WatchOutcome) -> WatchReport:
    return WatchReport(outcome=outcome, seconds=2.0, margin=0.05, error_rate=0.05)


class Scripted:
    """A push whose requests show one look, and then how it ends; without an end it goes on."""

    asked = PushWatch(seconds=60)

    def __init__(self, end: WatchOutcome | CharterError | None = None) -> None:
        self._end = end
        self.looked = asyncio.Event()

    async def observed(self, on_look: Callable[[WatchReport], None]) -> WatchReport:
        on_look(seen("watching"))
        self.looked.set()
        if self._end is None:
            await asyncio.Event().wait()
        if isinstance(self._end, CharterError):
            raise self._end
        assert self._end is not None
        return seen(self._end)


class Told:
    """What a hub was told."""

    def __init__(self) -> None:
        self.hub = Hub(clock=lambda: 100.0)
        self.outcomes: list[str] = []
        self.events: list[str] = []
        self.hub.taps.append(self._hear)

    def _hear(self, message: Any) -> None:
        if isinstance(message, Event):
            self.events.append(message.text)
        elif isinstance(message.payload, PushWatched) and message.payload.report is not None:
            self.outcomes.append(message.payload.report.outcome)

    @property
    def last(self) -> PushWatched:
        (found,) = (
            gauge.payload for gauge in self.hub.latest() if isinstance(gauge.payload, PushWatched)
        )
        return found


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def watcher(told: Told) -> AsyncIterator[PushWatcher]:
    made = PushWatcher(told.hub, clock=lambda: 100.0)
    yield made
    await made.stop()


async def ended(watcher: PushWatcher) -> None:
    assert watcher._task is not None
    await asyncio.wait_for(asyncio.shield(watcher._task), 60)


async def start(watcher: PushWatcher, push: Any) -> list[str]:
    """Watch revision 4; why it was taken back."""
    taken_back: list[str] = []

    async def take_back(report: WatchReport) -> Any:
        taken_back.append(report.outcome)

    await watcher.start(push, 4, take_back)
    return taken_back


async def test_a_push_that_makes_nothing_worse_is_kept_and_said_to_be(
    told: Told, watcher: PushWatcher
) -> None:
    taken_back = await start(watcher, Scripted("kept"))
    await ended(watcher)
    assert told.outcomes == ["watching", "kept"]
    assert (told.last.revision, told.last.started_at, told.last.seconds) == (4, 100.0, 60)
    assert "nothing is worse by 5%" in told.events[-1]
    assert taken_back == []


async def test_a_push_that_makes_something_worse_is_taken_back(
    told: Told, watcher: PushWatcher
) -> None:
    taken_back = await start(watcher, Scripted("taken back"))
    await ended(watcher)
    assert taken_back == ["taken back"]
    assert told.outcomes[-1] == "taken back"


async def test_a_watch_that_is_ended_leaves_the_push_live(told: Told, watcher: PushWatcher) -> None:
    push = Scripted()
    taken_back = await start(watcher, push)
    await push.looked.wait()
    await watcher.end()
    assert told.outcomes == ["watching", "ended early"]
    assert "it stands" in told.events[-1]
    assert taken_back == []


async def test_a_push_that_is_being_taken_back_is_not_left_half_way(
    told: Told, watcher: PushWatcher
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def take_back(report: WatchReport) -> Any:
        begun.set()
        await go_on.wait()
        done.append(report.outcome)

    push: Any = Scripted("taken back")
    await watcher.start(push, 4, take_back)
    await begun.wait()
    await watcher.end()
    go_on.set()
    await ended(watcher)
    assert done == ["taken back"]


async def test_of_two_pushes_the_last_is_watched(told: Told, watcher: PushWatcher) -> None:
    first = await start(watcher, Scripted())
    await start(watcher, Scripted("kept"))
    await ended(watcher)
    assert first == []
    assert told.outcomes[-1] == "kept"


async def test_a_push_that_could_not_be_taken_back_is_said_to_stand(
    told: Told, watcher: PushWatcher
) -> None:
    await start(watcher, Scripted(CharterError("it went worse, and was not taken back")))
    await ended(watcher)
    assert "it went worse, and was not taken back" in told.events[-1]
    assert told.outcomes == ["watching", "ended early"]


async def test_where_nothing_is_watched_there_is_nothing_to_end(
    told: Told, watcher: PushWatcher
) -> None:
    await watcher.end()
    assert told.events == []
