"""Which of a run's requests go ahead, so that those behind them find what they share stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from charter_engine.kvcache.predict.run_arrivals import CONTENTION

HEAD_START_SECONDS = 0.3
"""About what the prefill of 8,000 tokens takes an 8B model on an H100."""
UNTIL_ANSWERED = 3600.0
"""Longer than any answer takes."""


class HeadStarts:
    """The head starts of one run, by the name of what requests share: a cache group, or a wave."""

    def __init__(self) -> None:
        self._ahead: dict[str, asyncio.Event] = {}
        self._slowest: tuple[float, int] | None = None

    @asynccontextmanager
    async def turn(self, name: str | None, head_start: float | None) -> AsyncIterator[None]:
        """Let the first request of a name go ahead. None: it waits for nobody.

        The others wait for its prompt to be computed, not for its text to be written; since only a
        server that streams would tell when that is, they give it a head start in seconds. None:
        nobody knows yet how long a first token takes here, and they wait for the answer.
        """
        if name is None:
            yield
            return
        if name in self._ahead:
            await self._ahead[name].wait()
            yield
            return
        ahead = self._ahead[name] = asyncio.Event()
        timer = asyncio.get_running_loop().call_later(
            UNTIL_ANSWERED if head_start is None else head_start, ahead.set
        )
        try:
            yield
        finally:
            timer.cancel()
            ahead.set()

    def see(self, ttft_ms: float | None, characters: int) -> None:
        """When a prompt of this length had its first token. Where a server does not tell, a fixed
        time stands for it."""
        seen = (HEAD_START_SECONDS if ttft_ms is None else ttft_ms / 1000, characters)
        self._slowest = max(self._slowest or seen, seen)

    def first_token_of(self, characters: int) -> float | None:
        """Seconds after which a prompt of this length has its first token, by the slowest one seen;
        None before there was any. Too long costs little: an answer ends it."""
        if self._slowest is None:
            return None
        seconds, length = self._slowest
        return CONTENTION * seconds * max(1.0, characters / max(1, length))
