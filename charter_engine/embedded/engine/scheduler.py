"""Continuous batching: which requests hold blocks, and what one iteration computes.

One iteration is one pass through the model: a decode step of every generating request, and prompt
tokens of others within `max_num_tokens`. There is no thread and no clock here: `step` is called
with the time.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from charter_engine.embedded.engine.pages import BlockTable, PagedPool
from charter_engine.embedded.engine.requests import GenerationRequest, Sink
from charter_engine.embedded.engine.sampling import adjusted, choose, log_probability
from charter_engine.embedded.engine.sequence import Sequence
from charter_engine.embedded.engine.transformer import QuerySpan, Transformer
from charter_engine.kvcache import Admission, BlockCopy, BlockManager

Policy = Literal["guaranteed_no_evict", "max_utilization"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one iteration may hold. `chunk_tokens` None computes every prompt in one piece."""

    max_batch_size: int
    max_num_tokens: int
    chunk_tokens: int | None
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationStats:
    """What an iteration did and what is left behind it. Blocks are of the GPU tier."""

    iteration: int = 0
    active: int = 0
    waiting: int = 0
    scheduled: int = 0
    context_requests: int = 0
    context_tokens: int = 0
    generation_requests: int = 0
    paused: int = 0
    free_blocks: int = 0
    reused_blocks: int = 0


class Scheduler:
    """Takes requests through waiting, prompt computation and generation.

    Not safe for several threads.
    """

    def __init__(
        self,
        manager: BlockManager,
        pool: PagedPool,
        transformer: Transformer,
        limits: Limits,
        *,
        score_bias: NDArray[Any] | None,
        clock: Callable[[], int],
    ) -> None:
        self.manager, self.pool, self.transformer, self.limits = manager, pool, transformer, limits
        self.score_bias, self.clock = score_bias, clock
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.iteration = 0
        self.stats = IterationStats(free_blocks=manager.free_gpu_blocks)

    def submit(self, request: GenerationRequest, sink: Sink, arrival: int) -> None:
        """Queue a request the engine has checked; raises nothing."""
        self.waiting.append(Sequence(request, sink, arrival))

    def cancel(self, request_id: str) -> bool:
        """Withdraw a request; its computed blocks stay reusable.

        False if it is not here (any more).
        """
        for sequence in [*self.waiting, *self.running]:
            if sequence.request.request_id == request_id:
                self._end(sequence, "cancelled")
                return True
        return False

    def fail_all(self, message: str) -> None:
        """End every request with an error, for good.

        Blocks are not given back, since nothing may run after it.
        """
        for sequence in [*self.waiting, *self.running]:
            sequence.report("error", message)
        self.waiting.clear()
        self.running.clear()

    @property
    def idle(self) -> bool:
        return not self.waiting and not self.running

    def step(self, now_ms: float) -> None:
        """One iteration."""
        self.manager.set_time(now_ms)
        self.manager.refresh()
        self._admit()
        work = self._plan()
        paused = 0
        if work:
            paused = self._compute(work)
        self.iteration += 1
        contexts = [
            (sequence, span) for sequence, span in work if span.start < sequence.prompt_length
        ]
        self.stats = IterationStats(
            iteration=self.iteration,
            active=len(self.running) + len(self.waiting),
            waiting=len(self.waiting),
            scheduled=len(work),
            context_requests=len(contexts),
            context_tokens=sum(len(span.tokens) for _, span in contexts),
            generation_requests=len(work) - len(contexts),
            paused=paused,
            free_blocks=self.manager.free_gpu_blocks,
            reused_blocks=self.manager.counters.reused,
        )

    def blocks_for(self, tokens: int) -> int:
        return -(-tokens // self.pool.tokens_per_block)

    # Admission

    def _admit(self) -> None:
        while self.waiting and len(self.running) < self.limits.max_batch_size:
            sequence = self.waiting[0]
            if not self._fits(sequence):
                return
            self.waiting.popleft()
            self._start(sequence)

    def _fits(self, sequence: Sequence) -> bool:
        free = self.manager.free_gpu_blocks
        if self.limits.policy == "max_utilization":
            return self.blocks_for(len(sequence.tokens) + 1) <= free
        promised = sum(
            self.blocks_for(other.final_length) - len(other.slots) for other in self.running
        )
        return promised + self.blocks_for(sequence.final_length) <= free

    def _start(self, sequence: Sequence) -> None:
        admission = self._take_blocks(sequence)
        sequence.start(admission, BlockTable(self.pool), self.clock())
        sequence.take_slots(self.manager.slots(sequence.request.request_id))
        self.running.append(sequence)

    def _take_blocks(self, sequence: Sequence) -> Admission:
        """Blocks for all tokens so far, those that are reused with their keys and values."""
        request = sequence.request
        extra_ids = request.extra_ids
        if extra_ids is not None:
            extra_ids = extra_ids + (0,) * (len(sequence.tokens) - len(extra_ids))
        admission = self.manager.add(
            request.request_id,
            sequence.tokens,
            extra_ids=extra_ids,
            cache_salt_id=request.cache_salt_id,
            retention=request.retention,
        )
        self._move()
        return admission

    def _move(self) -> None:
        """Carry out the movements of KV data that the block manager asks for."""
        for copy in self.manager.drain_copies():
            self._apply(copy)

    def _apply(self, copy: BlockCopy) -> None:
        self.pool.apply(copy)

    # One pass through the model

    def _plan(self) -> list[tuple[Sequence, QuerySpan]]:
        work: list[tuple[Sequence, QuerySpan]] = []
        room = self.limits.max_num_tokens
        for sequence in self.running:
            if sequence.generating:
                work.append((sequence, sequence.span(1)))
                room -= 1
        for sequence in self.running:
            if sequence.generating:
                continue
            missing = len(sequence.tokens) - sequence.computed
            count = (
                missing
                if self.limits.chunk_tokens is None
                else min(missing, self.limits.chunk_tokens, room)
            )
            if 0 < count <= max(room, 0) or not work:
                work.append((sequence, sequence.span(count)))
                room -= count
        return work

    def _compute(self, work: list[tuple[Sequence, QuerySpan]]) -> int:
        """Run the model and give each sequence whose tokens are all computed its next one.

        Returns how many paused.
        """
        scores = self.transformer.logits([span for _, span in work])
        raw = scores
        if self.score_bias is not None:
            scores = scores + self.score_bias
        likeliest = scores.argmax(axis=1)
        paused = 0
        for index, (sequence, span) in enumerate(work):
            if sequence not in self.running:  # paused a moment ago to make room for another
                continue
            sequence.computed = span.end
            if span.end < len(sequence.tokens):
                continue
            if not sequence.context_stored:
                self.manager.store_context(sequence.request.request_id)
                sequence.context_stored = True
            token = self._next_token(sequence, scores[index], raw[index], int(likeliest[index]))
            paused += self._accept(sequence, token)
        return paused

    def _next_token(
        self, sequence: Sequence, scores: NDArray[Any], raw: NDArray[Any], likeliest: int
    ) -> int:
        request, sampling = sequence.request, sequence.request.sampling
        early = sampling.end_id is not None and sequence.generated < sampling.min_tokens
        if sampling.plain and not early:
            token = likeliest
        else:
            scores = adjusted(scores, sampling, sequence.tokens, sequence.generated)
            token = choose(scores, sampling, sequence.generator)
        if request.return_log_probs:
            sequence.log_probs.append(log_probability(scores, token))
        if request.return_logits:
            sequence.logits.append(np.array(raw))
        return token

    def _accept(self, sequence: Sequence, token: int) -> int:
        """Append a chosen token, making room for it if need be.

        Returns how many requests were paused for it.
        """
        now = self.clock()
        if token == sequence.request.sampling.end_id:
            sequence.end_of_text(now)
            self._end(sequence, "end_id")
            return 0
        paused = 0
        grows = self.blocks_for(len(sequence.tokens) + 1) > len(sequence.slots)
        while grows and self.manager.free_gpu_blocks == 0:
            victim = self.running[-1]
            self._pause(victim)
            paused += 1
            if victim is sequence:
                sequence.accept(token, now)
                self._report(sequence)
                return paused
        request_id = sequence.request.request_id
        self.manager.append(request_id, (token,))
        sequence.accept(token, now)
        if grows:
            self._move()
            sequence.take_slots(self.manager.slots(request_id))
        self._report(sequence)
        return paused

    def _report(self, sequence: Sequence) -> None:
        reason = sequence.finish_reason()
        if reason:
            self._end(sequence, reason)
        elif sequence.request.streaming:
            sequence.report()

    def _pause(self, sequence: Sequence) -> None:
        """Take a request's blocks away.

        It will be started again, and computes anew what is not cached then.
        """
        self._release(sequence)
        sequence.stop()
        self.waiting.appendleft(sequence)

    def _end(self, sequence: Sequence, reason: str, message: str = "") -> None:
        if sequence in self.running:
            self._release(sequence)
        else:
            self.waiting.remove(sequence)
        sequence.report(reason, message)

    def _release(self, sequence: Sequence) -> None:
        """Give the blocks back.

        Only tokens whose keys and values were really computed may be stored for reuse.
        """
        self.running.remove(sequence)
        self.manager.finish(
            sequence.request.request_id, min(sequence.computed + 1, sequence.stored_length)
        )
