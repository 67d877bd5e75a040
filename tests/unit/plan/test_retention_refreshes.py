"""What a retention refresh saves, what it costs, and which are therefore sent."""

import math

import numpy as np
import pytest

from charter_engine.bls.reuse_times import RefreshWorth
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.reuse_times import RefreshCost
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.distribution import from_times, merged
from charter_engine.plan.retention.model import learn
from charter_engine.plan.retention.next_use import records, records_in_two
from charter_engine.plan.retention.refreshes import ASSUMED_COST, refresh_cost, refresh_worth
from charter_engine.plan.retention.scale import scale
from tests.unit.bls.streams import turns, workload

LEVELS = [from_times([seconds] * 50) for seconds in (600.0, 60.0, 2.0)]
LATE, MIDDLE, SOON = range(3)
NOTHING_ASKED = None
FREE = RefreshCost(0.0, 0.0)


def worth(cost: RefreshCost = FREE) -> RefreshWorth:
    return refresh_worth(LEVELS, scale(merged(LEVELS), LEVELS), cost)


def test_a_refresh_that_changes_nothing_saves_nothing() -> None:
    assert all(worth().gains[level][level] == 0 for level in (LATE, MIDDLE, SOON))


def test_what_is_due_soon_gains_most_where_nothing_or_a_late_use_was_expected() -> None:
    gains = worth().gains
    assert gains[-1][SOON] > gains[-1][LATE]
    assert gains[-1][SOON] >= gains[LATE][SOON]
    assert 0 < gains[-1][SOON] <= 1


@pytest.mark.parametrize(("length", "pays"), [(100, False), (100_000, True)])
def test_a_refresh_pays_for_a_long_prompt_that_saves_more_than_it_costs(
    length: int, pays: bool
) -> None:
    assert worth(RefreshCost(200.0, 0.002)).pays(NOTHING_ASKED, SOON, length) is pays


def test_a_refresh_costs_an_iteration_in_tokens_of_prefill() -> None:
    latency = LatencyModel(prefill_per_token=0.02, decode_step=5.0, decode_per_context=0.0001)
    cost = refresh_cost(latency)
    assert (cost.tokens, cost.per_token) == pytest.approx((250.0, 0.005))


def test_times_that_tell_nothing_of_prefill_leave_a_refresh_its_assumed_cost() -> None:
    assert refresh_cost(LatencyModel(prefill_per_token=0.0, decode_step=5.0)) == ASSUMED_COST


def stream() -> Workload:
    return workload(turns(20, 2))


@pytest.mark.parametrize(("tokens", "some"), [(0.0, True), (math.inf, False)])
def test_requests_are_followed_up_only_where_that_pays(tokens: float, some: bool) -> None:
    model = learn(workload(turns(40, 1)), "answered", refresh_cost=RefreshCost(tokens, 0.0))
    sent, final = records_in_two(stream(), model)
    assert bool([one for one in final if final[one] != sent.get(one)]) is some


def test_blocks_that_lie_idle_while_their_request_is_served_are_kept_so_much_longer() -> None:
    model = learn(workload(turns(40, 1)), "answered")
    deployed, predicted = (
        [record.ranges[-1].duration_ms for record in found.values()]
        for found in (
            records(stream(), model, at_once=False),
            records(stream(), model),
        )
    )
    longer = [
        more >= less
        for less, more in zip(deployed, predicted, strict=True)
        if less is not None and more is not None
    ]
    assert np.mean(longer) > 0.9


def test_gains_are_numbers_whatever_the_reuse_times() -> None:
    never, odd = from_times([math.inf] * 10), from_times([0.0, 5_000.0])
    levels = [never, odd, from_times([])]
    found = refresh_worth(levels, scale(merged(levels), levels), FREE)
    assert np.isfinite(found.gains).all()
