"""What two runs of tokens have in common, wherever it stands in each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charter_engine.traffic.seen import TokenIds

GRAM = 8
"""So many tokens in a row that are equal are the same text, and no accident."""
_FACTORS = np.cumprod(np.full(GRAM, 0x9E3779B97F4A7C15, np.uint64))
Grams = NDArray[np.uint64]


def grams_of(tokens: TokenIds) -> Grams:
    """A hash of every run of eight tokens, by where it begins."""
    count = len(tokens) - GRAM + 1
    if count < 1:
        return np.empty(0, np.uint64)
    values = tokens.astype(np.uint64) + np.uint64(1)
    grams: Grams = values[:count] * _FACTORS[0]
    for place in range(1, GRAM):
        grams += values[place : place + count] * _FACTORS[place]
    return grams


def repeated_tokens(there: Grams, here: Grams) -> int:
    """How many tokens of `here` stand in `there`, too, in runs of eight or more."""
    if not len(there) or not len(here):
        return 0
    begins = _in(here, there).astype(np.int64)
    covered = np.convolve(begins, np.ones(GRAM, np.int64))
    return int(np.count_nonzero(covered))


@dataclass(frozen=True)
class TokenChange:
    """What stands between two places at which two prompts run alike: so many tokens of the earlier
    one were left out, and so many put in.

    `moved` is the share of what was left out that comes later. `resumes` tells whether the prompts
    run alike again at all.
    """

    left_out: int
    put_in: int
    moved: float = 0.0
    resumes: bool = True


def change_between(stood: Grams, stands: Grams) -> TokenChange:
    """The first change of two prompts, by the grams behind the place where they part."""
    again = np.flatnonzero(_in(stands, stood))
    if not len(again):
        return TokenChange(_tokens(stood), _tokens(stands), resumes=False)
    put_in = int(again[0])
    left_out = int(np.flatnonzero(stood == stands[put_in])[0])
    gone = stood[:left_out]
    moved = float(_in(gone, stands).mean()) if len(gone) else 0.0
    return TokenChange(left_out, put_in, moved)


def _in(grams: Grams, others: Grams) -> NDArray[np.bool_]:
    """Which grams are among others. As `numpy.isin`, in a third of the time."""
    if not len(others):
        return np.zeros(len(grams), np.bool_)
    ordered = np.sort(others)
    places = np.minimum(np.searchsorted(ordered, grams), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[places] == grams
    return found


def _tokens(grams: Grams) -> int:
    return len(grams) + GRAM - 1 if len(grams) else 0
