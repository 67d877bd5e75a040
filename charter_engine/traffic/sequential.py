"""Whether one group does worse than another by more than a margin, asked as often as one likes.

A t-test that is repeated until it says what one fears will say it in the end. This one may be
asked after every request: where nothing is worse than the margin, the chance that it ever says so
stays below `error_rate`.

It is the one-sided mixture sequential probability ratio test of Robbins (1970), as Johari, Koomen,
Pekelis and Walsh (2022, "Always valid inference") use it for two groups: the estimated excess,
weighed by its information, moves like a Brownian motion, and a half-normal mixture over its drift
gives the boundary. Estimated variances stand for true ones, which Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas (2024, "Time-uniform central limit theory and asymptotic confidence sequences")
justify from some tens of units on.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from charter_engine.contracts.trial import ERROR_RATE

LEAST_UNITS = 30
"""In each group: below, a mean of skewed times is not yet near normal, and nothing is said."""


@dataclass(frozen=True)
class Sample:
    """What a group has shown: how many units (sessions, requests), their mean and variance."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0


@dataclass(frozen=True)
class Margin:
    """How much worse a group may be: by a part of the other's mean, and by an amount.

    More is worse: of a quality of which less is worse, give the shortfall.
    """

    relative: float = 0.0
    absolute: float = 0.0

    def beyond(self, reference: float) -> float:
        """The value that is worse by exactly the margin."""
        return reference * (1 + self.relative) + self.absolute


@dataclass(frozen=True)
class Excess:
    """By how much a group's mean lies beyond the margin.

    `estimate` is negative while the group is within it.
    `at_least` is a lower bound that holds at all times at once, with the error rate.
    None while there are too few units.
    """

    estimate: float | None = None
    at_least: float | None = None

    @property
    def worse(self) -> bool:
        """Whether the group is worse by more than the margin."""
        return self.at_least is not None and self.at_least > 0


def sample_of(values: Iterable[float]) -> Sample:
    """Count, mean and variance, by Welford's recurrence."""
    count, mean, squares = 0, 0.0, 0.0
    for value in values:
        count += 1
        step = value - mean
        mean += step / count
        squares += step * (value - mean)
    return Sample(count, mean, squares / (count - 1) if count > 1 else 0.0)


def examine(
    treated: Sample,
    reference: Sample,
    margin: Margin,
    *,
    error_rate: float = ERROR_RATE,
    least_units: int = LEAST_UNITS,
) -> Excess:
    """Whether the treated group's mean lies beyond the margin over the reference's.

    Of several qualities watched at once each gets its part of the error rate (Bonferroni).
    """
    if min(treated.count, reference.count) < least_units:
        return Excess()
    excess = treated.mean - margin.beyond(reference.mean)
    weight = (1 + margin.relative) ** 2
    variance = treated.variance / treated.count + weight * reference.variance / reference.count
    if variance <= 0:
        return Excess(excess, excess)
    spread = math.sqrt((treated.variance + weight * reference.variance) / 2)
    information = 1 / variance
    return Excess(excess, excess - _boundary(information, _prior(spread), error_rate) / information)


def _prior(spread: float) -> float:
    """The mixture's own information: that of an effect of a third of the spread, near which the
    test is quickest."""
    return 1 / (spread / 3) ** 2


def _boundary(information: float, prior: float, error_rate: float) -> float:
    """What a Brownian motion at time `information` ever exceeds with the chance `error_rate`.

    With x² = s² / (information + prior), the mixture's ratio 2 Φ(x) exp(x²/2) √(prior /
    (information + prior)) is at least (2 exp(x²/2) - 1) √…, and reaches 1 / error_rate here.
    """
    whole = information + prior
    ratio = math.sqrt(whole / prior) / error_rate
    return math.sqrt(2 * whole * math.log((ratio + 1) / 2))
