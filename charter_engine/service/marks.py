"""What is marked on the time axis: an operator's notes, and what happened to the deployment.

Marks that the database does not take yet are held here, and offered to it again.
"""

import asyncio
from collections import deque
from typing import Final

from charter_engine.api.texts import without_text
from charter_engine.contracts.gauges import MARKED, Event, Gauge, Marker
from charter_engine.contracts.live import RequestRecord
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.sampling import regularly
from charter_engine.service.session_store import SessionStore

MOST_HELD: Final = 1_000
"""Assumed: without a database, the pushes and notes of weeks."""
LONGEST_NOTE: Final = 500
"""Characters: a note is a line."""


class Marks:
    """Hears every event at the hub, and keeps those that are marked. `keeps_text` False leaves out
    words of servers and prompts; an operator's own words stay."""

    def __init__(self, hub: Hub, store: SessionStore, *, keeps_text: bool = True) -> None:
        self._hub = hub
        self._store = store
        self._keeps_text = keeps_text
        self._held: deque[Marker] = deque(maxlen=MOST_HELD)
        self._task: asyncio.Task[None] | None = None
        hub.taps.append(self._tap)

    def start(self) -> None:
        self._task = asyncio.create_task(regularly(self.keep))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.keep()

    def note(self, text: str, node: str = "") -> None:
        """Mark this moment with an operator's words. Raises `UsageError` where they are no line."""
        words = " ".join(text.split())
        if not words:
            raise UsageError("a note has no words", remedy="say what is worth remembering")
        if len(words) > LONGEST_NOTE:
            raise UsageError(
                f"a note of {len(words):,} characters is no line",
                remedy=f"say it in at most {LONGEST_NOTE}",
            )
        self._hub.event("note", words, node=node)

    async def before(self, until: float | None, seconds: float, most: int) -> tuple[Marker, ...]:
        """The last `most` marks of the so many seconds before an epoch second (None: now), oldest
        first. Raises `CharterError`."""
        end = self._hub.now() if until is None else until
        begin = end - seconds
        held = [one for one in self._held if begin <= one.at <= end]
        kept = await self._store.marks(begin, end, most)
        both = dict.fromkeys((*kept, *held))
        return tuple(sorted(both, key=lambda mark: mark.at))[-most:]

    async def keep(self) -> None:
        """Write what the database does not have yet; what it does not take is offered again."""
        marks = tuple(self._held)
        if marks and await self._store.save_marks(marks):
            more = (one for one in self._held if one not in marks)
            self._held = deque(more, maxlen=MOST_HELD)

    def _tap(self, message: Gauge | Event | RequestRecord) -> None:
        if isinstance(message, Event) and message.kind in MARKED:
            told = message if self._keeps_text else without_text(message)
            self._held.append(Marker(told.at, told.kind, told.text, told.level, told.node))
