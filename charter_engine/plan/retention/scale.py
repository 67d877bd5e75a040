"""From the time of next use to what TensorRT-LLM understands: a priority, and after how long it
falls to 35.

A block's worth is the expected hits per second of holding it. Blocks worth more than the price of
memory get a priority above the default, in order of worth, until the age at which their worth falls
below the price; then they fall to the end of the default class and go in order of age. Blocks
nobody will use again go first.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from charter_engine.bls.retention import (
    DEFAULT,
    DEFAULT_PRIORITY,
    MAX_PRIORITY,
    NEVER_AGAIN,
    Rule,
)
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.plan.retention.distribution import EDGES, Floats, ReuseTimes

PRICE = 0.7
"""The price of memory, in units of the worth of an average block just used."""
ABOVE_DEFAULT = DEFAULT_PRIORITY + 1
HORIZON = 1.0
"""Memory is not given back and forth in less than this many median reuse times."""
UNUSED_SHARE = 0.9
"""Blocks of which at least this share was never used again go first."""


class Pricing(Struct, frozen=True):
    """How worth becomes priority: what memory costs, in units of the worth of an average block just
    used, and the highest priority that is asked for.

    With `most` one above the default there is a single class above it. That is what a host tier
    bears: an offloaded block keeps its priority and loses its duration, so whatever was kept in
    vain in a higher class would stay there for ever.

    The `last_tokens` of a prompt, at least a block, rank one priority above the rest of it. Under
    leaf eviction that takes prompts whole, the one used longest ago first: once the end of one is
    gone, the rest of it is what goes next. In one class each block that becomes a leaf queues up
    behind all others, so that every prompt loses its end and none can be used whole.

    With `ahead_s` prompts rank among those that are held by what each is worth so many seconds
    after deciding (see `bls.ranking`), else by what they are worth at first among all there may be.
    """

    price: float = PRICE
    most: int = MAX_PRIORITY
    last_tokens: int = 0
    ahead_s: tuple[float, ...] = ()


SOON_S = (1.0, 3.0)
"""A pool of a few prompts goes by what is needed within seconds, and takes back what it judged
wrongly with the next requests."""
LATER_S = (2.0, 8.0)
"""A pool of many prompts takes its time."""
PRICING = Pricing(ahead_s=SOON_S)
FEW_PROMPTS = (Pricing(0.85, ahead_s=SOON_S), Pricing(0.8, ahead_s=LATER_S))
MANY_PROMPTS = FEW_PROMPTS[::-1]
MANY = 8
"""A pool of so many prompts holds many."""
KEEPS_MOST = Pricing(0.1, ABOVE_DEFAULT)
"""All of a prompt but what hardly anybody comes back for stands above blank blocks, and so above
the places in the host tier that content which is brought back leaves behind."""
WITH_HOST_TIER = (KEEPS_MOST, Pricing(0.7, ABOVE_DEFAULT), PRICING)
LAST_TOKENS = 128
"""No block that TensorRT-LLM builds is longer."""
LEAF_WITH_HOST_TIER = (
    Pricing(0.1, ABOVE_DEFAULT, LAST_TOKENS),
    Pricing(0.7, ABOVE_DEFAULT, LAST_TOKENS),
    PRICING,
)
LEAST_ADVANTAGE = 0.02
"""In token hit rate: what one draw of sessions gains by another pricing than the first, others of
the same sessions mostly lose."""
ALL_PRICINGS = tuple(dict.fromkeys((*FEW_PROMPTS, *WITH_HOST_TIER, *LEAF_WITH_HOST_TIER)))


def pricings(settings: PoolSettings, prompt_tokens: float) -> tuple[Pricing, ...]:
    """Those worth comparing by prediction on a pool for prompts of so many tokens on the mean, the
    one that mostly suits it first."""
    if not settings.host_blocks:
        pool_tokens = settings.gpu_blocks * settings.tokens_per_block
        return MANY_PROMPTS if pool_tokens >= MANY * prompt_tokens else FEW_PROMPTS
    return LEAF_WITH_HOST_TIER if settings.eviction == "leaf" else WITH_HOST_TIER


def best_pricing(rates: Mapping[Pricing, float]) -> Pricing:
    """The first pricing, unless another's token hit rate is ahead of it by `LEAST_ADVANTAGE`: then
    the best."""
    first = next(iter(rates))
    best = max(rates, key=rates.__getitem__)
    return best if rates[best] > rates[first] + LEAST_ADVANTAGE else first


class Scale(Struct, frozen=True):
    """What memory costs, and the worths of the parts to be told apart, ascending; all in hits per
    second. `average` is the worth of an average block just used."""

    average: float
    horizon_s: float
    worths: tuple[float, ...]
    pricing: Pricing = PRICING

    @property
    def price(self) -> float:
        """What holding a block costs, in hits per second."""
        return self.average * self.pricing.price

    def rule(self, times: ReuseTimes) -> Rule:
        """What blocks with these reuse times ask for."""
        return self.rule_for(times.rates(self.horizon_s), times.never_share)

    def rule_for(self, rates: Floats, never_share: float) -> Rule:
        """What blocks ask for that are worth `rates` by age, and of which `never_share` is not used
        again."""
        if never_share >= UNUSED_SHARE:
            return NEVER_AGAIN
        held = np.flatnonzero(rates >= self.price)
        if len(held) == 0:
            return DEFAULT
        rank = np.searchsorted(np.array(self.worths), rates[0], side="right") / max(
            len(self.worths), 1
        )
        above = round(float(rank) * (self.pricing.most - DEFAULT_PRIORITY))
        duration_s = float(EDGES[held[-1] + 1])
        return Rule(DEFAULT_PRIORITY + max(1, above), max(1, round(duration_s * 1000)))


def scale(everything: ReuseTimes, parts: Sequence[ReuseTimes], pricing: Pricing = PRICING) -> Scale:
    """The scale for parts whose reuse times together are `everything`."""
    horizon_s = horizon(everything)
    average = max(float(everything.rates(horizon_s)[0]), 1e-9)
    worths = sorted(float(times.rates(horizon_s)[0]) for times in parts)
    return Scale(average, horizon_s, tuple(worths), pricing)


def horizon(everything: ReuseTimes) -> float:
    """For how many seconds memory is given at least, by all reuse times together."""
    return float(min(everything.median(), EDGES[-1])) * HORIZON
