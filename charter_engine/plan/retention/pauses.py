"""Learning how long sessions are likely to pause behind a request."""

import numpy as np

from charter_engine.bls.pauses import Pauses
from charter_engine.plan.retention import trees
from charter_engine.plan.retention.distribution import EDGES, Floats

CLASSES_S = (1.5, 3, 5, 8, 12, 18, 27, 40, 60, 90, 140, 220, 400, 900, 2_000, 5_000)
"""Assumed: bounds of the classes of pauses, each about half as long again as the one before as far
as tools and people mostly take, up to the longest that was seen. What takes longer than `EDGES`
reach is never."""


def learn_pauses(features: Floats, pauses: Floats, horizon_s: float) -> Pauses | None:
    """What rows of features tell of the pauses in seconds behind them, infinity for never; None
    where no session came back."""
    ended = pauses[pauses < EDGES[-1]]
    if not len(ended) or ended.max() <= 0:
        return None
    bounds = (*(bound for bound in CLASSES_S if bound < ended.max()), float(ended.max()))
    classes = np.searchsorted(np.array(bounds[:-1]), pauses, side="right")
    classes[pauses >= EDGES[-1]] = len(bounds)
    start, beyond, forest = trees.fit_classes(features, classes, len(bounds) + 1)
    return Pauses(bounds, horizon_s, start, beyond, forest)
