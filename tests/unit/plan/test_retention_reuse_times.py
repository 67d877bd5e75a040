"""Reuse times until the next use, what they make blocks worth, and the scale that turns worth into
priorities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls.retention import (
    DEFAULT,
    DEFAULT_PRIORITY,
    MAX_PRIORITY,
    MIN_PRIORITY,
    Retention,
    Rule,
)
from charter_engine.bls.reuse_times import NodeRules
from charter_engine.kvcache import BlockManager
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.plan.retention.distribution import from_times, merged, soonest
from charter_engine.plan.retention.scale import (
    FEW_PROMPTS,
    LEAF_WITH_HOST_TIER,
    WITH_HOST_TIER,
    Pricing,
    best_pricing,
    pricings,
    scale,
)

reuse_times = st.lists(st.floats(0.0, 5_000.0) | st.just(math.inf), min_size=1, max_size=60)


@given(reuse_times)
def test_a_histogram_loses_no_wait(values: list[float]) -> None:
    assert from_times(values).total == len(values)


@given(reuse_times, reuse_times)
def test_the_sooner_of_two_uses_is_never_later_than_either(
    first: list[float], second: list[float]
) -> None:
    both = soonest(from_times(first), from_times(second))
    assert (
        both.never_share
        <= min(from_times(first).never_share, from_times(second).never_share) + 1e-6
    )


@given(reuse_times, st.floats(0.0, 1_000.0))
def test_uses_that_come_later_are_as_many(values: list[float], seconds: float) -> None:
    times = from_times(values)
    later = times.after(seconds)
    assert later.total == pytest.approx(times.total)
    assert later.never >= times.never - 1e-9


def test_uses_that_come_later_are_that_much_later() -> None:
    assert from_times([10.0] * 50).after(30.0).median() == pytest.approx(40.0, rel=0.1)


@given(reuse_times)
def test_worth_is_a_finite_rate(values: list[float]) -> None:
    rates = from_times(values).rates()
    assert np.all(rates >= 0) and np.all(np.isfinite(rates))


def test_a_prefix_needed_sooner_is_worth_more() -> None:
    assert from_times([5.0] * 50).rates()[0] > from_times([50.0] * 50).rates()[0]


def test_a_prefix_that_is_never_needed_is_worth_nothing() -> None:
    assert from_times([math.inf] * 50).rates().max() == 0


def test_worth_rises_towards_the_expected_time_and_is_gone_after_it() -> None:
    times = from_times(np.random.default_rng(1).uniform(9, 11, 500))
    rates = dict(zip(range(30), np.interp(range(30), _ages(), times.rates()), strict=True))
    assert rates[7] > rates[0]
    assert rates[20] < rates[0] / 10


def test_sooner_needed_parts_get_higher_priority_and_all_get_a_duration() -> None:
    soon, late = from_times([2.0] * 50), from_times([20.0] * 50)
    measure = scale(merged([soon, late]), [soon, late])
    assert measure.rule(soon).priority > DEFAULT_PRIORITY
    assert measure.rule(soon).priority > measure.rule(late).priority
    assert measure.rule(soon).duration_ms is not None


def test_under_a_cap_everything_worth_its_memory_is_one_class_above_the_default() -> None:
    soon, late = from_times([2.0] * 50), from_times([20.0] * 50)
    measure = scale(merged([soon, late]), [soon, late], Pricing(0.1, DEFAULT_PRIORITY + 1))
    asked = {measure.rule(soon).priority, measure.rule(late).priority}
    assert asked == {DEFAULT_PRIORITY + 1}


PROMPT_TOKENS = 1_000.0


def test_a_pool_of_many_prompts_is_first_priced_by_what_is_needed_later() -> None:
    few, many = (pricings(PoolSettings(blocks, 64), PROMPT_TOKENS)[0] for blocks in (100, 200))
    assert max(few.ahead_s) < max(many.ahead_s)
    assert few.price > many.price


def test_only_a_pool_with_a_host_tier_is_priced_with_one_class() -> None:
    gpu_alone, both = PoolSettings(100, 64), PoolSettings(100, 64, host_blocks=100)
    assert all(pricing.most == MAX_PRIORITY for pricing in pricings(gpu_alone, PROMPT_TOKENS))
    assert any(pricing.most == DEFAULT_PRIORITY + 1 for pricing in pricings(both, PROMPT_TOKENS))


def test_only_under_leaf_eviction_the_end_of_a_prompt_ranks_above_the_rest() -> None:
    leaf = PoolSettings(100, 64, host_blocks=100, eviction="leaf")
    flat = PoolSettings(100, 64, host_blocks=100, eviction="flat")
    assert any(pricing.last_tokens for pricing in pricings(leaf, PROMPT_TOKENS))
    assert not any(pricing.last_tokens for pricing in pricings(flat, PROMPT_TOKENS))


@pytest.mark.parametrize("tried", [FEW_PROMPTS, WITH_HOST_TIER, LEAF_WITH_HOST_TIER])
def test_a_pricing_that_is_not_the_first_must_be_clearly_better(tried: tuple[Pricing, ...]) -> None:
    first, other = tried[:2]
    assert best_pricing({first: 0.60, other: 0.61}) == first
    assert best_pricing({first: 0.60, other: 0.63}) == other


@pytest.mark.parametrize(("ends_rank_higher", "reused"), [(False, 8), (True, 10)])
def test_leaf_eviction_takes_prompts_whole_where_their_ends_rank_above_the_rest(
    ends_rank_higher: bool, reused: int
) -> None:
    manager = BlockManager(PoolSettings(25, 4, eviction="leaf"))
    ranges = NodeRules(0.0).ranges(Rule(36), 40, 4 if ends_rank_higher else 0)
    for first in (0, 100, 200):
        manager.add("r", list(range(first, first + 40)), retention=Retention(ranges))
        manager.finish("r")
    found = manager.add("r", list(range(100, 140)))
    assert found.reused_blocks == reused


def test_what_nobody_uses_again_goes_before_everything_else() -> None:
    soon, never = from_times([2.0] * 50), from_times([math.inf] * 50)
    measure = scale(merged([soon, never]), [soon, never])
    assert measure.rule(never).priority == MIN_PRIORITY


def test_what_is_worth_less_than_its_memory_stays_at_the_default() -> None:
    soon, late = from_times([2.0] * 500), from_times([60.0] * 50)
    assert scale(merged([soon, late]), [soon, late]).rule(late) == DEFAULT


def _ages() -> list[float]:
    from charter_engine.plan.retention.distribution import EDGES

    return [float(edge) for edge in EDGES[:-1]]
