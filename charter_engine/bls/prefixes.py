"""Which earlier prompt a prompt goes on from, found by its content."""

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

import numpy as np

Owner = TypeVar("Owner", bound=Hashable)

GRAIN_TOKENS = 64
"""Assumed: short beside the prompts of a session, whose marks it thins out."""
_BASE = 0x9E3779B97F4A7C15
"""Taken from splitmix64: 2**64 divided by the golden ratio."""


class Prefixes(Generic[Owner]):
    """Who last had which prefix, told apart by a hash of every whole grain of tokens.

    A hash may lie: what is found has to be compared.
    """

    def __init__(self) -> None:
        self._owners: dict[int, Owner] = {}
        self._powers = np.ones(1, np.uint64)

    def marks(self, tokens: Any) -> list[int]:
        """A hash for every prefix of whole grains, the shortest first. `tokens` is a NumPy array of
        ids."""
        count = len(tokens) // GRAIN_TOKENS * GRAIN_TOKENS
        if len(self._powers) < count:
            factors = np.full(2 * count, _BASE, np.uint64)
            factors[0] = 1
            self._powers = np.cumprod(factors)
        weighted = (tokens[:count].astype(np.uint64) + np.uint64(1)) * self._powers[:count]
        found: list[int] = np.cumsum(weighted)[GRAIN_TOKENS - 1 :: GRAIN_TOKENS].tolist()
        return found

    def find(self, marks: list[int]) -> Owner | None:
        """The last owner of the longest of these prefixes that anybody had."""
        for mark in reversed(marks):
            owner = self._owners.get(mark)
            if owner is not None:
                return owner
        return None

    def add(self, marks: list[int], owner: Owner) -> None:
        """The owner has these prefixes from now on."""
        self._owners.update(dict.fromkeys(marks, owner))

    def remove(self, marks: list[int], owner: Owner) -> None:
        """The owner has them no longer; what another took over in the meantime stays with it."""
        for mark in marks:
            if self._owners.get(mark) == owner:
                del self._owners[mark]


def common_tokens(one: Any, other: Any) -> int:
    """How many leading tokens two NumPy arrays share."""
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length
