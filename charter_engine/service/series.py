"""Once a second: what was computed, how long first tokens took, and how full the pool was.

The last hour is held in memory second by second, and the last day minute by minute; the database
has them for longer.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

from charter_engine.contracts.gauges import Event, Gauge, Gpu, Ticked, Triton
from charter_engine.contracts.gpu import GpuStatus
from charter_engine.contracts.live import KvPool, RequestRecord, TritonSample
from charter_engine.contracts.series import Tick
from charter_engine.service.hub import Hub
from charter_engine.service.sampling import regularly
from charter_engine.service.session_store import SessionStore
from charter_engine.store.ticks import thinned, together

SECONDS_KEPT = 3_600
"""An hour, as long as a console looks back."""
MINUTES_KEPT = 1_440
"""A day."""
MINUTE = 60
KEPT_TOGETHER = 10
"""Seconds that are written to the database at once: what an engine that is killed has not kept."""


class PromptTokens(NamedTuple):
    """The prompt tokens of some requests, and those of them that were computed."""

    prompt: float = 0.0
    computed: float = 0.0


class Series:
    """Hears every request and sample at the hub, and publishes a tick a second."""

    def __init__(self, hub: Hub, store: SessionStore) -> None:
        self._hub = hub
        self._store = store
        self._unkept: deque[Tick] = deque(maxlen=SECONDS_KEPT)
        self._keeping: asyncio.Task[None] | None = None
        self._requests: list[RequestRecord] = []
        self._pool: KvPool | None = None
        self._waiting: int | None = None
        self._counted: PromptTokens | None = None
        self._gpu = GpuStatus()
        self._seconds: deque[Tick] = deque(maxlen=SECONDS_KEPT)
        self._minutes: deque[Tick] = deque(maxlen=MINUTES_KEPT)
        self._task: asyncio.Task[None] | None = None
        hub.taps.append(self._tap)

    def start(self) -> None:
        self._task = asyncio.create_task(regularly(self.tick))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._keep()

    async def tick(self) -> None:
        """A second is over."""
        requests, self._requests = self._requests, []
        counted, self._counted = self._counted, self._counted and PromptTokens()
        made = tick_of(
            self._hub.now(), requests, self._pool, self._waiting, self._gpu, counted=counted
        )
        self._drop_what_lies_ahead(made.at)
        self._seconds.append(made)
        last_minute = self._minutes[-1].at if self._minutes else self._seconds[0].at
        if made.at - last_minute >= MINUTE:
            fresh = [one for one in self._seconds if one.at > last_minute]
            self._minutes.append(together(fresh))
        self._hub.publish(Ticked(made))
        self._unkept.append(made)
        if len(self._unkept) >= KEPT_TOGETHER and (self._keeping is None or self._keeping.done()):
            # On its own: a database that makes us wait must not hold up the next second.
            self._keeping = asyncio.create_task(self._keep())

    def _drop_what_lies_ahead(self, now: float) -> None:
        """Forget what a clock told that was set back since."""
        for kept in (self._seconds, self._minutes):
            while kept and kept[-1].at > now:
                kept.pop()

    def last(self, seconds: float, most: int) -> tuple[Tick, ...]:
        """The ticks of the last so many seconds that are in memory, oldest first, at most so many
        of them."""
        kept = self._seconds if seconds <= SECONDS_KEPT else self._minutes
        begin = self._hub.now() - seconds
        return thinned([one for one in kept if one.at >= begin], most)

    async def before(self, until: float | None, seconds: float, most: int) -> tuple[Tick, ...]:
        """The ticks of the so many seconds before an epoch second (None: until now), oldest first,
        at most so many of them: out of the database where memory does not reach so far. Raises
        `CharterError`."""
        end = self._hub.now() if until is None else until
        if self._holds(end - seconds):
            held = [one for one in self._seconds if end - seconds <= one.at <= end]
            return thinned(held, most)
        await self._keep()
        return await self._store.ticks(end - seconds, end, most) or (
            self.last(seconds, most) if until is None else ()
        )

    def _holds(self, begin: float) -> bool:
        return bool(self._seconds) and self._seconds[0].at - self._seconds[0].seconds <= begin

    async def _keep(self) -> None:
        """Write what is not in the database yet; what cannot be is tried again with the next."""
        ticks = list(self._unkept)
        if ticks and await self._store.save_ticks(ticks):
            while self._unkept and self._unkept.popleft() is not ticks[-1]:
                pass

    def _tap(self, message: Gauge | Event | RequestRecord) -> None:
        if isinstance(message, RequestRecord):
            self._requests.append(message)
        elif isinstance(message, Gauge):
            match message.payload:
                case Triton(sample):
                    self._pool, self._waiting = sample.kv_pool, sample.waiting_requests
                    self._count(sample)
                case Gpu(status):
                    self._gpu = status

    def _count(self, sample: TritonSample) -> None:
        """Add what the server itself counted since the sample before."""
        grown, before = counted_in(sample), self._counted or PromptTokens()
        self._counted = grown and PromptTokens(
            before.prompt + grown.prompt, before.computed + grown.computed
        )


def counted_in(sample: TritonSample) -> PromptTokens | None:
    """What a server counted since the sample before; of one that counts blocks alone, by their
    size. None where it counts neither."""
    rates, pool = sample.rates, sample.kv_pool
    if rates is None:
        return None
    prompt = rates.prompt_tokens
    if prompt is None and rates.prompt_blocks is not None and pool is not None:
        prompt = rates.prompt_blocks * pool.tokens_per_block
    if prompt is None or (prompt and rates.hit_rate is None):
        return None
    tokens = prompt * rates.seconds
    return PromptTokens(tokens, tokens * (1 - (rates.hit_rate or 0.0)))


def tokens_of(requests: Iterable[RequestRecord]) -> PromptTokens:
    """Of the requests whose reuse was told."""
    told = [one for one in requests if one.computed_tokens is not None]
    return PromptTokens(
        sum(one.prompt_tokens or 0 for one in told), sum(one.computed_tokens or 0 for one in told)
    )


def tick_of(
    at: float,
    requests: Iterable[RequestRecord],
    pool: KvPool | None,
    waiting: int | None,
    gpu: GpuStatus,
    *,
    counted: PromptTokens | None = None,
) -> Tick:
    """What a second came to; `counted` is what the server itself counted in it."""
    answered = [one for one in requests if one.error is None]
    ttfts = [one.ttft_ms for one in answered if one.ttft_ms is not None]
    tokens = tokens_of(answered) if counted is None else counted
    return Tick(
        at=at,
        requests=len(answered),
        prompt_tokens=round(tokens.prompt),
        computed_tokens=round(tokens.computed),
        ttft_ms=fmean(ttfts) if ttfts else None,
        pool_used=pool.used_share if pool else None,
        waiting=waiting,
        gpu_utilization=gpu.utilization,
        gpu_memory_used=gpu.memory_used,
    )
