"""What arrived and was not yet taken: the latest gauge of each topic, every event in order."""

import asyncio
from collections import deque

from charter_engine.contracts.gauges import TOPIC_OF, Event, Gauge, Topic

FULL_EVENTS = 5_000
"""Five seconds of 1,000 events each, the most that a console is measured under."""


class Inbox:
    """Between the task that reads a connection and the one that shows what came.

    A full inbox makes the reading task wait, so that the engine notices a console that can't keep
    up.
    """

    def __init__(self, full: int = FULL_EVENTS) -> None:
        self._gauges: dict[Topic, Gauge] = {}
        self._events: deque[Event] = deque()
        self._full = full
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = False

    def open(self) -> None:
        """A connection stands: `take` waits for more from now on."""
        self._ended = False

    def end(self) -> None:
        """The connection ended: `take` gives what is left, then nothing."""
        self._ended = True
        self._changed.set()

    def put(self, message: Gauge | Event) -> None:
        if isinstance(message, Gauge):
            topic = TOPIC_OF[type(message.payload)]
            self._gauges.pop(topic, None)
            self._gauges[topic] = message
        else:
            self._events.append(message)
        self._changed.set()

    async def room(self) -> None:
        """Wait until the events that came were taken."""
        while len(self._events) >= self._full:
            self._room.clear()
            await self._room.wait()

    async def take(self) -> list[Gauge | Event]:
        """All that waits, oldest first; empty once the connection ended."""
        while not (self._gauges or self._events or self._ended):
            self._changed.clear()
            await self._changed.wait()
        taken: list[Gauge | Event] = [*self._events, *self._gauges.values()]
        self._events.clear()
        self._gauges.clear()
        self._room.set()
        return sorted(taken, key=lambda message: message.at)
