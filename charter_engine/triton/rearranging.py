"""How `charter_bls` makes the planned prompt of one that comes as written."""

from collections.abc import Mapping
from typing import Any

from charter_engine.analysis.layout import Content, content_of
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan
from charter_engine.prompts.assembly import Piece, Prompt

OUTPUT = -1
"""The source index of a piece that is a call's whole output."""


def rearrangement(
    source: Prompt, planned: Prompt, call: Call, node: NodePlan, by_id: Mapping[str, Call]
) -> dict[str, Any]:
    """The section `traffic` of a node in `plan.json`, as `bls.rearrangement` reads it.

    A prompt can be laid out if each of its variables has a place: among the node's own planned
    pieces, or in the call that it continues. Else it says why not.
    """
    continues = node.layout == "append-only" and node.extends is not None
    earlier = len(planned) - _appended(planned, node) if continues else 0
    written = {_place(piece): index for index, piece in enumerate(source) if _varies(piece)}
    fill = [
        written.get(_place(piece)) if index >= earlier and _varies(piece) else None
        for index, piece in enumerate(planned)
    ]
    said = _said(planned[:earlier], by_id)
    same: list[tuple[int, int]] = []
    for place, index in written.items():
        if index in fill:
            continue
        content = content_of(call.segments[place[1]])
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


def _varies(piece: Piece) -> bool:
    return piece.kind != "static"


def _place(piece: Piece) -> tuple[str, int]:
    return piece.node, piece.source


def _said(earlier: Prompt, by_id: Mapping[str, Call]) -> dict[Content, int]:
    """What the variables of an earlier call's prompt, and its answer, stand for."""
    found: dict[Content, int] = {}
    for index, piece in enumerate(earlier):
        if not _varies(piece):
            continue
        if piece.source == OUTPUT:
            found[("upstream", f"{piece.node}/data")] = index
        else:
            found[content_of(by_id[piece.node].segments[piece.source])] = index
    return found


def _name(content: Content) -> str:
    return content[1].removesuffix("/data").removesuffix("/loop")
