"""Which of many texts a prompt may hold, told in one pass over it, however many they are."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

GRAM_BYTES = 6
"""Of UTF-8: short enough for a word of a label, long enough to be rare in other text."""
GRAMS_OF_EACH = 4
"""Assumed: a prompt that holds the rarest four of a group holds its texts, but for few."""
_BITS = 16
"""Of a hash, by which most of a prompt is passed over at once."""
_PADDING = bytes(8 - 1)
# A factor with so many zero bits below leaves the bytes behind a gram out of its hash.
_FACTOR = np.uint64(0x9E3779B97F4A7C15 << 8 * (8 - GRAM_BYTES) & (1 << 64) - 1)


class Grams:
    """Groups of texts, each known by the bytes of it that are rarest among all groups."""

    def __init__(self, groups: Sequence[Iterable[str]]) -> None:
        texts = [[text.encode("utf-8", "surrogatepass") for text in group] for group in groups]
        distinct = {text for group in texts for text in group}
        common = Counter(gram for text in distinct for gram in set(_grams(text)))

        def rarity(gram: bytes) -> tuple[int, int]:
            return common[gram], -len(set(gram))

        chosen = [
            sorted({min(_grams(text), key=rarity) for text in group if _long(text)}, key=rarity)
            for group in texts
        ]
        number_of = {
            gram: number
            for number, gram in enumerate(
                sorted({gram for grams in chosen for gram in grams}, key=_hash)
            )
        }
        self._sorted = np.array([_hash(gram) for gram in number_of], np.uint64)
        self._wanted = np.zeros(1 << _BITS, bool)
        self._wanted[_coarse(self._sorted)] = True
        # The last column of what is found is true: it stands where a group has no more grams.
        self._needed = np.full((len(texts), GRAMS_OF_EACH), len(number_of), np.int64)
        for needed, grams in zip(self._needed, chosen, strict=True):
            numbers = [number_of[gram] for gram in grams[:GRAMS_OF_EACH]]
            needed[: len(numbers)] = numbers

    def possible(self, prompt: str) -> Any:
        """A NumPy array that tells of each group whether the prompt may hold all its texts.

        One that it tells of may be missing all the same, never the other way round.
        """
        hashes = _hashes(prompt.encode("utf-8", "surrogatepass"))
        likely = hashes[self._wanted.take(_coarse(hashes))]
        found = np.zeros(len(self._sorted) + 1, bool)
        places = np.searchsorted(self._sorted, likely)
        found[places[self._sorted.take(places, mode="clip") == likely]] = True
        found[-1] = True
        return found[self._needed].all(axis=1)


def _long(text: bytes) -> bool:
    return len(text) >= GRAM_BYTES


def _grams(text: bytes) -> Iterator[bytes]:
    return (text[at : at + GRAM_BYTES] for at in range(len(text) - GRAM_BYTES + 1))


def _hash(gram: bytes) -> int:
    return int(_hashes(gram)[0])


def _hashes(text: bytes) -> Any:
    """A hash of the gram at each byte of the text."""
    words: Any = np.ndarray(len(text), "<u8", text + _PADDING, strides=(1,))
    return words * _FACTOR


def _coarse(hashes: Any) -> Any:
    """The first bits of the hashes, as indices."""
    return (hashes >> np.uint64(64 - _BITS)).view(np.int64)
