"""From a plan and the agent's calls to the `plan.json` that `charter_bls` reads."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from charter_engine.bls.checks import PlanError
from charter_engine.bls.plan import FORMAT, Node, parse_plan
from charter_engine.bls.reuse_times import ReuseTimeRules, reuse_times_section
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Plan
from charter_engine.plan.diff import NO_REUSE_TIMES
from charter_engine.prompts.templated import Writes
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.node_forms import PlannedCall, forms_of, traffic_of
from charter_engine.triton.templated_forms import templated_of


def compile_bls_plan(
    plan: Plan,
    calls: Sequence[Call],
    revision: int,
    reuse_times: ReuseTimeRules | None = None,
    writers: Sequence[Writes] = (),
) -> str:
    """The text of `plan.json`. Raises `InvalidInput` where plan and agent do not belong together.

    With `reuse_times`, requests ask for what these make likely.
    The nodes' own retention stands aside then.
    `writers` are the ways in which the model's chat template writes messages: in their markup chat
    prompts are laid out, where a layout applies to traffic.
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
        "release": plan.release,
        "nodes": [
            _node(PlannedCall(by_id[name], node, plan, by_id), writers)
            for name, node in plan.nodes.items()
        ],
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


def _node(planned: PlannedCall, writers: Sequence[Writes]) -> dict[str, Any]:
    call, node = planned.call, planned.node
    return {
        "node": call.id,
        **forms_of(planned),
        **traffic_of(planned),
        **templated_of(planned, writers),
        "segments": len(call.segments),
        "order": list(node.order if node.layout != "source" else ()),
        "wording": {str(index): text for index, text in node.wording.items()}
        if node.layout != "source"
        else {},
        "continues": planned.extended is not None,
        "retention": {
            "ranges": msgspec.to_builtins(node.retention),
            "decode_priority": node.decode_priority,
            "decode_duration_ms": node.decode_duration_ms,
        },
    }
