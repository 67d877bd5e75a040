"""Once a second: what was computed, how long first tokens took, and how full the pool was.

The last hour is kept second by second, and the last day minute by minute.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from statistics import fmean

from charter_engine.contracts.live import KvPool, RequestRecord
from charter_engine.contracts.protocol import Event, Gauge, Gpu, Ticked, Triton
from charter_engine.contracts.series import Tick
from charter_engine.service.hub import Hub
from charter_engine.service.sampling import regularly

SECONDS_KEPT = 3_600
MINUTES_KEPT = 1_440
MINUTE = 60


class Series:
    """Hears every request and sample at the hub, and publishes a tick a second."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._requests: list[RequestRecord] = []
        self._pool: KvPool | None = None
        self._waiting: int | None = None
        self._gpu: float | None = None
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

    async def tick(self) -> None:
        """A second is over."""
        requests, self._requests = self._requests, []
        made = tick_of(self._hub.now(), requests, self._pool, self._waiting, self._gpu)
        self._seconds.append(made)
        last_minute = self._minutes[-1].at if self._minutes else self._seconds[0].at
        if made.at - last_minute >= MINUTE:
            fresh = [one for one in self._seconds if one.at > last_minute]
            self._minutes.append(together(fresh))
        self._hub.publish(Ticked(made))

    def last(self, seconds: float, most: int) -> tuple[Tick, ...]:
        """The ticks of the last so many seconds, oldest first, at most so many of them."""
        kept = self._seconds if seconds <= SECONDS_KEPT else self._minutes
        begin = self._hub.now() - seconds
        return thinned([one for one in kept if one.at >= begin], most)

    def _tap(self, message: Gauge | Event | RequestRecord) -> None:
        if isinstance(message, RequestRecord):
            self._requests.append(message)
        elif isinstance(message, Gauge):
            match message.payload:
                case Triton(sample):
                    self._pool, self._waiting = sample.kv_pool, sample.waiting_requests
                case Gpu(status):
                    shares = [gpu.utilization for gpu in status.gpus if gpu.utilization is not None]
                    self._gpu = fmean(shares) if shares else None


def tick_of(
    at: float,
    requests: Iterable[RequestRecord],
    pool: KvPool | None,
    waiting: int | None,
    gpu: float | None,
) -> Tick:
    """What a second came to."""
    answered = [one for one in requests if one.error is None]
    told = [one for one in answered if one.prompt_tokens is not None]
    ttfts = [one.ttft_ms for one in answered if one.ttft_ms is not None]
    prompt = sum(one.prompt_tokens or 0 for one in told)
    return Tick(
        at=at,
        requests=len(answered),
        prompt_tokens=prompt,
        computed_tokens=prompt - sum(one.reused_tokens or 0 for one in told),
        ttft_ms=fmean(ttfts) if ttfts else None,
        pool_used=pool.used_blocks / pool.max_blocks if pool and pool.max_blocks else None,
        waiting=waiting,
        gpu_utilization=gpu,
    )


def thinned(ticks: Sequence[Tick], most: int) -> tuple[Tick, ...]:
    """At most so many ticks: neighbours are put together where there are more."""
    if most < 1:
        return ()
    step = -(-len(ticks) // most) or 1
    return tuple(together(ticks[at : at + step]) for at in range(0, len(ticks), step))


def together(ticks: Sequence[Tick]) -> Tick:
    """Neighbouring ticks as one: sums of what was counted, means of what was sampled."""
    if len(ticks) == 1:
        return ticks[0]
    timed = [(one.ttft_ms, one.requests) for one in ticks if one.ttft_ms is not None]
    weight = sum(requests for _, requests in timed)
    return Tick(
        at=ticks[-1].at,
        seconds=sum(one.seconds for one in ticks),
        requests=sum(one.requests for one in ticks),
        prompt_tokens=sum(one.prompt_tokens for one in ticks),
        computed_tokens=sum(one.computed_tokens for one in ticks),
        ttft_ms=sum(ttft * requests for ttft, requests in timed) / weight if weight else None,
        pool_used=_mean(one.pool_used for one in ticks),
        waiting=_mean(one.waiting for one in ticks),
        gpu_utilization=_mean(one.gpu_utilization for one in ticks),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
