"""How certain a difference between two groups is.

Requests of one session are alike, so that sessions are drawn, and not requests: the cluster
bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 8 and 13), with
the percentile interval.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Taken from custom: one interval in twenty does not hold the true value."""
DRAWS = 1_000
"""Assumed: each end of the interval rests on 25 draws."""
_AT_ONCE = 2_000_000
"""Weights that are held in memory at once."""

Floats = NDArray[np.float64]


class DifferenceInterval(NamedTuple):
    """A difference, and the bounds it lies within at the level of 95 %."""

    difference: float
    low: float
    high: float


class Ratio(NamedTuple):
    """A figure that is a sum over a sum: an entry a session in each."""

    above: Floats
    below: Floats

    @property
    def value(self) -> float:
        return float(self.above.sum() / self.below.sum())


def difference_of(treated: Ratio, control: Ratio, seed: int = 0) -> DifferenceInterval:
    """The first minus the second, drawn anew `DRAWS` times. The draws are the same at every
    call."""
    random = np.random.default_rng(seed)
    drawn = _drawn(treated, random) - _drawn(control, random)
    tail = (1 - LEVEL) / 2 * 100
    low, high = np.nanpercentile(drawn, [tail, 100 - tail])
    return DifferenceInterval(treated.value - control.value, float(low), float(high))


def bounds_of(treated: Ratio, control: Ratio, seed: int = 0) -> tuple[Floats, Floats]:
    """The bounds of the first minus the second for several figures at once: a column each in both
    ratios. The same sessions are drawn for all of them."""
    random = np.random.default_rng(seed)
    drawn = _drawn(treated, random) - _drawn(control, random)
    tail = (1 - LEVEL) / 2 * 100
    low, high = np.nanpercentile(drawn, [tail, 100 - tail], axis=0)
    return low, high


def _drawn(ratio: Ratio, random: np.random.Generator) -> Floats:
    """The figure of as many sessions, drawn with replacement, again and again."""
    count = len(ratio.below)
    parts = []
    left = DRAWS
    while left:
        draws = min(left, max(1, _AT_ONCE // count))
        weights = random.multinomial(count, np.full(count, 1 / count), size=draws)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append((weights @ ratio.above) / (weights @ ratio.below))
        left -= draws
    return np.concatenate(parts)
