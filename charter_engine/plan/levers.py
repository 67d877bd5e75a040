"""A plan with one of its levers put back to what was before it."""

from collections.abc import Callable, Iterable
from typing import get_args

from msgspec.structs import replace

from charter_engine.contracts.plan import DEFAULT_PRIORITY, Lever, NodePlan, Plan
from charter_engine.contracts.planning import Levers

LEVERS: tuple[Lever, ...] = get_args(Lever)


def without(plan: Plan, lever: Lever) -> Plan:
    """The plan with one lever as it was before. Retention of segments goes with the layout it was
    counted in."""
    if lever == "block_size":
        return replace(plan, server=replace(plan.server, tokens_per_block=None))
    if lever == "host_tier":
        return replace(plan, server=replace(plan.server, kv_cache_host_memory_bytes=None))
    if lever == "release":
        return replace(plan, release="never")
    change = _CHANGES[lever]
    nodes = {name: change(node) for name, node in plan.nodes.items()}
    if lever == "retention":
        return replace(plan, nodes=nodes, policy="default", reuse_times=None)
    return replace(plan, nodes=nodes)


def differing(before: Plan, after: Plan) -> tuple[Lever, ...]:
    """The levers that two plans set otherwise."""
    return tuple(lever for lever in LEVERS if _SET[lever](before) != _SET[lever](after))


def left_alone(levers: Levers) -> tuple[Lever, ...]:
    """The levers that are switched off."""
    return tuple(lever for lever in LEVERS if not getattr(levers, lever))


def levers_but(without: Iterable[Lever]) -> Levers:
    """All levers but those to be left alone."""
    return Levers(**dict.fromkeys(without, False))


def reduced(plan: Plan, levers: Iterable[Lever]) -> Plan:
    """The plan with these levers as they were before."""
    for lever in levers:
        plan = without(plan, lever)
    return plan


def _without_layout(node: NodePlan) -> NodePlan:
    if node.layout == "source":
        return node
    whole = tuple(item for item in node.retention if item.first == 0 and item.last is None)
    return replace(node, layout="source", order=(), extends=None, wording={}, retention=whole)


def _without_retention(node: NodePlan) -> NodePlan:
    return replace(node, retention=(), decode_priority=DEFAULT_PRIORITY, decode_duration_ms=None)


def _without_group(node: NodePlan) -> NodePlan:
    return replace(node, cache_group=None)


_CHANGES: dict[str, Callable[[NodePlan], NodePlan]] = {
    "layout": _without_layout,
    "retention": _without_retention,
    "groups": _without_group,
}


def _layouts(plan: Plan) -> object:
    return {
        name: (node.layout, node.order, node.extends, node.wording)
        for name, node in plan.nodes.items()
        if node.layout != "source"
    }


def _retention(plan: Plan) -> object:
    kept = {
        name: (node.retention, node.decode_priority, node.decode_duration_ms)
        for name, node in plan.nodes.items()
        if node != _without_retention(node)
    }
    return plan.policy, plan.reuse_times, kept


def _groups(plan: Plan) -> object:
    return {name: node.cache_group for name, node in plan.nodes.items() if node.cache_group}


_SET: dict[Lever, Callable[[Plan], object]] = {
    "layout": _layouts,
    "block_size": lambda plan: plan.server.tokens_per_block,
    "retention": _retention,
    "groups": _groups,
    "host_tier": lambda plan: plan.server.kv_cache_host_memory_bytes,
    "release": lambda plan: plan.release,
}
