"""From the time of next use to what TensorRT-LLM understands: a priority, and after how long it
falls to 35.

A block's worth is the expected hits per second of holding it. Blocks worth more than the price of
memory get a priority above the default, in order of worth, until the age at which their worth falls
below the price; then they fall to the end of the default class and go in order of age. Blocks
nobody will use again go first.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from charter_engine.bls.retention import (
    DEFAULT,
    DEFAULT_PRIORITY,
    MAX_PRIORITY,
    NEVER_AGAIN,
    Rule,
)
from charter_engine.plan.retention.distribution import EDGES, ReuseTimes

PRICE = 0.7
"""The price of memory, in units of the worth of an average block just used."""
HORIZON = 1.0
"""Memory is not given back and forth in less than this many median reuse times."""
UNUSED_SHARE = 0.9
"""Blocks of which at least this share was never used again go first."""


class Scale(Struct, frozen=True):
    """What memory costs, and the worths of the parts to be told apart, ascending; all in hits per
    second."""

    price: float
    horizon_s: float
    worths: tuple[float, ...]

    def rule(self, times: ReuseTimes) -> Rule:
        """What blocks with these reuse times ask for."""
        if times.never_share >= UNUSED_SHARE:
            return NEVER_AGAIN
        rates = times.rates(self.horizon_s)
        worth = float(rates[0])
        held = np.flatnonzero(rates >= self.price)
        if len(held) == 0:
            return DEFAULT
        rank = np.searchsorted(np.array(self.worths), worth, side="right") / max(
            len(self.worths), 1
        )
        priority = DEFAULT_PRIORITY + max(1, round(float(rank) * (MAX_PRIORITY - DEFAULT_PRIORITY)))
        return Rule(priority, max(1, round(float(EDGES[held[-1] + 1]) * 1000)))


def scale(everything: ReuseTimes, parts: Sequence[ReuseTimes], price: float = PRICE) -> Scale:
    """The scale for parts whose reuse times together are `everything`; `price` is in units of the
    average worth."""
    horizon_s = min(everything.median(), EDGES[-1]) * HORIZON
    average = max(float(everything.rates(horizon_s)[0]), 1e-9)
    worths = sorted(float(times.rates(horizon_s)[0]) for times in parts)
    return Scale(average * price, horizon_s, tuple(worths))
