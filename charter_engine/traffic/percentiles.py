"""Percentiles of a figure over requests."""

import math
from collections.abc import Iterable

from charter_engine.contracts.benching import Percentiles


def percentiles(values: Iterable[float | None]) -> Percentiles | None:
    """Of the values that are there, each the least that at least that share of them does not
    exceed."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None

    def at(share: float) -> float:
        return known[max(0, math.ceil(share * len(known)) - 1)]

    return Percentiles(at(0.5), at(0.95), at(0.99), sum(known) / len(known), len(known))
