"""Requests served over simulated time: arrivals, a batch, prefill and decode, blocks held while a
request runs.

The scheduler works in iterations, as TensorRT-LLM's in-flight batching does: an iteration computes
the prompts just admitted and one token of every running request. Iterations in which nothing is
admitted and nothing ends are taken together.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from charter_engine.bls.retention import Retention
from charter_engine.kvcache.manager.block_manager import BlockManager
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.arrivals import Arrivals
from charter_engine.kvcache.predict.latency import LatencyModel
from charter_engine.kvcache.predict.releases import Releases
from charter_engine.kvcache.predict.run_arrivals import RunArrivals, Sending
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.content import Content

Policy = Literal["guaranteed_no_evict", "max_utilization"]


class Timing(Struct, frozen=True, kw_only=True):
    """How requests are scheduled.

    `guaranteed_no_evict` admits a request when all running ones and it can end without being
    paused; `max_utilization` as soon as its prompt fits, and pauses the youngest request when
    blocks run out.

    A request for which `after` names others, by their places in the workload, arrives the moment
    the last of them has ended, and its time stamp counts for nothing. Empty: requests follow one
    another as the workload says, and all others arrive by their time stamps. `sending` replaces all
    of that: requests come as one of Charter's own runs sends them.

    With `chunk_tokens` an iteration computes so many tokens of each prompt at most.
    """

    after: tuple[tuple[int, ...], ...] = ()
    sending: Sending | None = None
    max_batch_size: int = 64
    chunk_tokens: int | None = None
    scheduler_policy: Policy = "guaranteed_no_evict"

    def __post_init__(self) -> None:
        if self.max_batch_size < 1:
            raise ValueError(f"max_batch_size is {self.max_batch_size}; at least 1 is needed")


class UsedCache(NamedTuple):
    """A cache with what earlier workloads left in it, and how long it has been used for, in ms."""

    manager: BlockManager
    used_ms: float = 0.0


@dataclass
class ServedRequest:
    """What one request got. Times in ms from the start of the workload; `reused_tokens` -1: it
    never fitted."""

    reused_tokens: int = -1
    reused_blocks: int = 0
    missed_blocks: int = 0
    onboarded_blocks: int = 0
    arrived_ms: float = 0.0
    first_token_ms: float = 0.0
    ended_ms: float = 0.0
    pauses: int = 0


@dataclass
class _Running:
    """A request that waits or runs. Its tokens are made when it starts: thousands may wait, and
    what never fits never has any."""

    request: int
    length: int
    to_generate: int
    tokens: list[int] | None = None
    generated: int = 0
    computed: int = 0

    @property
    def left(self) -> int:
        return self.to_generate - self.generated

    @property
    def in_context(self) -> bool:
        """Whether some of its prompt is still to be computed."""
        return self.computed < self.length


class Timeline:
    """One run of a workload through a block manager."""

    def __init__(
        self,
        workload: Workload,
        settings: PoolSettings,
        timing: Timing,
        latency: LatencyModel,
        retention: Sequence[Retention | None] | None = None,
        releases: Releases | None = None,
        cache: UsedCache | None = None,
    ) -> None:
        """`cache`: None, an empty one. Raises ValueError where `timing` is not one entry a
        request."""
        self._cache = cache or unused_cache(settings, (workload,))
        self.manager = self._cache.manager
        self.manager.count_anew()
        self.served = [ServedRequest() for _ in range(len(workload))]
        self.peak_blocks = 0
        self.now = 0.0
        self._settings = self.manager.settings
        self._timing = timing
        self._latency = latency
        self._workload = workload
        self._retention = retention
        self._releases = releases
        self._content = Content(workload)
        self._waiting: deque[_Running] = deque()
        self._running: list[_Running] = []
        self._starting_ms = 0.0
        self._arrivals = (
            Arrivals(workload, timing.after)
            if timing.sending is None
            else RunArrivals(workload, timing.sending)
        )

    def run(self) -> None:
        """Serve everything. Raises ValueError where requests wait for each other in a circle."""
        while self._arrivals or self._waiting or self._running:
            if not self._waiting and not self._running:
                self.now = max(self.now, self._arrivals.next_ms)
            for arrived, request in self._arrivals.until(self.now):
                self._waiting.append(self._arrival(arrived, request))
            self.manager.set_time(self._cache.used_ms + self.now)
            self.manager.refresh()
            self._admit()
            self._iterate(self._arrivals.next_ms)
        self._arrivals.require_all_came()

    @property
    def left_behind(self) -> UsedCache:
        """The cache as it is by now."""
        return UsedCache(self.manager, self._cache.used_ms + self.now)

    def _arrival(self, at: float, request: int) -> _Running:
        self.served[request].arrived_ms = at
        workload = self._workload
        return _Running(
            request, int(workload.input_length[request]), int(workload.output_length[request])
        )

    def _ended(self, request: int) -> None:
        """Note that a request is through, or refused."""
        self.served[request].ended_ms = self.now
        self._arrivals.ended(request, self.now)

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self._settings.tokens_per_block)

    def _admit(self) -> None:
        """Start waiting requests while they fit. One that fits into no pool is refused."""
        while self._waiting and len(self._running) < self._timing.max_batch_size:
            candidate = self._waiting[0]
            if not self._fits(candidate):
                if self._running:
                    break
                self._waiting.popleft()
                self._ended(candidate.request)
                continue
            self._waiting.popleft()
            self._start(candidate)

    def _fits(self, candidate: _Running) -> bool:
        free = self.manager.free_gpu_blocks
        if self._timing.scheduler_policy == "max_utilization":
            return self._blocks(candidate.length + min(1, candidate.left)) <= free
        promised = sum(
            self._blocks(running.length + running.left) - self._blocks(running.length)
            for running in self._running
        )
        return promised + self._blocks(candidate.length + candidate.left) <= free

    def _start(self, candidate: _Running) -> None:
        request, counters = candidate.request, self.manager.counters
        onboarded = counters.onboards
        retention = self._retention[request] if self._retention else None
        if candidate.tokens is None:
            candidate.tokens = self._content.prompt(request)
        admission = self.manager.add(request, candidate.tokens, retention=retention)
        onboarded = counters.onboards - onboarded
        self._running.append(candidate)
        self._note_peak()
        served = self.served[request]
        if served.reused_tokens < 0:
            served.reused_tokens = admission.reused_tokens
            served.reused_blocks, served.missed_blocks = (
                admission.reused_blocks,
                admission.missed_blocks,
            )
        served.onboarded_blocks += onboarded
        # What a request costs beside its tokens.
        tokens = onboarded * self._settings.tokens_per_block
        self._starting_ms += self._latency.starting_ms(tokens)
        candidate.computed = admission.reused_tokens

    def _compute(self, contexts: list[_Running]) -> tuple[float, list[_Running]]:
        """Compute prompts, or the next chunk of each: for how long, and those that are whole by
        that."""
        took = 0.0
        for one in contexts:
            missing = one.length - one.computed
            count = min(missing, self._timing.chunk_tokens or missing)
            took += self._latency.prefill_ms(count, one.computed)
            one.computed += count
            if not one.in_context:
                self.manager.store_context(one.request)
        return took, [one for one in contexts if not one.in_context]

    def _iterate(self, upcoming: float) -> None:
        """Compute prompts and decode; without prompts, on to the next arrival or end."""
        latency = self._latency
        contexts = [running for running in self._running if running.in_context]
        decoding = [running for running in self._running if not running.in_context]
        self.now += self._starting_ms
        self._starting_ms = 0.0
        prefill, admitted = self._compute(contexts)
        steps = 1
        context = sum(running.length for running in self._running)
        if not contexts and decoding:
            steps = max(1, min(running.left for running in decoding))
            step = latency.step_ms(context)
            if upcoming < np.inf and len(self._running) < self._timing.max_batch_size and step > 0:
                steps = max(1, min(steps, int((upcoming - self.now) / step) + 1))
        if decoding:
            self.now += steps * latency.step_ms(context + steps * len(decoding) / 2, prefill)
        elif contexts:
            self.now += latency.iteration_ms(prefill)
        fresh = {id(started) for started in admitted}
        for started in admitted:
            served = self.served[started.request]
            if not served.first_token_ms:
                served.first_token_ms = self.now
                self._arrivals.first_token(started.request, self.now - served.arrived_ms)
        for running in list(self._running):
            if running in self._running and not running.in_context:
                self._generate(running, 1 if id(running) in fresh else steps)
        through = [one for one in self._running if one.left <= 0 and not one.in_context]
        for running in through:
            self.manager.finish(running.request)
            self._running.remove(running)
            self._release_after(running.request)
            self._ended(running.request)

    def _generate(self, running: _Running, count: int) -> None:
        count = min(count, running.left)
        if count <= 0:
            return
        needed = self._blocks(running.length + count) - self._blocks(running.length)
        while needed > self.manager.free_gpu_blocks:
            youngest = self._running[-1]
            self._pause(youngest)
            if youngest is running:
                return
        output = self._content.output(running.request)
        tokens = output[running.generated : running.generated + count]
        self.manager.append(running.request, tokens)
        assert running.tokens is not None
        running.tokens += tokens
        running.length += count
        running.computed += count
        running.generated += count
        self._note_peak()

    def _release_after(self, request: int) -> None:
        """Carry out what a request that is through releases."""
        for release in self._releases[request] if self._releases else ():
            self.manager.truncate(self._content.sequence(release.request), release.keep_tokens)

    def _pause(self, running: _Running) -> None:
        """Give a request's blocks back; it waits first in line, its tokens so far being its
        prompt."""
        self.manager.finish(running.request)
        self._running.remove(running)
        running.computed = 0
        self._waiting.appendleft(running)
        self.served[running.request].pauses += 1

    def _note_peak(self) -> None:
        self.peak_blocks = max(
            self.peak_blocks, self._settings.gpu_blocks - self.manager.free_gpu_blocks
        )


def unused_cache(settings: PoolSettings, workloads: Sequence[Workload]) -> UsedCache:
    """An empty cache for workloads that follow one another, without the blocks that would stay
    blank even if nothing were ever evicted or reused."""
    most = sum(_most_blocks(workload, settings.tokens_per_block) for workload in workloads)
    blocks = max(1, min(settings.gpu_blocks, most))
    return UsedCache(BlockManager(replace(settings, gpu_blocks=blocks)))


def _most_blocks(workload: Workload, tokens_per_block: int) -> int:
    """The blocks that its prompts and outputs would fill, and one more for each as a copy."""
    tokens = workload.input_length + workload.output_length
    return int((-(-tokens // tokens_per_block)).sum()) + len(workload)
