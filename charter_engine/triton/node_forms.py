"""The shapes in which a node's prompt may arrive, as `plan.json` tells them to `charter_bls`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.prompts.assembly import (
    HEADING,
    CallInstance,
    MissingInput,
    Piece,
    Prompt,
    assemble,
)
from charter_engine.prompts.histories import grows
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.parts import parts_of
from charter_engine.triton.rearranging import rearrangement, varies


class _Everything(Mapping[str, Any]):
    """A scope in which every variable has some value: the shape of a prompt does not depend on
    which."""

    def __getitem__(self, key: str) -> str:
        return "…"

    def __contains__(self, key: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass(frozen=True)
class PlannedCall:
    """A call under its node's part of a plan, among all calls of its agent."""

    call: Call
    node: NodePlan
    plan: Plan
    by_id: Mapping[str, Call]

    @property
    def extended(self) -> str | None:
        """The call whose prompt this one continues."""
        return self.node.extends if self.node.layout == "append-only" else None

    @property
    def as_written(self) -> "PlannedCall":
        """The same without a layout."""
        return replace(self, node=NodePlan())

    @property
    def earlier(self) -> "PlannedCall | None":
        """The call that is continued. Raises `InvalidInput` where the agent has none such."""
        if self.extended is None:
            return None
        call = self.by_id.get(self.extended)
        if call is None:
            raise InvalidInput(
                f"{self.call.id} extends {self.extended!r}, which is no call of {self.plan.agent}"
            )
        return replace(self, call=call, node=self.plan.nodes.get(call.id, NodePlan()))

    def prompt(self, path: tuple[str, ...] = ()) -> Prompt:
        """The prompt with every variable and upstream output in its place. `path` are the calls
        that continue it. Raises `InvalidInput` and `MissingInput`."""
        call, node = self.call, self.node
        if call.id in path:
            raise InvalidInput(
                "the plan lets prompts continue each other in a circle: "
                + " → ".join((*path, call.id)),
                remedy="give one of them another layout",
            )
        upstream = {dependency.call for dependency in call.depends_on} | (
            {node.extends} if node.extends else set()
        )
        keys = tuple((name, 0) for name in sorted(upstream))
        outputs = {key: Piece("…", "upstream", key[0], -1) for key in keys}
        earlier = self.earlier
        prompts = (
            {(earlier.call.id, 0): earlier.prompt((*path, call.id))} if earlier is not None else {}
        )
        everything = _Everything()
        turns = (everything,) if grows(call) else ()
        instance = CallInstance(call, len(turns), everything, keys, turns)
        return assemble(instance, node, outputs, prompts)


def forms_of(planned: PlannedCall) -> dict[str, list[dict[str, Any]]]:
    """The planned form and, where that is another, the source's own.

    Of a prompt that continues another, the source's form has pieces that the planned one does not:
    those have no place in it, and the form stands apart from those that have one for each.
    """
    try:
        sent, written = planned.prompt(), planned.as_written.prompt()
    except MissingInput:
        return {"forms": []}
    forms = [_form(sent, segments_of(sent))]
    if pieces_of(written) == pieces_of(sent):
        return {"forms": forms}
    places = places_in(sent, written)
    as_written = _form(written, places)
    if None in places:
        return {"forms": forms, "other_forms": [as_written]}
    return {"forms": [*forms, as_written]}


def traffic_of(planned: PlannedCall) -> dict[str, dict[str, Any]]:
    """How prompts that programs send as written are laid out, where the node's layout applies to
    them."""
    if planned.node.apply != "traffic":
        return {}
    try:
        sent, written = planned.prompt(), planned.as_written.prompt()
    except MissingInput as error:
        return {"traffic": {"not": f"its prompt is not known: {error.variable} is not there"}}
    if pieces_of(written) == pieces_of(sent):
        return {}
    return {"traffic": rearrangement(written, sent, planned.node, planned.by_id)}


def segments_of(prompt: Prompt) -> list[int]:
    """The planned segment of each piece."""
    return [part.segment for part in parts_of(prompt)]


def places_in(planned: Prompt, prompt: Prompt) -> list[int | None]:
    """The segment of a planned prompt in which each piece of another stands."""
    place_of = {
        (piece.node, piece.source): segment
        for piece, segment in zip(planned, segments_of(planned), strict=True)
    }
    return [place_of.get((piece.node, piece.source)) for piece in prompt]


def pieces_of(prompt: Prompt) -> list[str | None]:
    """The texts of a prompt's pieces; None for those that vary."""
    return [None if varies(piece) else piece.text for piece in prompt]


def _form(prompt: Prompt, positions: Sequence[int | None]) -> dict[str, Any]:
    headings = [index for index, piece in enumerate(prompt) if piece.kind == HEADING]
    return {
        "pieces": pieces_of(prompt),
        "positions": list(positions),
        **({"headings": headings} if headings else {}),
    }
