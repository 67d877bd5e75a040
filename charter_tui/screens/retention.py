"""The form for a node's retention.

It takes priority and duration of the KV blocks of prompt and output.
"""

from typing import TYPE_CHECKING, Final, get_args

from charter_engine.contracts.commands import EditNode
from charter_engine.contracts.moments import Mistyped
from charter_engine.contracts.plan import DEFAULT_PRIORITY, LayoutKind, NodePlan, SegmentRange
from charter_tui.present.figures import duration_text
from charter_tui.present.graph_table import node_plan
from charter_tui.present.levers import why_not_lever
from charter_tui.present.node_figures import range_name
from charter_tui.screens.form import Field, FormScreen
from charter_tui.typed import parse_priority, parse_retention_ms

if TYPE_CHECKING:
    from charter_tui.console import Console

LAYOUTS: Final[tuple[str, ...]] = get_args(LayoutKind)
_DURATION_HINT: Final = "30s, 5m, 1h; empty: until evicted"


def retention_form(app: "Console", node: str) -> FormScreen:
    """A form that changes the draft; nothing goes live before a push. Where no retention acts, it
    is of the layout alone."""
    snapshot = app.snapshot
    if no_retention := why_not_lever(snapshot, "retention"):
        return _layout_form(app, node, no_retention)
    plan = node_plan(snapshot.draft_plan, node)
    revision = snapshot.revision

    async def submit(values: dict[str, str]) -> None:
        edit = edit_of(node, plan, values, revision)
        if edit is not None:
            await app.ask(edit)

    first = plan.retention[0] if plan.retention else SegmentRange()
    ranges = tuple(
        f"{index} ({range_name(item.first, item.last)})"
        for index, item in enumerate(plan.retention)
    )
    choose = (
        (Field("range", "range", ranges[0], "which range; empty: whole prompt", choices=ranges),)
        if len(ranges) > 1
        else ()
    )
    return FormScreen(
        f"Retention of {node}",
        (
            *choose,
            Field(
                "priority",
                "priority",
                str(first.priority),
                f"0 to 100, default {DEFAULT_PRIORITY}",
                parse_priority,
            ),
            Field(
                "duration",
                "duration",
                _typed(first.duration_ms),
                _DURATION_HINT,
                parse_retention_ms,
            ),
            Field(
                "decode_priority",
                "output priority",
                str(plan.decode_priority),
                "0 to 100",
                parse_priority,
            ),
            Field(
                "decode_duration",
                "output duration",
                _typed(plan.decode_duration_ms),
                _DURATION_HINT,
                parse_retention_ms,
            ),
            Field("layout", "layout", plan.layout, ", ".join(LAYOUTS), choices=LAYOUTS),
        ),
        submit,
        note="Changes the draft. Push it on the tuning screen (2, then p).",
        verb="Change draft",
    )


def _layout_form(app: "Console", node: str, no_retention: str) -> FormScreen:
    layout, revision = node_plan(app.snapshot.draft_plan, node).layout, app.snapshot.revision

    async def submit(values: dict[str, str]) -> None:
        chosen = _layout(values["layout"])
        if chosen != layout:
            await app.ask(EditNode(node=node, base_revision=revision, layout=chosen))

    return FormScreen(
        f"Layout of {node}",
        (Field("layout", "layout", layout, ", ".join(LAYOUTS), choices=LAYOUTS),),
        submit,
        note=f"Changes the draft. No retention: {no_retention}",
        verb="Change draft",
    )


def _layout(text: str) -> str:
    layout = text.strip()
    if layout not in LAYOUTS:
        raise Mistyped(f"{layout!r} is not a layout; give one of {', '.join(LAYOUTS)}")
    return layout


def _typed(duration_ms: int | None) -> str:
    return "" if duration_ms is None else duration_text(duration_ms)


def edit_of(node: str, plan: NodePlan, values: dict[str, str], revision: int) -> EditNode | None:
    """The command for what was changed in the form; None for nothing. Raises `Mistyped`."""
    chosen = _range(values.get("range"), len(plan.retention))
    before = plan.retention[chosen or 0] if plan.retention else SegmentRange()
    priority = _changed(parse_priority(values["priority"]), before.priority)
    duration = _changed(parse_retention_ms(values["duration"]), _wire(before.duration_ms))
    decode_priority = _changed(parse_priority(values["decode_priority"]), plan.decode_priority)
    decode_duration = _changed(
        parse_retention_ms(values["decode_duration"]), _wire(plan.decode_duration_ms)
    )
    layout = _layout(values["layout"])
    new_layout = None if layout == plan.layout else layout
    if (priority, duration, decode_priority, decode_duration, new_layout) == (None,) * 5:
        return None
    return EditNode(
        node=node,
        base_revision=revision,
        range=chosen,
        priority=priority,
        duration_ms=duration,
        decode_priority=decode_priority,
        decode_duration_ms=decode_duration,
        layout=new_layout,
    )


def _wire(duration_ms: int | None) -> int:
    return -1 if duration_ms is None else duration_ms


def _changed(new: int, old: int) -> int | None:
    return None if new == old else new


def _range(text: str | None, ranges: int) -> int | None:
    """The range that was chosen; None for the whole prompt, and for the only range there is 0."""
    if text is None:
        return 0 if ranges == 1 else None
    if not text.strip():
        return None
    number = text.split()[0]
    if not number.isdigit() or int(number) >= ranges:
        raise Mistyped(
            f"{text!r} is not a range; give 0 to {ranges - 1}, or nothing for the whole prompt"
        )
    return int(number)
