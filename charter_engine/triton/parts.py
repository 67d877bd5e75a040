"""An assembled prompt as the parts of a request, and the other way round."""

from collections.abc import Sequence

from charter_engine.prompts.assembly import Piece, Prompt
from charter_engine.triton.request import PromptPart


def parts_of(prompt: Prompt) -> tuple[PromptPart, ...]:
    """One part a piece; pieces of the same planned segment share its position.

    Tokens are passed on where they are those of the piece's whole text, so that a continued prompt
    meets its past.
    """
    parts: list[PromptPart] = []
    previous: tuple[str, int] | None = None
    segment = -1
    for piece in prompt:
        place = (piece.node, piece.source)
        segment += place != previous
        previous = place
        parts.append(PromptPart(piece.text, segment, piece.token_ids))
    return tuple(parts)


def prompt_of(parts: Sequence[PromptPart]) -> Prompt:
    """One piece a part; those of the same planned segment come from the same source."""
    return tuple(Piece(part.text, "static", "", part.segment, part.token_ids) for part in parts)
