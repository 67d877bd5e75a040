"""Whether a plan is for an agent: by what the agent's calls are. Where its source lies is a hint
only."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Literal, NamedTuple

from msgspec.structs import replace

from charter_engine.contracts.graph import Call
from charter_engine.contracts.identity import AgentIdentity
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.errors import UsageError

DERIVE_ANEW = "derive the plan anew: charter-engine plan AGENT"


class CallChange(NamedTuple):
    """How one call differs from what it was."""

    call: str
    what: Literal["added", "removed", "changed text"]


def same_agent(one: Plan, other: Plan) -> bool:
    """Whether two plans are for the same agent.

    By identity where both have one: equal calls, or an equal name and a call in common. A plan
    without identity is compared by path and by the ids of its nodes. One without nodes was made of
    requests alone, or is of settings only: it is for any agent.
    """
    if one.identity is not None and other.identity is not None:
        return _same_identity(one.identity, other.identity)
    if not one.nodes or not other.nodes:
        return True
    return _same_place(one.agent, other.agent) or bool(one.nodes.keys() & other.nodes.keys())


def agent_in_words(plan: Plan) -> str:
    """The agent's name, and where its source was."""
    if plan.identity is None:
        return plan.agent or "no agent"
    return f"{plan.identity.name} ({plan.agent})" if plan.agent else plan.identity.name


def call_changes(before: AgentIdentity, after: AgentIdentity) -> tuple[CallChange, ...]:
    """Every call that was added or removed, or whose text changed; those of `after` first."""
    found = [
        CallChange(call, "changed text" if call in before.calls else "added")
        for call, digest in after.calls.items()
        if before.calls.get(call) != digest
    ]
    gone = sorted(before.calls.keys() - after.calls)
    return (*found, *(CallChange(call, "removed") for call in gone))


def fitted(plan: Plan, own: Plan, calls: Sequence[Call], place: str = "") -> Plan:
    """The plan, with the identity of the agent as it is. `own` is the agent's plan as written.

    Calls may have been added since it was made, and texts changed. Raises `UsageError`, beginning
    with `place`, for another agent's plan, for a planned call that is gone, and for a layout that
    its prompt has no segments for.
    """
    lead = f"{place}: " if place else ""
    if not same_agent(plan, own):
        raise UsageError(
            f"{lead}the plan is for agent {agent_in_words(plan)}, not for {agent_in_words(own)}",
            remedy=f"give that agent's source, or {DERIVE_ANEW}",
        )
    problem = _misfit(plan, calls)
    if problem:
        raise UsageError(f"{lead}{problem}{_listed(plan, own)}", remedy=DERIVE_ANEW)
    return replace(plan, identity=own.identity) if plan.nodes else plan


def _same_identity(one: AgentIdentity, other: AgentIdentity) -> bool:
    if one.fingerprint == other.fingerprint:
        return True
    return one.name == other.name and bool(one.calls.keys() & other.calls.keys())


def _same_place(one: str, other: str) -> bool:
    """Whether the shorter path could be the end of the longer."""
    shorter, longer = sorted((PurePath(one).parts, PurePath(other).parts), key=len)
    return bool(shorter) and longer[-len(shorter) :] == shorter


def _misfit(plan: Plan, calls: Sequence[Call]) -> str:
    """The first planned call that the agent's calls have no place for, in words; else nothing."""
    by_id = {call.id: call for call in calls}
    for node_id in sorted(plan.nodes):
        if node_id not in by_id:
            return f"the agent has no call {node_id}"
        if not _fits(plan.nodes[node_id], by_id[node_id]):
            return f"the layout of {node_id} does not fit its prompt as it is"
    return ""


def _fits(node: NodePlan, call: Call) -> bool:
    segments = range(len(call.segments))
    ordered = set(node.order) <= set(segments)
    whole = node.layout != "prefix-first" or len(node.order) in (0, len(segments))
    worded = all(
        index in segments and call.segments[index].kind == "static" for index in node.wording
    )
    return ordered and whole and worded


def _listed(plan: Plan, own: Plan) -> str:
    if plan.identity is None or own.identity is None:
        return ""
    changes = call_changes(plan.identity, own.identity)
    lines = "".join(f"\n  {change.call}: {change.what}" for change in changes)
    return f"; since the plan was made:{lines}" if lines else ""
