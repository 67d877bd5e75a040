"""The pieces of a prompt, where it can be taken apart in one way only.

Time is proportional to the prompt: of all ways to place the fixed texts the leftmost and the
rightmost are found, and every other lies between them.
"""

from collections.abc import Sequence

from .plan import Pieces


def only_alignment(pieces: Pieces, prompt: str) -> tuple[str, ...] | None:
    """The texts of all pieces, which make up the prompt.

    None where the fixed ones are not there in this order, or where they could be found there in
    more than one way.
    """
    fixed = _between_variables(pieces)
    if len(fixed) == 1:
        return tuple(piece or "" for piece in pieces) if prompt == fixed[0] else None
    leftmost = _leftmost(fixed, prompt)
    # Mirrored, since to find the last occurrence may take time by the square of the text.
    mirrored = _leftmost([text[::-1] for text in reversed(fixed)], prompt[::-1])
    if leftmost is None or mirrored is None:
        return None
    rightmost = [
        len(prompt) - start - len(text)
        for text, start in zip(fixed, reversed(mirrored), strict=True)
    ]
    if leftmost != rightmost:
        return None
    ends = [start + len(text) for text, start in zip(fixed, leftmost, strict=True)]
    variables = (prompt[end:start] for end, start in zip(ends[:-1], leftmost[1:], strict=True))
    return tuple(next(variables) if piece is None else piece for piece in pieces)


def fits(pieces: Pieces, prompt: str) -> bool:
    """Whether the fixed texts are there in this order, in one way or in several."""
    fixed = _between_variables(pieces)
    return prompt == fixed[0] if len(fixed) == 1 else _leftmost(fixed, prompt) is not None


def _between_variables(pieces: Pieces) -> list[str]:
    """The fixed text before the first variable, between each and the next, and behind the last."""
    fixed = [""]
    for piece in pieces:
        if piece is None:
            fixed.append("")
        else:
            fixed[-1] += piece
    return fixed


def _leftmost(fixed: Sequence[str], prompt: str) -> list[int] | None:
    """Where each text begins if it stands as far to the left as it can: the first at the prompt's
    begin, the last at its end."""
    limit = len(prompt) - len(fixed[-1])
    if limit < len(fixed[0]) or not (prompt.startswith(fixed[0]) and prompt.endswith(fixed[-1])):
        return None
    starts = [0]
    position = len(fixed[0])
    for text in fixed[1:-1]:
        start = prompt.find(text, position, limit)
        if start < 0:
            return None
        starts.append(start)
        position = start + len(text)
    return [*starts, limit]
