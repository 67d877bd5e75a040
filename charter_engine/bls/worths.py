"""What blocks are worth, by their kind and by how long they have been idle."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Worths:
    """What blocks are worth, in expected hits per second of holding them, by their kind and age.

    `rows[kind][i]` is that of blocks which have been idle for at least `ages_s[i]` seconds; the
    first age is 0.
    Prompts are compared by their worths at each of `ahead_s` seconds after deciding.
    """

    ages_s: Sequence[float]
    rows: Sequence[Sequence[float]]
    ahead_s: Sequence[float]


class WorthTable:
    """The same as arrays, to look up many at once."""

    def __init__(self, worths: Worths) -> None:
        self.ages_s = np.asarray(worths.ages_s, dtype=np.float64)
        self._ends = np.append(self.ages_s[1:], inf)
        self._rows = np.asarray(worths.rows, dtype=np.float64)
        self.ahead_s = np.asarray(worths.ahead_s, dtype=np.float64)

    def at(self, kind: Any, idle_s: Any) -> Any:
        """What blocks of a kind are worth that have been idle for so long. Numbers or arrays."""
        return self._rows[kind, self._age(idle_s)]

    def stands_until(self, idle_s: Any) -> Any:
        """The ages from which on what has been idle for so long may be worth something else."""
        return self._ends[self._age(idle_s)]

    def row(self, kind: int) -> Any:
        """What blocks of a kind are worth by age."""
        return self._rows[kind]

    def shortly(self, rows: Any, idle_s: Any) -> Any:
        """The mean worth at `ahead_s` seconds from now of each of several, of which a row tells
        what it is worth by age."""
        ages = self._age(idle_s[:, None] + self.ahead_s)
        return np.take_along_axis(rows, ages, axis=1).mean(axis=1)

    def _age(self, idle_s: Any) -> Any:
        return np.searchsorted(self.ages_s, np.maximum(idle_s, 0.0), side="right") - 1
