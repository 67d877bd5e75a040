"""One request on its way through the engine."""

from typing import TYPE_CHECKING, Any

import numpy as np

from charter_engine.embedded.engine.pages import BlockTable
from charter_engine.embedded.engine.requests import (
    GenerationRequest,
    KvCounters,
    RequestProgress,
    Sink,
    Times,
)
from charter_engine.embedded.engine.sampling import ends_with
from charter_engine.embedded.engine.transformer import QuerySpan
from charter_engine.kvcache import Admission

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Sequence:
    """The tokens of a request, how far they are computed, and what has been reported of them.

    `tokens` is prompt and output; `computed` counts those whose keys and values are in the pool;
    `stored_length` is how many the block manager knows of.
    """

    def __init__(self, request: GenerationRequest, sink: Sink, arrival: int) -> None:
        self.request, self.sink = request, sink
        self.tokens = list(request.prompt)
        self.prompt_length = len(request.prompt)
        self.final_length = self.prompt_length + request.max_tokens
        self.computed = 0
        self.stored_length = 0
        self.context_stored = False
        self.table: BlockTable | None = None
        self.counters = KvCounters()
        self.times = Times(arrival=arrival)
        self.log_probs: list[float] = []
        self.logits: list[NDArray[Any]] = []
        self.reported = 0
        sampling = request.sampling
        self.generator = None if sampling.greedy else np.random.default_rng(sampling.seed or 0)

    @property
    def generated(self) -> int:
        return len(self.tokens) - self.prompt_length

    @property
    def generating(self) -> bool:
        return self.context_stored

    @property
    def slots(self) -> list[int]:
        return self.table.slots if self.table is not None else []

    def start(self, admission: Admission, table: BlockTable, now: int) -> None:
        """Blocks were given: computing begins behind the reused tokens."""
        self.computed = admission.reused_tokens
        self.stored_length = len(self.tokens)
        self.context_stored = False
        self.table = table
        before = self.counters
        self.counters = KvCounters(
            allocated_new=before.allocated_new + admission.allocated_new,
            allocated_total=before.allocated_total + admission.allocated_total,
            reused=before.reused + admission.reused_blocks,
            missed=before.missed + admission.missed_blocks,
            reused_tokens=before.reused_tokens + admission.reused_tokens,
        )
        if not self.times.first_scheduled:
            self.times = Times(arrival=self.times.arrival, first_scheduled=now)

    def stop(self) -> None:
        """Blocks were taken away."""
        self.table = None
        self.computed = self.stored_length = 0
        self.context_stored = False

    def take_slots(self, slots: list[int]) -> None:
        assert self.table is not None
        self.table.grow(slots, self.computed)

    def span(self, count: int) -> QuerySpan:
        """The next `count` tokens to compute."""
        assert self.table is not None
        return QuerySpan(
            self.table, self.computed, self.tokens[self.computed : self.computed + count]
        )

    def accept(self, token: int, now: int) -> None:
        """Take a generated token over."""
        self.tokens.append(token)
        if self.table is not None:
            self.stored_length += 1
        self.end_of_text(now)

    def end_of_text(self, now: int) -> None:
        times = self.times
        self.times = Times(
            arrival=times.arrival,
            first_scheduled=times.first_scheduled,
            first_token=times.first_token or now,
            last_token=now,
        )

    def finish_reason(self) -> str:
        """`stop_words` or `length` if the text ends here, else empty."""
        if ends_with(self.tokens[self.prompt_length :], self.request.sampling.stop_words):
            return "stop_words"
        return "length" if len(self.tokens) >= self.final_length else ""

    def report(self, finish_reason: str = "", error: str = "") -> None:
        """Send what is new since the last report."""
        new = self.tokens[self.prompt_length + self.reported :]
        self.sink(
            RequestProgress(
                tokens=tuple(new),
                total_tokens=self.generated,
                finish_reason=finish_reason,
                error=error,
                counters=self.counters,
                times=self.times,
                log_probs=tuple(self.log_probs[self.reported : self.reported + len(new)]),
                logits=tuple(self.logits[self.reported : self.reported + len(new)]),
            )
        )
        self.reported += len(new)
