"""How late an event loop runs what is due."""

import asyncio
import time

INTERVAL_SECONDS = 0.25
"""Four looks to a sample of the engine."""
KEPT = 4
"""The looks of one second, as long as a sample lasts."""


class LoopLag:
    """Measures, four times a second, how late a timer comes; `seconds` is the worst of the last
    second."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def seconds(self) -> float:
        return max(self._late, default=0.0)

    def start(self) -> None:
        self._task = asyncio.create_task(self._measure())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _measure(self) -> None:
        while True:
            due = time.monotonic() + INTERVAL_SECONDS
            await asyncio.sleep(INTERVAL_SECONDS)
            self._late = [*self._late[1 - KEPT :], max(0.0, time.monotonic() - due)]
