"""Work that takes a while, one piece at a time: begun, cancelled, shown, and its results kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from msgspec.structs import replace

from charter_engine.api.progress import Progress, Report
from charter_engine.contracts.gauges import Work, WorkKind, WorkResults
from charter_engine.errors import CharterError
from charter_engine.service.hub import Hub, Level

SHOW_SECONDS: Final = 0.2
"""Between two publications while the work reports its steps."""
TICK_SECONDS: Final = 1.0
"""Between two publications of the time it took so far, where nothing else is told."""
IN_WORDS: Final[dict[WorkKind, str]] = {
    "plan": "planning",
    "predict": "a sweep",
    "learn": "learning reuse times",
    "calibrate": "a calibration",
    "bench": "a benchmark",
    "answers": "a comparison of answers",
}
LEVELS: Final[dict[str, Level]] = {"failed": "error", "cancelled": "warning"}
log = logging.getLogger(__name__)
T = TypeVar("T")


class WorkManager:
    """The work in progress, or the last, and what each kind found last."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._task: asyncio.Task[object] | None = None
        self._showing: asyncio.TimerHandle | None = None
        self._has_news = False
        self.work = Work()
        self.results = WorkResults()

    @property
    def active(self) -> bool:
        return self.work.state in ("running", "stopping")

    @property
    def measuring(self) -> bool:
        """Whether a benchmark is in progress, whose figures other load would spoil."""
        return self.active and self.work.kind == "bench"

    def show(self) -> None:
        """Tell everyone what there is."""
        self._hub.publish(self.results)
        self._hub.publish(self.work)

    def start(
        self, kind: WorkKind, subject: str, work: Callable[[Report], Awaitable[object]]
    ) -> None:
        """Begin it. How it ends is told. Raises `CharterError` where other work is in progress."""
        self._begin(kind, subject, work).add_done_callback(_heard)

    async def result(
        self, kind: WorkKind, subject: str, work: Callable[[Report], Awaitable[T]]
    ) -> T:
        """Begin it, and wait for what it finds. Raises `CharterError`, also where it is
        cancelled."""
        return await asyncio.shield(self._begin(kind, subject, work))

    async def cancel(self) -> None:
        """Give up the work in progress. Returns when it ended. Raises `CharterError` if there is
        none."""
        if not self.active:
            raise CharterError("no work is in progress")
        await self.stop()

    async def stop(self) -> None:
        if self._task is None or self._task.done():
            return
        self._set(state="stopping")
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.active:  # it was cancelled before it took its first step
            self._end("cancelled")

    def _begin(
        self, kind: WorkKind, subject: str, work: Callable[[Report], Awaitable[T]]
    ) -> asyncio.Task[T]:
        if self.active:
            running = IN_WORDS[self.work.kind] if self.work.kind else "other work"
            raise CharterError(f"{running} is in progress", remedy="wait for it, or cancel it")
        self.work = Work(kind=kind, subject=subject, state="running", started_at=self._hub.now())
        self._show()
        self._hub.event("work", f"{IN_WORDS[kind]} began: {subject}")
        task = asyncio.create_task(self._execute(kind, work))
        self._task = task
        return task

    async def _execute(self, kind: WorkKind, work: Callable[[Report], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        try:
            found = await work(lambda step: _call(loop, self._progressed, step))
        except asyncio.CancelledError:
            self._end("cancelled")
            raise CharterError(f"{IN_WORDS[kind]} was cancelled") from None
        except CharterError as refusal:
            self._end("failed", refusal.message, refusal.remedy)
            raise
        except Exception as error:
            log.exception("%s failed", IN_WORDS[kind])
            told = f"{type(error).__name__}: {error}"
            self._end("failed", told, "the engine's log has the details")
            raise CharterError(told) from error
        self.results = replace(self.results, **{kind: found})
        self._end("cancelled" if self.work.state == "stopping" else "done")
        return found

    def _progressed(self, step: Progress) -> None:
        if self.work.state != "running":
            return
        self.work = replace(self.work, stage=step.stage, done=step.done, total=step.total)
        if not self._has_news:
            self._has_news = True
            self._show_in(SHOW_SECONDS)

    def _end(self, state: str, error: str = "", remedy: str = "") -> None:
        took = self._elapsed_ms
        self._set(state=state, elapsed_ms=took, left_ms=None, error=error, remedy=remedy)
        kind = self.work.kind
        told = f"{IN_WORDS[kind] if kind else 'work'} {state} after {took / 1000:.1f} s"
        self._hub.event(
            "work", f"{told}: {error}" if error else told, level=LEVELS.get(state, "info")
        )

    def _set(self, **changes: object) -> None:
        self.work = replace(self.work, **changes)
        self._show()

    @property
    def _elapsed_ms(self) -> float:
        return round((self._hub.now() - self.work.started_at) * 1000, 1)

    def _show(self) -> None:
        """Tell it now, and while the work goes on again within a tick."""
        self._has_news = False
        if self._showing is not None:
            self._showing.cancel()
        if self.active:
            elapsed = self._elapsed_ms
            self.work = replace(self.work, elapsed_ms=elapsed, left_ms=left_ms(self.work, elapsed))
            self._show_in(TICK_SECONDS)
        self.show()

    def _show_in(self, seconds: float) -> None:
        if self._showing is not None:
            self._showing.cancel()
        self._showing = asyncio.get_running_loop().call_later(seconds, self._show)


def left_ms(work: Work, elapsed_ms: float) -> float | None:
    """How long work goes on whose steps take as long as those before; None where it does not tell
    how many are left."""
    if work.state != "running" or not work.done or work.total is None:
        return None
    return round(elapsed_ms / work.done * max(0, work.total - work.done), 1)


def _call(
    loop: asyncio.AbstractEventLoop, heard: Callable[[Progress], None], step: Progress
) -> None:
    """Progress is told from threads, too, and the last of it when the loop may be closed."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(heard, step)


def _heard(task: "asyncio.Task[object]") -> None:
    """The failure was told to everyone."""
    if not task.cancelled():
        task.exception()
