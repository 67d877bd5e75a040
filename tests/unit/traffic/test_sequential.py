"""The sequential test: how often it stops what is not worse, and that it finds what is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from charter_engine.traffic.sequential import (
    LEAST_UNITS,
    Excess,
    Margin,
    Sample,
    examine,
    sample_of,
)

STREAMS = 1_000
UNITS = 1_500
STEP = 10


def times(random: np.random.Generator, shape: tuple[int, int], mean: float) -> NDArray[np.float64]:
    """Skewed like latencies: lognormal with a spread as large as its mean."""
    sigma = np.sqrt(np.log(2.0))
    return mean * random.lognormal(-(sigma**2) / 2, sigma, shape)


def ever_worse(
    treated: NDArray[np.float64], reference: NDArray[np.float64], margin: Margin
) -> float:
    """The share of streams that are found worse at any of many looks."""
    looks = range(LEAST_UNITS, treated.shape[1] + 1, STEP)
    found = 0
    for one, other in zip(treated, reference, strict=True):
        found += any(
            examine(first, second, margin).worse
            for first, second in zip(_samples(one, looks), _samples(other, looks), strict=True)
        )
    return found / len(treated)


def _samples(values: NDArray[np.float64], looks: range) -> list[Sample]:
    counts = np.array(looks)
    means = np.cumsum(values)[counts - 1] / counts
    squares = np.cumsum(values**2)[counts - 1]
    variances = (squares - counts * means**2) / (counts - 1)
    return [
        Sample(int(count), float(mean), float(variance))
        for count, mean, variance in zip(counts, means, variances, strict=True)
    ]


def test_what_is_just_at_the_margin_is_seldom_stopped_however_often_one_looks() -> None:
    random = np.random.default_rng(7)
    shape = (STREAMS, UNITS)
    false_stops = ever_worse(
        times(random, shape, 1.1), times(random, shape, 1.0), Margin(relative=0.1)
    )
    assert false_stops <= 0.05


def test_what_is_clearly_worse_is_stopped() -> None:
    random = np.random.default_rng(8)
    shape = (100, UNITS)
    found = ever_worse(times(random, shape, 1.5), times(random, shape, 1.0), Margin(relative=0.1))
    assert found >= 0.95


def test_rare_errors_that_are_no_more_frequent_are_seldom_stopped() -> None:
    random = np.random.default_rng(9)
    shape = (300, UNITS)
    treated, reference = (random.binomial(1, 0.05, shape).astype(float) for _ in range(2))
    assert ever_worse(treated, reference, Margin(absolute=0.02)) <= 0.05


def test_nothing_is_said_of_few_units() -> None:
    few = Sample(LEAST_UNITS - 1, 100.0, 1.0)
    assert examine(few, Sample(1_000, 1.0, 1.0), Margin()) == Excess()


def test_a_difference_without_any_spread_is_told_at_once() -> None:
    excess = examine(Sample(50, 0.5, 0.0), Sample(50, 0.0, 0.0), Margin(absolute=0.1))
    assert excess.worse and excess.estimate == pytest.approx(0.4)


def test_a_group_within_the_margin_has_no_excess() -> None:
    excess = examine(Sample(1_000, 1.05, 0.01), Sample(1_000, 1.0, 0.01), Margin(relative=0.1))
    assert excess.estimate is not None and excess.estimate < 0 and not excess.worse


def test_a_sample_is_that_of_its_values() -> None:
    values = [3.0, 1.0, 4.0, 1.5]
    sample = sample_of(values)
    assert sample.count == 4
    assert sample.mean == pytest.approx(np.mean(values))
    assert sample.variance == pytest.approx(np.var(values, ddof=1))
