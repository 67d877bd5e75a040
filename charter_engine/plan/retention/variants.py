"""In which ways policy `next-use` can be carried out on a pool, and which of them to take."""

from collections.abc import Mapping

from msgspec import Struct

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.plan.retention.online import room_of
from charter_engine.plan.retention.scale import PRICING, Pricing, best_pricing, pricings


class NextUse(Struct, frozen=True):
    """How `next-use` is carried out: under which pricing of memory, and whether prompts are
    demoted, which is done where they are ranked beside each other in a pool without a host tier."""

    pricing: Pricing = PRICING
    demotes: bool = False


def variants(settings: PoolSettings, prompt_tokens: float) -> tuple[NextUse, ...]:
    """Those worth comparing by prediction on a pool for prompts of so many tokens on the mean: of
    each pricing the one without demotions, then the one with them where it can demote."""
    can_demote = room_of(settings) is not None
    return tuple(
        NextUse(pricing, demotes)
        for pricing in pricings(settings, prompt_tokens)
        for demotes in ((False, True) if can_demote and pricing.ahead_s else (False,))
    )


def best_variant(rates: Mapping[NextUse, float]) -> NextUse:
    """The best pricing, each at the better of its token hit rates: with demotions where they gain
    anything, since they cost the engine time."""
    better: dict[Pricing, NextUse] = {}
    for variant, rate in rates.items():
        known = better.setdefault(variant.pricing, variant)
        if rate > rates[known]:
            better[variant.pricing] = variant
    best = best_pricing({pricing: rates[variant] for pricing, variant in better.items()})
    return better[best]
