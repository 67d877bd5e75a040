"""An assembled prompt as the parts that `charter_bls` takes."""

from charter_engine.prompts.assembly import Prompt
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
