"""The corruption canary: what it asked, what came back, and what follows from it."""

from typing import Literal

from msgspec import Struct

from charter_engine.errors import FailureKind

CanaryState = Literal["off", "measuring noise", "watching", "blind", "alarm"]
AlarmReason = Literal["another answer with reuse", "reused what nobody has"]


class CanaryRequest(Struct, frozen=True, kw_only=True):
    """How often to ask: `rounds` times (None: until stopped), one every `every_seconds` (None: one
    after the other)."""

    every_seconds: float | None = None
    rounds: int | None = None


class CanaryAnswer(Struct, frozen=True, kw_only=True):
    """A greedy answer, and the blocks it took. Token ids and their log probabilities are empty
    where the model tells none; `text` stands for them there. Counts are None where it has none."""

    token_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    text: str = ""
    prompt_tokens: int = 0
    reused_tokens: int | None = None
    reused_blocks: int | None = None
    missed_blocks: int | None = None

    @property
    def computed_tokens(self) -> int:
        """Prompt tokens that were not reused; all of them where nobody counts."""
        return self.prompt_tokens - (self.reused_tokens or 0)


class CanaryPair(Struct, frozen=True, kw_only=True):
    """Two answers to one prompt: `reference` without reuse, `answer` after `age_seconds` in the
    cache."""

    reference: CanaryAnswer
    answer: CanaryAnswer
    age_seconds: float = 0.0


class CanaryAlarm(Struct, frozen=True, kw_only=True):
    """Why reuse is not to be trusted. `at` is epoch seconds.

    `first_difference` is the first token (character, of a text) in which the answers differ, and
    `gap` the largest difference of log probabilities up to there; None where there is none.
    """

    at: float
    reason: AlarmReason
    pair: CanaryPair
    first_difference: int | None = None
    gap: float | None = None
    remedy: str = ""


class CanaryReport(Struct, frozen=True, kw_only=True):
    """What the canary knows so far. Counts are since it began.

    `pairs` were compared with and without reuse, and `differing` of them differ beyond `tolerance`,
    a difference of log probabilities; `noise_pairs` and `noise_differing` count pairs in which
    reuse plays no part. `evidence` is the logarithm to base 10 of how much better corruption
    explains all that than noise does. Tokens per hour are what it costs at its interval (None:
    rounds follow each other at once).
    """

    state: CanaryState = "off"
    reason: str = ""
    every_seconds: float | None = None
    rounds: int = 0
    requests: int = 0
    pairs: int = 0
    differing: int = 0
    noise_pairs: int = 0
    noise_differing: int = 0
    tolerance: float = 0.0
    evidence: float = 0.0
    computed_tokens: int = 0
    generated_tokens: int = 0
    computed_tokens_per_hour: float | None = None
    generated_tokens_per_hour: float | None = None
    alarm: CanaryAlarm | None = None


class ServerCanary(Struct, frozen=True, kw_only=True):
    """What the canary knows of one of several servers; where it can't be asked, why not."""

    server: str
    report: CanaryReport = CanaryReport()
    message: str = ""
    remedy: str = ""
    kind: FailureKind | None = None
