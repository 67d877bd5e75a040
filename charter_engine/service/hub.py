"""What the engine tells everyone: the latest value of each topic, and events that are never
dropped."""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal

from charter_engine.contracts.commands import Subscribe, Subscribed
from charter_engine.contracts.gauges import (
    TOPIC_OF,
    Event,
    EventKind,
    Gauge,
    Past,
    Payload,
    Topic,
    Watcher,
    Watchers,
)
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.protocol import Goodbye
from charter_engine.scrub import scrub, scrub_record
from charter_engine.service.protocol import frame

RECENT_EVENTS = 200
"""Events a new subscriber gets of those before it came."""
RING_EVENTS = 20_000
"""Events kept for subscribers that come back."""
PENDING_EVENTS = 10_000
"""Events a subscriber may be behind before it is told to come back."""
PENDING_REPLIES = 1_000
"""More than a subscriber can have asked for at once (`MAX_REQUESTS_IN_FLIGHT`)."""

Tap = Callable[[Gauge | Event | RequestRecord], None]
Clock = Callable[[], float]
Level = Literal["info", "warning", "error"]


class Subscriber:
    """What one connection still has to be sent. Gauges wait one a topic; events wait in order."""

    def __init__(self, limit: int = PENDING_EVENTS) -> None:
        self.topics: frozenset[Topic] = frozenset()
        self.console = ""
        self.owner = False
        self._replies: list[bytes] = []
        self._gauges: dict[Topic, bytes] = {}
        self._events: deque[tuple[int, bytes]] = deque()
        self._limit = limit
        self._sent: int | None = None
        self._wake = asyncio.Event()
        self.farewell: bytes | None = None
        self.too_slow = False
        self.ended = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Events that were not sent yet."""
        return len(self._events)

    def reply(self, message: bytes) -> None:
        if len(self._replies) >= PENDING_REPLIES:
            self._give_up("answers are not read")
            return
        self._replies.append(message)
        self._wake.set()

    def gauge(self, topic: Topic, message: bytes) -> None:
        self._gauges[topic] = message
        self._wake.set()

    def event(self, sequence: int, message: bytes) -> None:
        """Queue an event, or end the subscription where the reader is too far behind."""
        if self.farewell is not None:
            return
        if len(self._events) >= self._limit:
            self._events.clear()
            self._give_up("events came faster than they were read")
            return
        self._events.append((sequence, message))
        self._wake.set()

    def _give_up(self, reason: str) -> None:
        self.too_slow = True
        self.end(f"too slow: {reason}")

    def end(self, reason: str) -> None:
        """Say goodbye behind what is queued, and stop."""
        last = self._events[-1][0] if self._events else self._sent
        self.farewell = frame(Goodbye(reason, last))
        self.ended.set()
        self._wake.set()

    async def next_chunk(self) -> bytes:
        """Everything queued, as bytes to send. Empty after the goodbye went out."""
        while not (self._replies or self._gauges or self._events):
            if self.farewell is not None:
                return b""
            self._wake.clear()
            await self._wake.wait()
        # What a replay had shown before comes ahead of what it shows from there on.
        gauges = sorted(self._gauges, key=lambda topic: topic != "past")
        parts = [
            *self._replies,
            *(message for _, message in self._events),
            *(self._gauges[topic] for topic in gauges),
        ]
        if self._events:
            self._sent = self._events[-1][0]
        self._replies.clear()
        self._gauges.clear()
        self._events.clear()
        return b"".join(parts)


class Hub:
    """Keeps the latest gauges and the last events, and hands them to subscribers and taps.

    A tap (the recorder) sees every message at once and must not block.
    """

    def __init__(self, clock: Clock = time.time, ring: int = RING_EVENTS) -> None:
        self.instance = uuid.uuid4().hex
        self.sequence = 0
        self.dropped = 0
        """Subscribers that were let go because they read too slowly."""
        self.taps: list[Tap] = []
        self.when_watchers_change: Callable[[], None] = lambda: None
        self._clock = clock
        self._gauges: dict[Topic, Gauge] = {}
        self._ring: deque[tuple[int, bytes]] = deque(maxlen=ring)
        self._subscribers: dict[Subscriber, None] = {}
        self._epoch = 0

    def publish(self, payload: Payload, at: float | None = None) -> None:
        """Make `payload` the latest value of its topic. `at` (epoch seconds) is now unless
        replayed.

        A live value that did not change is not told again.
        """
        payload = scrub_record(payload)
        topic = TOPIC_OF[type(payload)]
        known = self._gauges.get(topic)
        if at is None and known is not None and known.payload == payload:
            return
        gauge = Gauge(at=self.now() if at is None else at, payload=payload, epoch=self._epoch)
        self._gauges[topic] = gauge
        for tap in self.taps:
            tap(gauge)
        message: bytes | None = None
        for subscriber in self._subscribers:
            if topic in subscriber.topics:
                message = message or frame(gauge)
                subscriber.gauge(topic, message)

    def event(
        self,
        kind: EventKind,
        text: str,
        level: Level = "info",
        node: str = "",
        at: float | None = None,
    ) -> None:
        """Tell everyone that something happened."""
        self.sequence += 1
        moment = self.now() if at is None else at
        event = Event(
            sequence=self.sequence, at=moment, kind=kind, text=scrub(text), level=level, node=node
        )
        for tap in self.taps:
            tap(event)
        message = frame(event)
        self._ring.append((self.sequence, message))
        for subscriber in self._subscribers:
            subscriber.event(self.sequence, message)

    def rewind(self, past: Past, at: float) -> None:
        """Begin anew with `past` at another moment: gauges of before are void."""
        self._epoch += 1
        self._gauges = {}
        self.publish(past, at=at)
        self._tell_watchers()

    def request(self, record: RequestRecord) -> None:
        """A request ended: told to taps as it is; consoles see it in the totals of its node."""
        record = scrub_record(record)
        for tap in self.taps:
            tap(record)

    def now(self) -> float:
        """Epoch seconds, to the millisecond that recordings keep."""
        return round(self._clock(), 3)

    def latest(self) -> Iterable[Gauge]:
        """The latest gauge of every topic that has one."""
        return tuple(self._gauges.values())

    def subscribe(self, subscriber: Subscriber, wanted: Subscribe) -> Subscribed:
        """Start sending to `subscriber`: the events it missed, the latest gauges, then what
        happens."""
        after, missed = self.sequence - RECENT_EVENTS, 0
        if wanted.after is not None and wanted.instance in ("", self.instance):
            after = wanted.after
            oldest = self._ring[0][0] if self._ring else self.sequence + 1
            missed = max(0, oldest - 1 - after)
        for sequence, message in self._ring:
            if sequence > after:
                subscriber.event(sequence, message)
        subscriber.topics = frozenset(wanted.topics)
        for topic, gauge in self._gauges.items():
            if topic in subscriber.topics:
                subscriber.gauge(topic, frame(gauge))
        subscriber.console, subscriber.owner = wanted.console, wanted.owner
        self._subscribers[subscriber] = None
        self._tell_watchers()
        return Subscribed(instance=self.instance, sequence=self.sequence, missed=missed)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        if subscriber in self._subscribers:
            del self._subscribers[subscriber]
            self.dropped += subscriber.too_slow
            self._tell_watchers()

    @property
    def backlog(self) -> int:
        """Events that wait for the slowest subscriber."""
        return max((subscriber.waiting for subscriber in self._subscribers), default=0)

    @property
    def owner(self) -> str:
        """The console that the engine stops with; empty where none watches."""
        return next((item.console for item in self._subscribers if item.owner), "")

    def appoint_owner(self) -> bool:
        """Make the engine the longest watching console's; False where none watches."""
        consoles = [subscriber for subscriber in self._subscribers if subscriber.console]
        if consoles and not any(console.owner for console in consoles):
            consoles[0].owner = True
            self._tell_watchers()
        return bool(consoles)

    def _tell_watchers(self) -> None:
        self.publish(
            Watchers(
                tuple(
                    Watcher(name=subscriber.console, owner=subscriber.owner)
                    for subscriber in self._subscribers
                    if subscriber.console
                )
            )
        )
        self.when_watchers_change()

    def close(self, reason: str) -> None:
        """Say goodbye to every subscriber."""
        for subscriber in self._subscribers:
            subscriber.end(reason)
