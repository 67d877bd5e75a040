"""The watch over the last push: told as it goes on, and the push taken back where it must be."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from charter_engine.api.watching import WatchedPush
from charter_engine.contracts.deploy import PushReport, WatchReport
from charter_engine.contracts.gauges import PushWatched
from charter_engine.errors import CharterError
from charter_engine.service.hub import Hub

log = logging.getLogger(__name__)

TakeBack = Callable[[WatchReport], Awaitable[PushReport]]


class PushWatcher:
    """Watches one push at a time, the last."""

    def __init__(self, hub: Hub, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._told = PushWatched()

    @property
    def active(self) -> bool:
        """Whether a push is watched, or being taken back."""
        return self._task is not None and not self._task.done()

    async def start(self, watched: WatchedPush, revision: int, take_back: TakeBack) -> None:
        """Watch that revision for as long as is asked; `take_back` is how it is taken back."""
        await self.stop()
        seconds = watched.asked.seconds
        self._told = PushWatched(revision=revision, started_at=self._clock(), seconds=seconds)
        self._task = asyncio.create_task(self._watch(watched, take_back))

    async def end(self) -> None:
        """Watch no longer: the push stands. One that is being taken back goes on to be."""
        if self._told.report is None or self._told.report.outcome != "watching":
            return
        await self.stop()
        self._end_early()
        self._hub.event("push", f"revision {self._told.revision} is watched no longer: it stands")

    async def stop(self) -> None:
        """As the engine does when it ends; nothing is told."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _watch(self, watched: WatchedPush, take_back: TakeBack) -> None:
        revision = self._told.revision
        try:
            told = await watched.observed(self._show)
            self._show(told)
            if told.outcome == "taken back":
                await take_back(told)
            else:
                self._hub.event("push", f"revision {revision}: {_in_words(told)}")
        except CharterError as error:
            self._end_early()
            told_why = f"revision {revision} is watched no longer: {error}"
            self._hub.event("push", told_why, level="error")
        except Exception:
            self._end_early()
            log.exception("watching revision %d failed", revision)

    def _end_early(self) -> None:
        if self._told.report is not None:
            self._show(replace(self._told.report, outcome="ended early"))

    def _show(self, told: WatchReport) -> None:
        self._told = replace(self._told, report=told)
        self._hub.publish(self._told)


def _in_words(told: WatchReport) -> str:
    """How a watch ended that took nothing back."""
    match told.outcome:
        case "kept":
            return f"kept after {told.seconds:.0f} s: nothing is worse by {told.margin:.0%}"
        case "not compared":
            return (
                f"not compared: {told.requests_before} requests before, {told.requests_after} after"
            )
        case _:
            return "watched no longer: another revision is live"
