"""What is asked of the engine, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray

from charter_engine.kvcache import Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSampling:
    """How the next token is chosen.

    Without `top_k` and `top_p` the likeliest is taken, whatever the temperature.

    `end_id` ends the text and is not part of it; until `min_tokens` are generated it is not chosen.
    Stop words, given as token sequences, end the text and are part of it. Penalties look at prompt
    and output.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.0
    seed: int | None = None
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    min_tokens: int = 0
    end_id: int | None = None
    stop_words: tuple[tuple[int, ...], ...] = ()
    bad_words: tuple[tuple[int, ...], ...] = ()
    embedding_bias: NDArray[Any] | None = None

    @property
    def greedy(self) -> bool:
        return (
            self.temperature == 0 or (self.top_k in (0, 1) and self.top_p == 0) or self.top_k == 1
        )

    @property
    def plain(self) -> bool:
        """Greedy, and nothing else touches the scores."""
        return (
            self.greedy
            and self.repetition_penalty == 1.0
            and self.presence_penalty == self.frequency_penalty == 0.0
            and not self.bad_words
            and self.embedding_bias is None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One sequence to generate.

    `request_id` is the caller's and must be new while the request runs. Requests of another
    `cache_salt_id` share no blocks with it.
    """

    request_id: str
    prompt: tuple[int, ...]
    max_tokens: int
    sampling: TokenSampling = TokenSampling()
    retention: Retention | None = None
    extra_ids: tuple[int, ...] | None = None
    cache_salt_id: int | None = None
    streaming: bool = False
    return_log_probs: bool = False
    return_logits: bool = False


class Truncation(NamedTuple):
    """Of this sequence what is cached behind its first `keep_tokens` tokens is forgotten."""

    tokens: tuple[int, ...]
    keep_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KvCounters:
    """Blocks, as `BlockManager.add` counted them for this request.

    They are added up where it was paused and started again.
    """

    allocated_new: int = 0
    allocated_total: int = 0
    reused: int = 0
    missed: int = 0
    reused_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Nanoseconds of one clock that only moves forward; differences are what counts."""

    arrival: int = 0
    first_scheduled: int = 0
    first_token: int = 0
    last_token: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestProgress:
    """New tokens of a request. Without streaming there is one, with all of them.

    `total_tokens` counts what was generated so far. `log_probs` has one entry a token, `logits` one
    row a token, where asked for. `finish_reason` is set with the last: `length`, `end_id`,
    `stop_words`, `cancelled` or `error` (then `error` has the words).
    """

    tokens: tuple[int, ...] = ()
    total_tokens: int = 0
    finish_reason: str = ""
    error: str = ""
    counters: KvCounters = field(default_factory=KvCounters)
    times: Times = field(default_factory=Times)
    log_probs: tuple[float, ...] = ()
    logits: tuple[NDArray[Any], ...] = ()

    @property
    def finished(self) -> bool:
        return bool(self.finish_reason)


Sink = Callable[[RequestProgress], None]
"""Called from the engine's thread; must not block."""
