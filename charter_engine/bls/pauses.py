"""How long a session is likely to pause behind a request, by all that is known of it, and what its
prompt is worth then by how long it has been idle.

Levels hold requests with like scores, and tell no two of them apart. Which of all prompts gives way
first hangs on that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .forest import Forest

PARTS = 3
"""Assumed: pauses of a class end evenly over so many parts of it, at the end of each of which
memory may be given back."""
LEAST_SHARE = 0.05
"""A horizon must promise at least this share of the returns: an odd one makes no prompt look
precious."""
LEAST_USED = 1e-6
"""Fewer returns than this are what is left over by rounding."""


@dataclass(frozen=True)
class Pauses:
    """Trees that tell how likely pauses of each class are.

    Classes are between 0 and the ascending `bounds_s`; the last is of what takes longer, which is
    never. `start` has a number for each, to which every tree adds what its leaf says for all
    classes from `beyond[tree]` on; the shares of the classes are as the exponentials of the sums.
    Memory is not given back and forth in less than `horizon_s`.
    """

    bounds_s: tuple[float, ...]
    horizon_s: float
    start: tuple[float, ...]
    beyond: tuple[int, ...]
    forest: Forest

    def shares(self, features: Sequence[float]) -> Any:
        """The shares of all classes behind a request with these features."""
        added = np.bincount(self.beyond, self.forest.added(features), len(self.start))
        return shares(np.array(self.start) + np.cumsum(added)[None])[0]

    def shares_of_each(self, rows: Any) -> Any:
        """The same of each row of an array of features."""
        added = np.zeros((len(rows), len(self.start)))
        for beyond, leaf in zip(self.beyond, self.forest.added_to_each(rows), strict=True):
            added[:, beyond] += leaf
        return shares(np.array(self.start) + np.cumsum(added, axis=1))

    def worths(self, shares: Any, ages_s: Any) -> Any:
        """What a prompt with these shares of pauses is worth, in expected hits per second of
        holding it, by how many seconds it has been idle; those below 0 are yet to come before it
        is.

        It is the best ratio, over all horizons, of the chance of a return within the horizon to the
        expected time that the prompt is held for it.
        """
        ends_s = self._ends_s
        returned = np.append(0.0, np.repeat(shares[:-1] / PARTS, PARTS).cumsum())
        away = 1.0 - (returned[1:] + returned[:-1]) / 2
        held_s = np.append(0.0, (away * np.diff(ends_s)).cumsum())
        before = np.interp(ages_s, ends_s, returned)
        part = np.clip(np.searchsorted(ends_s, ages_s, side="right") - 1, 0, len(ends_s) - 2)
        into_s = np.minimum(ages_s, ends_s[-1]) - ends_s[part]
        held_before_s = held_s[part] + into_s * (1.0 - (returned[part] + before) / 2)
        # A row for each age, a column for each horizon.
        used = returned[1:] - before[:, None]
        horizons_s = ends_s[1:] - ages_s[:, None]
        far_enough = (
            (used >= np.minimum(LEAST_SHARE * (1.0 - before[:, None]), used[:, -1:]))
            & (horizons_s >= np.minimum(self.horizon_s, horizons_s[:, -1:]))
            & (used > LEAST_USED)
        )
        held = held_s[1:] - held_before_s[:, None]
        return np.divide(used, held, out=np.zeros_like(used), where=far_enough).max(axis=1)

    @cached_property
    def _ends_s(self) -> Any:
        """Where the parts of the classes end, from 0 on."""
        begin = (0.0, *self.bounds_s[:-1])
        return np.append(0.0, np.linspace(begin, self.bounds_s, PARTS + 1)[1:].T)


def shares(sums: Any) -> Any:
    """How likely each class is, by the sums of a row."""
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
