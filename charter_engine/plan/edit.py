"""An operator's edits, applied to a plan. Every function returns a new plan or raises
`InvalidSetting`."""

from difflib import get_close_matches

from msgspec.structs import replace

from charter_engine.contracts.commands import EditNode
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.contracts.settings import UNTIL_EVICTED
from charter_engine.plan.settings import (
    InvalidSetting,
    check_duration,
    check_layout,
    check_priority,
    parse_setting,
)
from charter_engine.prompts.identity import identity_of


def default_plan(compiled: CompiledFile) -> Plan:
    """The agent as it is written: source layout, no retention, the deployment's own settings."""
    return Plan(
        agent=compiled.path,
        nodes={call.id: NodePlan() for call in compiled.calls},
        identity=identity_of(compiled.path, compiled.calls),
    )


def edit_server(plan: Plan, key: str, text: str) -> Plan:
    """Set a server setting from the text an operator typed; empty text leaves it to the
    deployment."""
    value = parse_setting(key, text) if text.strip() else None
    return replace(plan, server=replace(plan.server, **{key: value}))


def edit_node(plan: Plan, edit: EditNode) -> Plan:
    """Apply a node edit to its retention ranges, its decode retention, and its layout and whose
    prompts that is for."""
    node = plan.nodes.get(edit.node)
    if node is None:
        near = get_close_matches(edit.node, plan.nodes, n=1)
        raise InvalidSetting(
            edit.node,
            "the plan has no such node",
            f"did you mean {near[0]}?" if near else "see `charter-engine compile`",
        )
    edited = replace(node, retention=_edited_ranges(node, edit))
    if edit.decode_priority is not None:
        edited = replace(
            edited, decode_priority=check_priority("decode_priority", edit.decode_priority)
        )
    if edit.decode_duration_ms is not None:
        edited = replace(
            edited, decode_duration_ms=_duration("decode_duration_ms", edit.decode_duration_ms)
        )
    if edit.layout is not None:
        edited = _with_layout(edited, edit.layout)
    if edit.apply is not None:
        edited = replace(edited, apply=edit.apply)
    return replace(plan, nodes={**plan.nodes, edit.node: edited})


def _edited_ranges(node: NodePlan, edit: EditNode) -> tuple[SegmentRange, ...]:
    if edit.priority is None and edit.duration_ms is None:
        return node.retention
    if edit.range is None:
        return (
            _edited_range(
                node.retention[0] if len(node.retention) == 1 else SegmentRange(), edit, whole=True
            ),
        )
    if not 0 <= edit.range < len(node.retention):
        raise InvalidSetting(
            edit.node,
            f"there is no retention range {edit.range}",
            f"the node has {len(node.retention)}, counted from 0",
        )
    return tuple(
        _edited_range(item, edit, whole=False) if index == edit.range else item
        for index, item in enumerate(node.retention)
    )


def _edited_range(current: SegmentRange, edit: EditNode, *, whole: bool) -> SegmentRange:
    priority = (
        current.priority if edit.priority is None else check_priority("priority", edit.priority)
    )
    duration_ms = (
        current.duration_ms
        if edit.duration_ms is None
        else _duration("duration_ms", edit.duration_ms)
    )
    if whole:
        return SegmentRange(first=0, last=None, priority=priority, duration_ms=duration_ms)
    return SegmentRange(current.first, current.last, priority, duration_ms)


def _duration(key: str, duration_ms: int) -> int | None:
    return None if duration_ms == UNTIL_EVICTED else check_duration(key, duration_ms)


def _with_layout(node: NodePlan, layout: str) -> NodePlan:
    kind = check_layout("layout", layout)
    if kind == "source":
        return replace(node, layout=kind, order=(), extends=None)
    if kind == "prefix-first" and not node.order:
        raise InvalidSetting(
            "layout", "no prefix-first order is known for this node", "propose a plan first"
        )
    if kind == "append-only" and node.extends is None:
        raise InvalidSetting(
            "layout", "this node continues no other call's prompt", "propose a plan first"
        )
    return replace(node, layout=kind)
