"""Stop and bad words as the engine takes them."""

from collections.abc import Sequence

PADDING = -1
"""Derived: no token and no offset is below nought."""


def word_list(words: Sequence[Sequence[int]]) -> list[list[int]]:
    """Two rows of equal length: all words' tokens one after another, and the offset behind each
    word, padded.

    Source: TensorRT-LLM, `to_word_list_format`.
    """
    tokens = [token for word in words for token in word]
    offsets: list[int] = []
    for word in words:
        offsets.append((offsets[-1] if offsets else 0) + len(word))
    width = max(len(tokens), len(offsets), 1)
    return [row + [PADDING] * (width - len(row)) for row in (tokens, offsets)]
