"""Which of many texts a prompt may hold, told in one pass over it, however many they are."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

GRAM_BYTES = 6
"""Of UTF-8: short enough for a word of a label, long enough to be rare in other text."""
GRAMS_OF_EACH = 4
_BITS = 16
_ANYTHING = 1 << _BITS
"""Stands where a text has no gram: every prompt has it."""
_PADDING = bytes(8 - 1)
# A factor with so many zero bits below leaves the bytes behind a gram out of its hash.
_FACTOR = np.uint64(0x9E3779B97F4A7C15 << 8 * (8 - GRAM_BYTES) & (1 << 64) - 1)


class Grams:
    """Groups of texts, each known by the bytes of it that are rarest among all groups."""

    def __init__(self, groups: Sequence[Iterable[str]]) -> None:
        texts = [[text.encode("utf-8", "surrogatepass") for text in group] for group in groups]
        distinct = {text for group in texts for text in group}
        common = Counter(gram for text in distinct for gram in set(_grams(text)))
        self._needed = np.full((len(texts), GRAMS_OF_EACH), _ANYTHING, np.int64)
        for needed, group in zip(self._needed, texts, strict=True):
            rarest = [min(_grams(text), key=common.__getitem__) for text in group if _long(text)]
            rarest = sorted(set(rarest), key=common.__getitem__)[:GRAMS_OF_EACH]
            for place, gram in enumerate(rarest):
                needed[place] = _hashes(gram)[0]
        self._wanted = np.zeros(_ANYTHING + 1, bool)
        self._wanted[self._needed] = True

    def possible(self, prompt: str) -> Any:
        """A NumPy array that tells of each group whether the prompt may hold all its texts.

        One that it tells of may be missing all the same, never the other way round.
        """
        hashes = _hashes(prompt.encode("utf-8", "surrogatepass"))
        found = np.zeros(_ANYTHING + 1, bool)
        found[hashes[self._wanted.take(hashes)]] = True
        found[_ANYTHING] = True
        return found[self._needed].all(axis=1)


def _long(text: bytes) -> bool:
    return len(text) >= GRAM_BYTES


def _grams(text: bytes) -> Iterator[bytes]:
    return (text[at : at + GRAM_BYTES] for at in range(len(text) - GRAM_BYTES + 1))


def _hashes(text: bytes) -> Any:
    """A hash of the gram at each byte of the text, as an array of indices."""
    words: Any = np.ndarray(len(text), "<u8", text + _PADDING, strides=(1,))
    return (words * _FACTOR >> np.uint64(64 - _BITS)).view(np.int64)
