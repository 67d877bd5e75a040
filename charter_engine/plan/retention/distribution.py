"""The time until a prefix is needed again, as a histogram, and what holding its blocks for that is
worth."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BINS_PER_DECADE = 24
"""Derived: each bin is 10 % wider than the one before."""
EDGES: Floats = np.concatenate(([0.0], np.logspace(-2, 4, 6 * BINS_PER_DECADE + 1)))
"""Bin edges in seconds: from a hundredth of a second to almost three hours; what takes longer
counts as never."""
BINS = len(EDGES) - 1
_CENTRES: Floats = np.concatenate(([EDGES[1] / 2], np.sqrt(EDGES[1:-1] * EDGES[2:])))
_LEAST_MASS = 0.05
"""A horizon must promise at least this share of the reuse times: one odd one makes no bin look
precious."""
_LEAST_USED = 1e-6
"""Fewer uses than this are what is left over by rounding."""
_LATER = np.triu(np.ones((BINS, BINS), dtype=bool))
"""For each age the horizons that are not over by then."""
_SMOOTHING = np.array([0.04, 0.12, 0.21, 0.26, 0.21, 0.12, 0.04])


class ReuseTimes(Struct, frozen=True):
    """How many reuse times fell into each bin of `EDGES`, and how many ended in no further use."""

    counts: tuple[float, ...]
    never: float = 0.0

    @property
    def total(self) -> float:
        """How many reuse times were seen."""
        return sum(self.counts) + self.never

    @property
    def never_share(self) -> float:
        """The share of reuse times after which the prefix was not used again."""
        return self.never / self.total if self.total else 1.0

    def median(self) -> float:
        """The median reuse time in seconds, infinity if most were never followed by a use."""
        cumulative = np.cumsum(self.counts)
        reached = np.flatnonzero(cumulative >= self.total / 2)
        return float(_CENTRES[reached[0]]) if self.total and len(reached) else float("inf")

    def spread(self) -> float:
        """The standard deviation of the logarithm of the reuse times that ended in a use: 1.0 is a
        factor of e."""
        counts = np.asarray(self.counts)
        if counts.sum() == 0:
            return 0.0
        logs = np.log(_CENTRES)
        mean = np.average(logs, weights=counts)
        return float(np.sqrt(np.average((logs - mean) ** 2, weights=counts)))

    def after(self, seconds: float) -> "ReuseTimes":
        """The same uses, each so many seconds later."""
        if seconds <= 0:
            return self
        up_to = np.concatenate(([0.0], np.cumsum(self.counts)))
        counts = np.diff(np.interp(EDGES - seconds, EDGES, up_to, left=0.0))
        return ReuseTimes(tuple(counts.tolist()), self.total - float(counts.sum()))

    def rates(self, horizon_s: float = 0.0) -> Floats:
        """Worth of holding a block, in expected hits per second, by how long it has been idle
        already.

        One value for each age in `EDGES` but the last: a Gittins index.
        It is the best ratio, over all horizons of at least `horizon_s`, of the chance of a use
        within the horizon to the expected time the block is held for it.
        Where memory has one price, holding exactly the blocks whose index is above it gains most
        hits.
        """
        mass = np.convolve(np.asarray(self.counts, dtype=np.float64), _SMOOTHING, mode="same")
        alive = np.cumsum(mass[::-1])[::-1, None] + max(self.total - mass.sum(), 0.0)
        ages = EDGES[:-1, None]
        # A row for each age, a column for each horizon.
        horizons = _CENTRES - ages
        used, waited = _within(mass), _within(mass * _CENTRES)
        held = waited - ages * used + (alive - used) * horizons
        far_enough = (
            _LATER
            & (used >= np.minimum(_LEAST_MASS * alive, used[:, -1:]))
            & (horizons >= np.minimum(horizon_s, horizons[:, -1:]))
            & (used > _LEAST_USED)
        )
        worths = np.divide(used, held, out=np.zeros_like(held), where=far_enough)
        rates: Floats = worths.max(axis=1)
        return rates


def _within(masses: Floats) -> Floats:
    """What of the masses lies from each bin to each other one, that one included."""
    up_to = np.concatenate(([0.0], np.cumsum(masses)))
    found: Floats = up_to[1:] - up_to[:-1, None]
    return found


def from_times(reuse_times: ArrayLike) -> ReuseTimes:
    """A histogram of reuse times in seconds; infinity stands for never."""
    values = np.asarray(reuse_times, dtype=np.float64)
    seen = values[values < EDGES[-1]]
    counts, _ = np.histogram(np.maximum(seen, 0.0), bins=EDGES)
    return ReuseTimes(tuple(float(count) for count in counts), float(len(values) - len(seen)))


def soonest(first: ReuseTimes, second: ReuseTimes) -> ReuseTimes:
    """The reuse time until either of two independent next uses."""

    def beyond(times: ReuseTimes) -> Floats:
        return 1.0 - np.concatenate(([0.0], np.cumsum(times.counts))) / max(times.total, 1e-9)

    neither = beyond(first) * beyond(second)
    total = min(first.total, second.total)
    return ReuseTimes(tuple((-np.diff(neither) * total).tolist()), float(neither[-1] * total))


def merged(parts: Sequence[ReuseTimes]) -> ReuseTimes:
    """All reuse times of several histograms together."""
    counts = np.sum([part.counts for part in parts], axis=0) if parts else np.zeros(BINS)
    return ReuseTimes(tuple(counts.tolist()), sum(part.never for part in parts))
