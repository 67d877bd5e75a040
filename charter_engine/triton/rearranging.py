"""How `charter_bls` makes the planned prompt of one that comes as written."""

from collections.abc import Mapping
from typing import Any

from charter_engine.analysis.layout import Content, content_of
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan
from charter_engine.prompts.assembly import HEADING, Piece, Prompt
from charter_engine.prompts.templated import GIVEN_KIND

OUTPUT = -1
"""The source index of a piece that is a call's whole output."""

Place = tuple[str, int]
"""Node and source of a variable; of what a chat template is given, its kind and how many of these
stand before it."""


def rearrangement(
    source: Prompt, planned: Prompt, node: NodePlan, by_id: Mapping[str, Call]
) -> dict[str, Any]:
    """The section `traffic` of a node in `plan.json`, as `bls.rearrangement` reads it.

    A prompt can be laid out if each of its variables has a place: among the node's own planned
    pieces, or in the call that it continues. Else it says why not.
    """
    continues = node.layout == "append-only" and node.extends is not None
    earlier = len(planned) - _appended(planned, node) if continues else 0
    written = {place: index for index, place in _places(source).items()}
    planned_places = _places(planned)
    fill = [
        written.get(planned_places[index]) if index >= earlier and index in planned_places else None
        for index in range(len(planned))
    ]
    said = _said(planned[:earlier], by_id)
    same: list[tuple[int, int]] = []
    for place, index in written.items():
        if index in fill:
            continue
        content = _content(place, by_id)
        if content not in said:
            return {"not": f"the layout has no place for {_name(content)}"}
        same.append((index, said[content]))
    if continues and earlier - 1 not in dict(same).values():
        return {"not": "its prompt does not hold the answer of the call that it continues"}
    return {
        "fill": fill,
        "extends": node.extends if continues else None,
        "earlier": earlier,
        "same": same,
    }


def _appended(planned: Prompt, node: NodePlan) -> int:
    """How many pieces stand behind the earlier call's answer."""
    outputs = [
        index
        for index, piece in enumerate(planned)
        if piece.source == OUTPUT and piece.node == node.extends
    ]
    return len(planned) - outputs[-1] - 1


def varies(piece: Piece) -> bool:
    """Whether a piece's text is known only with the request."""
    return piece.kind not in {"static", HEADING}


def _places(prompt: Prompt) -> dict[int, Place]:
    """What each of a prompt's variables stands for, by its index."""
    found: dict[int, Place] = {}
    given = 0
    for index, piece in enumerate(prompt):
        if piece.kind == GIVEN_KIND:
            found[index] = (GIVEN_KIND, given)
            given += 1
        elif varies(piece):
            found[index] = (piece.node, piece.source)
    return found


def _content(place: Place, by_id: Mapping[str, Call]) -> Content:
    owner, number = place
    if owner == GIVEN_KIND:
        return (GIVEN_KIND, str(number))
    if number == OUTPUT:
        return ("upstream", f"{owner}/data")
    return content_of(by_id[owner].segments[number])


def _said(earlier: Prompt, by_id: Mapping[str, Call]) -> dict[Content, int]:
    """What the variables of an earlier call's prompt, and its answer, stand for."""
    return {_content(place, by_id): index for index, place in _places(earlier).items()}


def _name(content: Content) -> str:
    return content[1].removesuffix("/data").removesuffix("/loop")
