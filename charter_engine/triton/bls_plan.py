"""From a plan and the agent's calls to the `plan.json` that `charter_bls` reads."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from charter_engine.bls.checks import PlanError
from charter_engine.bls.plan import FORMAT, Node, parse_plan
from charter_engine.bls.reuse_times import ReuseTimeRules, reuse_times_section
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.plan.diff import NO_REUSE_TIMES
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
from charter_engine.triton.rearranging import rearrangement


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


def compile_bls_plan(
    plan: Plan, calls: Sequence[Call], revision: int, reuse_times: ReuseTimeRules | None = None
) -> str:
    """The text of `plan.json`. Raises `InvalidInput` where plan and agent do not belong together.

    With `reuse_times`, requests ask for what these make likely.
    The nodes' own retention stands aside then.
    """
    by_id = {call.id: call for call in calls}
    strangers = [name for name in plan.nodes if name not in by_id]
    if strangers:
        raise InvalidInput(
            f"the plan has nodes that {plan.agent} does not: {', '.join(strangers)}",
            remedy="derive the plan anew: charter-engine plan AGENT",
        )
    document: dict[str, Any] = {
        "format": FORMAT,
        "revision": revision,
        "agent": plan.agent,
        "plan": msgspec.to_builtins(_without_reasons(plan)),
        "share": plan.share,
        "nodes": [_node(by_id[name], node, plan, by_id) for name, node in plan.nodes.items()],
    }
    if reuse_times is not None:
        document["waits"] = reuse_times_section(reuse_times)
    text = plan_text(document)
    try:
        parse_plan(text)
    except PlanError as error:
        raise InvalidInput(f"the plan for {plan.agent} cannot be used: {error}") from None
    return text


def served_nodes(plan: Plan, calls: Sequence[Call]) -> tuple[Node, ...]:
    """The plan's nodes as `charter_bls` knows prompts by them. Raises `InvalidInput` as
    `compile_bls_plan` does."""
    return tuple(parse_plan(compile_bls_plan(plan, calls, revision=0)).nodes.values())


FOR_MACHINES = ("plan", "waits")
"""Sections of `plan.json` that take a line each."""


def plan_text(document: Mapping[str, Any]) -> str:
    """`plan.json` as people read it, but for what only machines do: ten thousand numbers of a
    forest take one line."""
    rest = {key: value for key, value in document.items() if key not in FOR_MACHINES}
    text = msgspec.json.format(msgspec.json.encode(rest), indent=1).decode()
    lines = [
        f' "{key}": {msgspec.json.encode(document[key]).decode()}'
        for key in FOR_MACHINES
        if document.get(key) is not None
    ]
    return ",\n".join((text.removesuffix("}").rstrip(), *lines)) + "\n}" if lines else text


def planned_in(text: str | None) -> Plan | None:
    """The plan that a `plan.json` was made of; None where it does not tell."""
    found = msgspec.json.decode(text).get("plan") if text else None
    return None if found is None else msgspec.convert(found, Plan)


def reuse_times_of(text: str | None) -> Any:
    """The section `waits` of a `plan.json`; None where it has none."""
    return msgspec.json.decode(text).get("waits") if text else None


def reuse_times_in_words(reuse_times: Any) -> str:
    """Which reuse times these are, short enough for a table and different for any that differ."""
    if reuse_times is None:
        return NO_REUSE_TIMES
    content = msgspec.json.encode(reuse_times, order="deterministic")
    return f"{hashlib.sha256(content).hexdigest()[:8]}, decided when {reuse_times['moment']}"


def _without_reasons(plan: Plan) -> Plan:
    """What of a plan is served: how it was found stays in the journal."""
    nodes = {name: replace(node, why={}) for name, node in plan.nodes.items()}
    return replace(plan, nodes=nodes, why={}, alternatives=())


def _node(call: Call, node: NodePlan, plan: Plan, by_id: Mapping[str, Call]) -> dict[str, Any]:
    continues = node.layout == "append-only" and node.extends is not None
    return {
        "node": call.id,
        **_forms(call, node, plan, by_id),
        **_traffic(call, node, plan, by_id),
        "segments": len(call.segments),
        "order": list(node.order if node.layout != "source" else ()),
        "wording": {str(index): text for index, text in node.wording.items()}
        if node.layout != "source"
        else {},
        "continues": continues,
        "retention": {
            "ranges": msgspec.to_builtins(node.retention),
            "decode_priority": node.decode_priority,
            "decode_duration_ms": node.decode_duration_ms,
        },
    }


def _forms(
    call: Call, node: NodePlan, plan: Plan, by_id: Mapping[str, Call]
) -> dict[str, list[dict[str, Any]]]:
    """The planned form and, where that is another, the source's own.

    Of a prompt that continues another, the source's form has pieces that the planned one does not:
    those have no place in it, and the form stands apart from those that have one for each.
    """
    try:
        planned = _template(call, node, plan, by_id, ())
        source = _template(call, NodePlan(), plan, by_id, ())
    except MissingInput:
        return {"forms": []}
    place_of = {
        (piece.node, piece.source): part.segment
        for piece, part in zip(planned, parts_of(planned), strict=True)
    }
    forms = [_form(planned, [part.segment for part in parts_of(planned)])]
    if _pieces(source) == _pieces(planned):
        return {"forms": forms}
    places = [place_of.get((piece.node, piece.source)) for piece in source]
    as_written = _form(source, places)
    if None in places:
        return {"forms": forms, "other_forms": [as_written]}
    return {"forms": [*forms, as_written]}


def _traffic(
    call: Call, node: NodePlan, plan: Plan, by_id: Mapping[str, Call]
) -> dict[str, dict[str, Any]]:
    """How prompts that programs send as written are laid out, where the node's layout applies to
    them."""
    if node.apply != "traffic":
        return {}
    try:
        planned = _template(call, node, plan, by_id, ())
        source = _template(call, NodePlan(), plan, by_id, ())
    except MissingInput as error:
        return {"traffic": {"not": f"its prompt is not known: {error.variable} is not there"}}
    if _pieces(source) == _pieces(planned):
        return {}
    return {"traffic": rearrangement(source, planned, call, node, by_id)}


def _template(
    call: Call, node: NodePlan, plan: Plan, by_id: Mapping[str, Call], path: tuple[str, ...]
) -> Prompt:
    """The prompt of a call with every variable and upstream output in its place."""
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
    prompts = {}
    if node.layout == "append-only" and node.extends is not None:
        extended = by_id.get(node.extends)
        if extended is None:
            raise InvalidInput(
                f"{call.id} extends {node.extends!r}, which is no call of {plan.agent}"
            )
        before = _template(
            extended, plan.nodes.get(extended.id, NodePlan()), plan, by_id, (*path, call.id)
        )
        prompts[(node.extends, 0)] = before
    everything = _Everything()
    turns = (everything,) if grows(call) else ()
    return assemble(CallInstance(call, len(turns), everything, keys, turns), node, outputs, prompts)


def _form(prompt: Prompt, positions: Sequence[int | None]) -> dict[str, Any]:
    headings = [index for index, piece in enumerate(prompt) if piece.kind == HEADING]
    return {
        "pieces": _pieces(prompt),
        "positions": list(positions),
        **({"headings": headings} if headings else {}),
    }


def _pieces(prompt: Prompt) -> list[str | None]:
    return [piece.text if piece.kind in {"static", HEADING} else None for piece in prompt]
