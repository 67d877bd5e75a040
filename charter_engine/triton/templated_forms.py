"""The shapes of a chat prompt in the markup of the model's own chat template.

In this markup `charter_bls` knows every character of a prompt that is not a variable, and so can
lay it out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Plan
from charter_engine.prompts.assembly import MissingInput
from charter_engine.prompts.templated import OtherMarkup, TemplatedPrompt, Writes, in_template
from charter_engine.triton.node_forms import PlannedCall, pieces_of, places_in, segments_of
from charter_engine.triton.rearranging import rearrangement, varies

TRIMMED = "the chat template trims other variables in the planned order than in the written one"
REWRITTEN = "the chat template writes the messages of an earlier call otherwise once it is answered"


def templated_of(
    planned: PlannedCall, writers: Sequence[Writes]
) -> dict[str, list[dict[str, Any]]]:
    """The forms of a prompt of messages, and how one becomes the other, for each way in which the
    template writes; nothing where no layout applies to traffic."""
    if not writers or not lays_out_chats(planned.plan, [planned.call]):
        return {}
    return {"templated": [_templated(planned, write) for write in writers]}


def lays_out_chats(plan: Plan, calls: Iterable[Call]) -> bool:
    """Whether a plan has layouts for traffic, and some of these calls send messages."""
    for_traffic = any(
        node.apply == "traffic" and node.layout != "source" for node in plan.nodes.values()
    )
    return for_traffic and any(
        segment.role is not None for call in calls for segment in call.segments
    )


def _templated(planned: PlannedCall, write: Writes) -> dict[str, Any]:
    try:
        plain, plain_written = planned.prompt(), planned.as_written.prompt()
        sent, written = in_template(plain, write), in_template(plain_written, write)
        _require_continued(planned, sent, write)
    except MissingInput as error:
        return {"not": f"its prompt is not known: {error.variable} is not there"}
    except OtherMarkup as error:
        return {"not": str(error)}
    segments = segments_of(plain)
    forms = [_form(sent, [segments[origin] for origin in sent.origins])]
    if pieces_of(written.pieces) == pieces_of(sent.pieces):
        return {"forms": forms}
    as_written = _form(written, places_in(plain, written.pieces))
    return {"forms": forms, "other_forms": [as_written], **_traffic(planned, written, sent)}


def _traffic(
    planned: PlannedCall, written: TemplatedPrompt, sent: TemplatedPrompt
) -> dict[str, dict[str, Any]]:
    if planned.node.apply != "traffic":
        return {}
    if _trimmed(planned, written, sent) != _trimmed(planned, sent, sent):
        return {"traffic": {"not": TRIMMED}}
    moves = rearrangement(written.pieces, sent.pieces, planned.node, planned.by_id)
    return {"traffic": moves}


def _require_continued(planned: PlannedCall, sent: TemplatedPrompt, write: Writes) -> None:
    """An earlier call's prompt must stand in the prompt that continues it as it was sent. Raises
    `OtherMarkup`."""
    if planned.earlier is None:
        return
    earlier = in_template(planned.earlier.prompt(), write).pieces
    if pieces_of(sent.pieces[: len(earlier) + 1]) != [*pieces_of(earlier), None]:
        raise OtherMarkup(REWRITTEN)


def _trimmed(
    planned: PlannedCall, prompt: TemplatedPrompt, sent: TemplatedPrompt
) -> set[tuple[str, int]]:
    """The call's own variables that the template trims, by side, as far as the planned prompt
    holds them."""
    own = planned.call.id
    held = {piece.source for piece in sent.pieces if varies(piece) and piece.node == own}
    return {(side, source) for side, node, source in prompt.edges if node == own and source in held}


def _form(prompt: TemplatedPrompt, positions: Sequence[int | None]) -> dict[str, Any]:
    return {"pieces": pieces_of(prompt.pieces), "positions": list(positions)}
