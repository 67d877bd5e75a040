"""How long requests wait and take where it is known what each of them reuses.

The scheduler is that of `timeline`, in a fraction of its time: of the pool only what running
requests hold is counted, and they all decode in step.
"""

import heapq
from collections import deque
from dataclasses import dataclass

import numpy as np

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.arrivals import Arrivals
from charter_engine.kvcache.predict.latency import LatencyModel
from charter_engine.kvcache.predict.timeline import Timing
from charter_engine.kvcache.workload.columns import Floats, Ints, Workload


@dataclass(frozen=True)
class QueuedTimes:
    """Times in ms, one entry a request: how long the first token took from the arrival on, NaN for
    a request that never fitted, and `makespan_ms`, from the first arrival to the last end."""

    ttft_ms: Floats
    makespan_ms: float


def queued_times(
    workload: Workload,
    reused_tokens: Ints,
    onboarded_blocks: Ints,
    settings: PoolSettings,
    timing: Timing,
    latency: LatencyModel,
) -> QueuedTimes:
    """Serve the requests in the order of their arrival, each reusing what is given.

    A request is admitted when all running ones and it can end without being paused, whatever the
    scheduler's policy; blocks that running requests share count once for each. Raises ValueError
    where requests wait for each other in a circle.
    """
    queue = _Queue(workload, reused_tokens, onboarded_blocks, settings, timing, latency)
    queue.run()
    start = float(workload.arrival_ms.min(initial=np.inf)) if len(workload) else 0.0
    return QueuedTimes(np.array(queue.ttft_ms), max(0.0, queue.now - start))


class _Queue:
    def __init__(
        self,
        workload: Workload,
        reused_tokens: Ints,
        onboarded_blocks: Ints,
        settings: PoolSettings,
        timing: Timing,
        latency: LatencyModel,
    ) -> None:
        size = settings.tokens_per_block
        self.now = 0.0
        self.ttft_ms = [np.nan] * len(workload)
        self._arrivals = Arrivals(workload, timing.after)
        self._most = timing.max_batch_size
        self._latency = latency
        self._prompt: list[int] = workload.input_length.tolist()
        self._output: list[int] = workload.output_length.tolist()
        whole = workload.input_length + workload.output_length
        self._blocks: list[int] = (-(-whole // size)).tolist()
        self._reused: list[int] = reused_tokens.clip(0).tolist()
        self._onboarded: list[int] = (onboarded_blocks * size).tolist()
        self._arrived = [0.0] * len(workload)
        self._waiting: deque[int] = deque()
        self._free = settings.usable_gpu_blocks
        self._context = 0
        """Tokens of all running requests together."""
        self._steps = 0
        """Iterations so far in which running requests decoded."""
        self._ends: list[tuple[int, int]] = []
        """Running requests by the step after which each has ended."""

    def run(self) -> None:
        """Serve everything."""
        while self._arrivals or self._waiting or self._ends:
            if not self._waiting and not self._ends:
                self.now = max(self.now, self._arrivals.next_ms)
            for arrived, request in self._arrivals.until(self.now):
                self._arrived[request] = arrived
                self._waiting.append(request)
            self._iterate(self._admitted())
        self._arrivals.require_all_came()

    def _admitted(self) -> list[int]:
        """The waiting requests that fit."""
        admitted: list[int] = []
        while self._waiting and len(self._ends) + len(admitted) < self._most:
            request = self._waiting[0]
            if self._blocks[request] > self._free:
                if self._ends or admitted:
                    break
                self._waiting.popleft()
                self._arrivals.ended(request, self.now)
                continue
            self._waiting.popleft()
            self._free -= self._blocks[request]
            self._context += self._prompt[request]
            admitted.append(request)
        return admitted

    def _iterate(self, admitted: list[int]) -> None:
        """Compute the admitted prompts and one token of every running request; without prompts,
        decode on to the next arrival or end."""
        latency, decoding = self._latency, len(self._ends)
        prefill = 0.0
        for request in admitted:
            reused = self._reused[request]
            prefill += latency.prefill_ms(self._prompt[request] - reused, reused)
            self.now += latency.starting_ms(self._onboarded[request])
        if decoding:
            steps = 1 if admitted else self._steps_at_once()
            self.now += steps * latency.step_ms(self._context + steps * decoding / 2, prefill)
            self._steps += steps
            self._context += steps * decoding
        elif admitted:
            self.now += latency.iteration_ms(prefill)
        for request in admitted:
            self.ttft_ms[request] = self.now - self._arrived[request]
            begun = min(1, self._output[request])
            self._context += begun
            heapq.heappush(self._ends, (self._steps + self._output[request] - begun, request))
        while self._ends and self._ends[0][0] <= self._steps:
            self._end(heapq.heappop(self._ends)[1])

    def _steps_at_once(self) -> int:
        steps = self._ends[0][0] - self._steps
        step = self._latency.step_ms(self._context)
        upcoming = self._arrivals.next_ms
        if upcoming < np.inf and len(self._ends) < self._most and step > 0:
            steps = min(steps, int((upcoming - self.now) / step) + 1)
        return max(1, steps)

    def _end(self, request: int) -> None:
        self._free += self._blocks[request]
        self._context -= self._prompt[request] + self._output[request]
        self._arrivals.ended(request, self.now)
