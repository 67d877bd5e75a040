"""In which ways `next-use` can be carried out, and which is taken."""

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.plan.retention.scale import LEAST_ADVANTAGE, Pricing
from charter_engine.plan.retention.variants import NextUse, best_variant, variants

FIRST, SECOND = Pricing(0.8, ahead_s=(1.0,)), Pricing(0.9, ahead_s=(1.0,))


def test_each_pricing_is_compared_with_demotions_and_without_where_nothing_is_offloaded() -> None:
    found = variants(PoolSettings(100, 64), 640)
    assert [one.demotes for one in found] == [False, True] * (len(found) // 2)
    offloading = variants(PoolSettings(100, 64, host_blocks=100), 640)
    assert not any(one.demotes for one in offloading)


def test_demotions_are_taken_where_they_gain_and_left_out_where_they_lose_or_change_nothing() -> (
    None
):
    plain, demoting = NextUse(FIRST), NextUse(FIRST, demotes=True)
    assert best_variant({plain: 0.5, demoting: 0.51}) == demoting
    assert best_variant({plain: 0.5, demoting: 0.49}) == plain
    assert best_variant({plain: 0.5, demoting: 0.5}) == plain


def test_another_pricing_is_taken_by_what_is_best_of_each() -> None:
    rates = {
        NextUse(FIRST): 0.5,
        NextUse(FIRST, demotes=True): 0.49,
        NextUse(SECOND): 0.5,
        NextUse(SECOND, demotes=True): 0.5 + 2 * LEAST_ADVANTAGE,
    }
    assert best_variant(rates) == NextUse(SECOND, demotes=True)
