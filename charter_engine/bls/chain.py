"""Chained hashes of a prompt: equal ones mean equal tokens up to there, and no text stands in
them."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

GRAIN_TOKENS = 16
"""Assumed: servers' blocks are multiples of it, so that whole grains tell their hits."""
HASH_BITS = 62
"""A hash is a whole number that fits wherever a block's id does."""
_TOKEN_FACTOR = 0x9E3779B97F4A7C15
"""Taken from splitmix64: 2**64 divided by the golden ratio."""
_CHAIN_FACTOR = 0xD6E8FEB86659FD93
"""Taken from degski's 64-bit mixer: odd, and unlike the other factor."""
_SPREAD = np.array(0xBF58476D1CE4E5B9, np.uint64)
_UNUSED_BITS = np.array(64 - HASH_BITS, np.uint64)
_PADDING = np.full(GRAIN_TOKENS, -1, np.int32)
_LOW = int(sys.byteorder == "big")


class ChainState(NamedTuple):
    """How far a sequence was hashed: so many whole grains, their sum, and what stands behind."""

    grains: int = 0
    total: int = 0
    begun: tuple[int, ...] = ()

    @property
    def hash(self) -> int | None:
        """Of everything up to the last whole grain; None where there is none."""
        return _finished(self.total) if self.grains else None


class Chain:
    """Hashes prompts; keeps a table that grows with the longest. Its users must take turns."""

    def __init__(self) -> None:
        self._within = _powers(_TOKEN_FACTOR, GRAIN_TOKENS)
        self._of_ones = np.array(self._within.sum())
        self._of_grains = _powers(_CHAIN_FACTOR, 1024)

    def hashes(self, token_ids: Any) -> Any:
        """A hash for each grain of 16 tokens, of everything up to the grain's end; the last grain
        may be shorter.

        `token_ids` is a NumPy array of ids; the hashes are an array of `uint64`.
        """
        return self.with_answer(token_ids, token_ids[:0])[0]

    def with_answer(self, token_ids: Any, answer_ids: Any) -> tuple[Any, Any]:
        """The hashes of a prompt, and those of the prompt and its answer together, from the grain
        on in which the answer begins."""
        whole, begun = divmod(len(token_ids), GRAIN_TOKENS)
        count = -(-(len(token_ids) + len(answer_ids)) // GRAIN_TOKENS)
        if count >= len(self._of_grains):
            self._of_grains = _powers(_CHAIN_FACTOR, 2 * count)
        further = whole + (begun > 0)
        values = _grains(token_ids, answer_ids, begun).dot(self._within)
        # A token counts as its id and one more, so that padding differs from every token.
        values += self._of_ones
        halves = _halves(values)
        _spread(values, *halves)
        of_prompt, of_both = values[:further], values[further:]
        of_prompt *= self._of_grains[:further]
        if len(of_both):
            of_both *= self._of_grains[whole:count]
            if begun:
                # What the prompt alone has of a grain is no part of what goes on behind it.
                of_both[:1] -= of_prompt[whole:]
        np.add.accumulate(values, out=values)
        _spread(values, *halves)
        values >>= _UNUSED_BITS
        return of_prompt, of_both

    def go_on(self, state: ChainState, token_ids: Any, ends: Sequence[int]) -> list[ChainState]:
        """Where further tokens (an array of `uint64`) lead from a state, up to each of these ends
        among them."""
        begun = len(state.begun)
        tokens = np.concatenate((np.array(state.begun, np.uint64), token_ids))
        count = len(tokens) // GRAIN_TOKENS
        if state.grains + count >= len(self._of_grains):
            self._of_grains = _powers(_CHAIN_FACTOR, 2 * (state.grains + count))
        own = tokens[: count * GRAIN_TOKENS].reshape(count, GRAIN_TOKENS) @ self._within
        own += self._of_ones
        _spread(own, *_halves(own))
        own *= self._of_grains[state.grains : state.grains + count]
        totals = [state.total, *(np.uint64(state.total) + np.add.accumulate(own)).tolist()]
        states = []
        for end in ends:
            whole, left = divmod(begun + end, GRAIN_TOKENS)
            behind = tokens[begun + end - left : begun + end].tolist()
            states.append(ChainState(state.grains + whole, totals[whole], tuple(behind)))
        return states


def _grains(token_ids: Any, answer_ids: Any, begun: int) -> Any:
    """A row for each grain of the prompt; then, where there is an answer, one for each grain from
    that on in which it begins. `begun` tokens of the prompt stand in its last, unfinished grain."""
    runs = [token_ids, _PADDING[: -begun % GRAIN_TOKENS]]
    if len(answer_ids):
        last = -(begun + len(answer_ids)) % GRAIN_TOKENS
        runs += [token_ids[len(token_ids) - begun :], answer_ids, _PADDING[:last]]
    tokens = np.concatenate(runs, dtype=np.uint64, casting="unsafe")
    return tokens.reshape(-1, GRAIN_TOKENS)


def _finished(total: int) -> int:
    values = np.array([total], np.uint64)
    _spread(values, *_halves(values))
    return int(values[0] >> _UNUSED_BITS)


def _powers(factor: int, count: int) -> Any:
    """The first `count` powers of a factor, modulo 2**64."""
    factors = np.full(count, factor, np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


def _halves(values: Any) -> tuple[Any, Any]:
    """The low and the high halves of 64-bit values, in place."""
    halves = values.view(np.uint32)
    return halves[_LOW::2], halves[1 - _LOW :: 2]


def _spread(values: Any, low: Any, high: Any) -> None:
    """Lets low bits reach high ones and back, so that sums of several values tell them apart."""
    low ^= high
    values *= _SPREAD
    low ^= high
