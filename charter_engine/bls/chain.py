"""Chained hashes of a prompt: equal ones mean equal tokens up to there, and no text stands in
them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

GRAIN_TOKENS = 16
HASH_BITS = 62
"""A hash is a whole number that fits wherever a block's id does."""
_TOKEN_FACTOR = 0x9E3779B97F4A7C15
_CHAIN_FACTOR = 0xD6E8FEB86659FD93
_SPREAD = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)
_UNUSED_BITS = np.uint64(64 - HASH_BITS)
_PADDING = np.uint64(2**64 - 1)


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
        self._of_ones = self._within.sum()
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
        hashes = self._digests(self._grains(token_ids, answer_ids, count), whole)
        if not len(answer_ids):
            return hashes[:count], hashes[:0]
        of_prompt = hashes[:whole]
        if begun:
            of_prompt = np.concatenate((of_prompt, hashes[count:]))
        return of_prompt, hashes[whole:count]

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
        _spread(own)
        own *= self._of_grains[state.grains : state.grains + count]
        totals = [state.total, *(np.uint64(state.total) + np.add.accumulate(own)).tolist()]
        states = []
        for end in ends:
            whole, left = divmod(begun + end, GRAIN_TOKENS)
            behind = tokens[begun + end - left : begun + end].tolist()
            states.append(ChainState(state.grains + whole, totals[whole], tuple(behind)))
        return states

    @staticmethod
    def _grains(token_ids: Any, answer_ids: Any, count: int) -> Any:
        """Prompt and answer in so many rows; one more holds what of the prompt stands in the grain
        in which the answer begins."""
        prompt, tokens = len(token_ids), len(token_ids) + len(answer_ids)
        begun = prompt % GRAIN_TOKENS
        grains = np.empty((count + 1, GRAIN_TOKENS), np.uint64)
        flat = grains.reshape(-1)
        flat[:prompt] = token_ids
        flat[prompt:tokens] = answer_ids
        flat[tokens:] = _PADDING
        grains[count, :begun] = token_ids[prompt - begun :]
        return grains

    def _digests(self, grains: Any, whole: int) -> Any:
        """A hash for each row behind those before it; the last row stands behind `whole` others."""
        count = len(grains) - 1
        own = grains @ self._within
        # A token counts as its id and one more, so that padding differs from every token.
        own += self._of_ones
        _spread(own)
        own[:count] *= self._of_grains[:count]
        own[count:] *= self._of_grains[whole : whole + 1]
        np.add.accumulate(own[:count], out=own[:count])
        if whole:
            own[count:] += own[whole - 1]
        _spread(own)
        own >>= _UNUSED_BITS
        return own


def _finished(total: int) -> int:
    values = np.array([total], np.uint64)
    _spread(values)
    return int(values[0] >> _UNUSED_BITS)


def _powers(factor: int, count: int) -> Any:
    """The first `count` powers of a factor, modulo 2**64."""
    factors = np.full(count, factor, np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


def _spread(values: Any) -> None:
    """Lets low bits reach high ones and back, so that sums of several values tell them apart."""
    values ^= values >> _HALF
    values *= _SPREAD
    values ^= values >> _HALF
