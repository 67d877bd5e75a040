"""Prompts as tokens, the way a server makes them: neighbouring text is tokenised as one, so that
equal prefixes stay equal whatever segments they are made of; generated tokens that are known are
kept as they are."""

from collections.abc import Callable, Sequence

from charter_engine.prompts.assembly import Prompt

Encode = Callable[[str, Sequence[int]], tuple[Sequence[int], Sequence[int]]]
"""A text, and ends in characters; gives the token ids, and for each end the number of tokens that
begin before it."""
Span = tuple[int, int]


def tokenised(prompt: Prompt, encode: Encode) -> tuple[tuple[int, ...], tuple[Span, ...]]:
    """The token ids of a prompt, and the span [start, end) of each of its pieces."""
    ids: list[int] = []
    spans: list[Span] = []
    waiting: list[str] = []
    for piece in prompt:
        if not piece.token_ids:
            waiting.append(piece.text)
            continue
        _flush(waiting, encode, ids, spans)
        spans.append((len(ids), len(ids) + len(piece.token_ids)))
        ids += piece.token_ids
    _flush(waiting, encode, ids, spans)
    return tuple(ids), tuple(spans)


def _flush(waiting: list[str], encode: Encode, ids: list[int], spans: list[Span]) -> None:
    if not waiting:
        return
    ends: list[int] = []
    for text in waiting:
        ends.append((ends[-1] if ends else 0) + len(text))
    fresh, token_ends = encode("".join(waiting), ends)
    starts = (0, *token_ends[:-1])
    spans += [
        (len(ids) + start, len(ids) + end) for start, end in zip(starts, token_ends, strict=True)
    ]
    ids += fresh
    waiting.clear()
