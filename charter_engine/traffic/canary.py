"""The corruption canary's rules: what is asked, when two answers differ, and when that is an alarm.

A greedy answer must not depend on whether its prompt was reused. Each round asks a prompt whose
first block nobody has, so nothing of it can be reused, and asks it again: at once, and one round
later, when its blocks may have been offloaded, evicted or shared meanwhile. Real servers are not
deterministic, so the same is asked without any reuse too, and corruption is what differs more than
that.
"""

import math
import random
from collections.abc import Sequence

from msgspec import Struct

from charter_engine.contracts.canary import CanaryAnswer

PROMPT_BLOCKS = 3
"""Full blocks of a prompt: the first that nobody has, and two behind it."""
OUTPUT_TOKENS = 24
"""Enough to fill a prompt's last block and begin another: a block with a child is copied on partial
reuse, one without is taken over."""
TAIL = 8
"""Derived: leaves eight tokens of the last block, which an answer fills, and begins another."""
LEAST_TOLERANCE = 0.05
MOST_TOLERANCE = 0.5
"""Of log probabilities. Rounding in half precision stays below, another block's content above."""
NOISE_FACTOR = 4.0
"""Assumed: a later pair hardly differs by four times the most that was seen."""
NOISE_ROUNDS = 16
"""Assumed: noise is of one size, and so many rounds have seen most of it."""
MOST_NOISE = 0.15
"""Of the pairs that reuse has no part in, the share up to which the others tell something."""
WINDOW = 512
"""Pairs that are looked back on: what has been well for a year says nothing of today."""
ALARM_EVIDENCE = 6.0
"""Derived: corruption is then e**6, or 400 times, as likely as health."""
RARE = 50.0
"""Before anything is measured, a healthy server's pairs are taken to differ once in that many."""
OFTEN = 4.0
"""And those of one that corrupts, one in that many and one."""


class AnswerDifference(Struct, frozen=True):
    """`at` is the first place in which two answers differ, `gap` the largest difference of log
    probabilities up to and with it. None: there is none, or it isn't told."""

    at: int | None
    gap: float | None


class CorruptionEvidence(Struct, frozen=True, kw_only=True):
    """Whether each of the last pairs differed: those with reuse, and those that reuse had no part
    in."""

    reused: tuple[bool, ...] = ()
    plain: tuple[bool, ...] = ()

    def with_reused(self, differs: bool) -> "CorruptionEvidence":
        return CorruptionEvidence(reused=(*self.reused, differs)[-WINDOW:], plain=self.plain)

    def with_plain(self, differs: bool) -> "CorruptionEvidence":
        return CorruptionEvidence(reused=self.reused, plain=(*self.plain, differs)[-WINDOW:])

    @property
    def too_noisy(self) -> bool:
        """Whether the server's own answers differ so often that nothing follows from them."""
        return sum(self.plain) + 1 > MOST_NOISE * (len(self.plain) + 2)

    @property
    def weight(self) -> float:
        """How much better "reuse changes answers" explains the pairs than "one rate for all" does:
        the logarithm, to base 10, of the Bayes factor of two binomials; 0 where pairs with reuse
        do not differ more often.

        Source: Kass and Raftery, "Bayes Factors", 1995. The priors are Beta(1, OFTEN) for the rate
        with reuse and Beta(1, RARE) for the server's own.
        """
        reused, plain = sum(self.reused), sum(self.plain)
        if not reused or reused * len(self.plain) <= plain * len(self.reused):
            return 0.0
        same_reused, same_plain = len(self.reused) - reused, len(self.plain) - plain
        corrupting = _log_beta(1 + reused, OFTEN + same_reused) - _log_beta(1, OFTEN)
        apart = corrupting + _log_beta(1 + plain, RARE + same_plain)
        together = _log_beta(1 + reused + plain, RARE + same_reused + same_plain)
        return (apart - together) / math.log(10)


def prompt(number: int, seed: int, tokens_per_block: int, vocabulary: range) -> tuple[int, ...]:
    """The token ids of a round's prompt: random, and then the beginning of its second block again,
    which a model that was trained goes on with.

    Its length is that of three blocks, that and one, and that and most of another, by turns: at a
    boundary, behind it, and within a block.
    """
    draw = random.Random(f"{seed}:{number}")
    tokens = draw.choices(vocabulary, k=PROMPT_BLOCKS * tokens_per_block)
    tails = (0, 1, max(tokens_per_block - TAIL, tokens_per_block // 2))
    tail = tails[number % len(tails)]
    return (*tokens, *tokens[tokens_per_block : tokens_per_block + tail])


def difference(reference: CanaryAnswer, answer: CanaryAnswer) -> AnswerDifference:
    """Where two answers to one prompt begin to differ, and by how much."""
    one: Sequence[object] = reference.token_ids or reference.text
    other: Sequence[object] = answer.token_ids or answer.text
    length = min(len(one), len(other))
    at = next((place for place in range(length) if one[place] != other[place]), None)
    if at is None and len(one) != len(other):
        at = length
    end = length if at is None else at + 1
    gaps = [
        abs(before - after)
        for before, after in zip(reference.log_probs[:end], answer.log_probs[:end], strict=False)
    ]
    return AnswerDifference(at, max(gaps, default=None))


def tolerance(noise: Sequence[AnswerDifference]) -> float:
    """What log probabilities may differ by, as measured where reuse plays no part."""
    largest = max((found.gap for found in noise if found.gap is not None), default=0.0)
    return min(MOST_TOLERANCE, max(LEAST_TOLERANCE, NOISE_FACTOR * largest))


def differs(found: AnswerDifference, tolerated: float) -> bool:
    """Whether a difference is one. Where log probabilities are told they decide: of two tokens that
    are as likely as each other either may come."""
    return found.at is not None if found.gap is None else found.gap > tolerated


def was_reused(answer: CanaryAnswer) -> bool:
    """Whether a whole block or more was reused, as far as the server tells."""
    return bool(answer.reused_blocks)


def is_impossible(answer: CanaryAnswer, *, salted: bool) -> bool:
    """Whether a prompt that nobody has sent was reused all the same. Without a salt the first token
    may be another prompt's first, and part of one block is rightly taken from there."""
    return (answer.reused_blocks or 0) > (0 if salted else 1)


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)
