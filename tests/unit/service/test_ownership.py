"""Whose an engine is, and when it ends."""

import asyncio

import pytest

from charter_engine.contracts.commands import Subscribe
from charter_engine.contracts.gauges import Event
from charter_engine.service import ownership
from charter_engine.service.hub import Hub, Subscriber
from charter_engine.service.ownership import Ownership, in_words
from charter_engine.service.protocol import STOP


class Engine:
    """What is left of one here: whether it was stopped, and what it told."""

    def __init__(self, outlive: float | None) -> None:
        self.busy = False
        self.stopped = asyncio.Event()
        self.told: list[str] = []
        self.hub = Hub()
        self.hub.taps.append(
            lambda told: self.told.append(told.text) if isinstance(told, Event) else None
        )
        self.ownership = Ownership(self.hub, self.stopped.set, outlive, lambda: self.busy)

    def watched_by(self, console: str, *, owner: bool = False) -> Subscriber:
        subscriber = Subscriber()
        self.hub.subscribe(subscriber, Subscribe(topics=(), console=console, owner=owner))
        return subscriber


async def test_a_console_that_says_stop_ends_its_engine() -> None:
    engine = Engine(outlive=60.0)
    engine.ownership.left(STOP)
    assert engine.stopped.is_set()


async def test_an_engine_that_may_not_outlive_its_starter_ends_with_it() -> None:
    engine = Engine(outlive=None)
    engine.watched_by("another")
    engine.ownership.left()
    assert engine.stopped.is_set()


async def test_one_whose_console_said_nothing_says_how_long_it_waits() -> None:
    engine = Engine(outlive=600.0)
    engine.ownership.left()
    assert not engine.stopped.is_set()
    assert ["within 10 min" in text for text in engine.told] == [True]


async def test_it_ends_when_nobody_comes() -> None:
    engine = Engine(outlive=0.0)
    engine.ownership.left()
    await engine.stopped.wait()


async def test_it_goes_on_while_something_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "LOOK_AGAIN_SECONDS", 0.0)
    engine = Engine(outlive=0.0)
    engine.busy = True
    engine.ownership.left()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not engine.stopped.is_set()
    engine.busy = False
    await engine.stopped.wait()


async def test_the_next_console_to_come_owns_it() -> None:
    engine = Engine(outlive=0.0)
    engine.ownership.left()
    engine.watched_by("the next")
    for _ in range(20):
        await asyncio.sleep(0)
    assert not engine.stopped.is_set()
    assert engine.hub.owner == "the next"


async def test_it_waits_anew_when_that_one_is_lost_too() -> None:
    engine = Engine(outlive=0.0)
    owner = engine.watched_by("the first", owner=True)
    engine.ownership.left()
    engine.hub.unsubscribe(owner)
    following = engine.watched_by("the next")
    engine.hub.unsubscribe(following)
    await engine.stopped.wait()


async def test_others_who_watch_get_it_at_once() -> None:
    engine = Engine(outlive=0.0)
    owner = engine.watched_by("the first", owner=True)
    engine.watched_by("the second")
    engine.ownership.left()
    engine.hub.unsubscribe(owner)
    assert engine.hub.owner == "the second"
    assert not engine.told


@pytest.mark.parametrize(
    ("seconds", "words"), [(600, "10 min"), (3600, "1 h"), (90, "90 s"), (0.5, "0.5 s")]
)
def test_a_wait_is_told_in_the_unit_it_was_given_in(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
