"""The soak of `make soak`, small."""

import pytest

from tests.benchmarks import soak

pytestmark = pytest.mark.slow


def test_random_requests_under_pressure_give_the_same_tokens_as_alone() -> None:
    totals = soak.Totals()
    for seed in range(100, 108):
        soak.run_round(seed, 40, totals)
    assert not totals.faults
    assert totals.largest_difference <= soak.TOLERANCE
    assert totals.requests == 320
    assert (
        totals.reused_tokens > 0
        and totals.offloads > 0
        and totals.onboards > 0
        and totals.copies > 0
    )
