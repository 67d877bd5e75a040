"""Chained hashes of a prompt: equal ones mean equal tokens up to there, and no text stands in
them."""

from typing import Any

import numpy as np

GRAIN_TOKENS = 16
HASH_BITS = 62
"""A hash is a whole number that fits wherever a block's id does."""
_TOKEN_FACTOR = 0x9E3779B97F4A7C15
_CHAIN_FACTOR = 0xD6E8FEB86659FD93
_SPREAD = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)


class Chain:
    """Hashes prompts; keeps a table that grows with the longest. Its users must take turns."""

    def __init__(self) -> None:
        self._within = _powers(_TOKEN_FACTOR, GRAIN_TOKENS)
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
        of_prompt = -(-len(token_ids) // GRAIN_TOKENS)
        whole = len(token_ids) // GRAIN_TOKENS
        behind = np.concatenate((token_ids[whole * GRAIN_TOKENS :], answer_ids))
        of_answer = -(-len(behind) // GRAIN_TOKENS) if len(answer_ids) else 0
        count = of_prompt + of_answer
        if whole + count > len(self._of_grains):
            self._of_grains = _powers(_CHAIN_FACTOR, 2 * (whole + count))
        # A token counts as its id and one more, so that padding differs from every token.
        grains = np.zeros((count, GRAIN_TOKENS), np.uint64)
        _put(token_ids, grains[:of_prompt])
        _put(behind[: of_answer * GRAIN_TOKENS], grains[of_prompt:])
        own = _spread(grains @ self._within)
        own[:of_prompt] *= self._of_grains[:of_prompt]
        own[of_prompt:] *= self._of_grains[whole : whole + of_answer]
        sums = np.empty_like(own)
        np.cumsum(own[:of_prompt], out=sums[:of_prompt])
        np.cumsum(own[of_prompt:], out=sums[of_prompt:])
        if whole:
            sums[of_prompt:] += sums[whole - 1]
        hashes = _spread(sums) >> np.uint64(64 - HASH_BITS)
        return hashes[:of_prompt], hashes[of_prompt:]


def _put(token_ids: Any, grains: Any) -> None:
    np.add(token_ids, 1, out=grains.reshape(-1)[: len(token_ids)], casting="unsafe")


def _powers(factor: int, count: int) -> Any:
    """The first `count` powers of a factor, modulo 2**64."""
    factors = np.full(count, factor, np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


def _spread(values: Any) -> Any:
    """Lets low bits reach high ones and back, so that sums of several values tell them apart."""
    values ^= values >> _HALF
    values *= _SPREAD
    values ^= values >> _HALF
    return values
