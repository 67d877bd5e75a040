"""What stands below the graph where there is room: the call under the cursor, in a dozen lines."""

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from charter_engine.contracts.graph import Call, Opportunity
from charter_engine.contracts.prediction import Prediction
from charter_tui.naming import Naming
from charter_tui.present.figures import marked, percent
from charter_tui.present.graph_table import node_plan
from charter_tui.present.headline import WORTH_TELLING, paid_of
from charter_tui.present.prompt import (
    KIND_FILLS,
    KIND_TONES,
    Placed,
    kinds_legend,
    map_lines,
    mean_prompt,
    place,
    planned_order,
    reused_share,
)
from charter_tui.present.spans import EMPTY, Line, Span, crop, fit, line, line_width, plain, wrap
from charter_tui.state import Snapshot, node_prediction, share

SEGMENT_NAME = 24
"""Assumed: cells in which most names of segments are whole."""
OPPORTUNITIES = 3
"""Assumed: the best three; all of them stand on the screen of findings."""


def preview_lines(snapshot: Snapshot, node: str, width: int) -> tuple[Line, ...]:
    """The call's prompt as a bar, its segments a line each, and what it could share.

    Nothing for no call.
    """
    call = snapshot.call(node)
    if call is None or width < 20:
        return ()
    stats, predicted = snapshot.stats(node), node_prediction(snapshot.live_prediction, node)
    placed = place(planned_order(call, node_plan(snapshot.plan, node)), stats, mean_prompt(stats))
    reach = share(predicted.reused_tokens, predicted.prompt_tokens) if predicted else None
    return (
        _heading(snapshot, call, width),
        *map_lines(placed, stats, reach, width),
        kinds_legend()[:-1],
        *(crop(_segment(item, width), width) for item in placed),
        *_sharing(snapshot, node, width),
    )


def _heading(snapshot: Snapshot, call: Call, width: int) -> Line:
    layout = node_plan(snapshot.plan, call.id).layout
    where = f"  {PurePath(call.path).name}:{call.line}  layout {layout}"
    return crop(
        line(Span(plain(snapshot.named_in_full(call.id)), "title"), Span(plain(where), "muted")),
        width,
    )


def _segment(item: Placed, width: int) -> Line:
    segment = item.segment
    name = plain(segment.name or segment.role or segment.kind)
    size = (
        marked(f"{item.tokens:,.0f} tokens", item.label)
        if item.tokens is not None
        else Span("size unknown", "muted")
    )
    parts = [
        Span(f"{KIND_FILLS[segment.kind] * 2} {item.number} ", KIND_TONES[segment.kind]),
        *fit((Span(name),), SEGMENT_NAME),
        *fit((size,), 15, "right"),
        Span("  "),
        *fit((reused_share(item),), 14),
    ]
    text = (
        segment.text.strip()
        if segment.kind == "static"
        else f"{{{segment.expression or segment.name or '?'}}}"
    )
    text = f"↺ every turn: {text}" if segment.each_turn else text
    return (*parts, *crop(line(Span(plain(text), "muted")), max(0, width - line_width(parts))))


def _sharing(snapshot: Snapshot, node: str, width: int) -> Iterator[Line]:
    compiled = snapshot.session.compiled if snapshot.session else None
    live = snapshot.live_prediction
    found = [
        item
        for item in (compiled.opportunities if compiled else ())
        if node in item.nodes and not is_reached(item, live)
    ]
    if not found:
        return
    yield EMPTY
    yield line(Span("Could be shared", "strong"), Span("   4 findings", "muted"))
    for item in _best(found)[:OPPORTUNITIES]:
        yield from _opportunity(item, node, snapshot.named, width)


def is_reached(item: Opportunity, live: Prediction | None) -> bool:
    """Whether the live plan reuses as much already as the opportunity promises."""
    if live is None or item.expected_hit_rate is None:
        return False
    return item.expected_hit_rate < live.token_hit_rate + WORTH_TELLING


def _best(found: Sequence[Opportunity]) -> list[Opportunity]:
    return sorted(found, key=lambda item: (-(item.expected_hit_rate or 0.0), -item.shared_tokens))


def _opportunity(item: Opportunity, node: str, named: Naming, width: int) -> Iterator[Line]:
    others = (
        ", ".join(named(other) for other in item.nodes if other != node) or "its own repetitions"
    )
    parts: list[Span | str] = [
        Span(f"+ {item.pattern.replace('_', ' ')}", "good"),
        "  ",
        marked(f"{item.shared_tokens:,} tokens", item.tokens_label),
        Span(f" with {plain(others)}", "muted"),
    ]
    if item.expected_hit_rate is not None:
        parts += [
            Span("  expected ", "muted"),
            *paid_of(item),
            Span("hit rate ", "muted"),
            percent(item.expected_hit_rate, item.expected_label),
        ]
    yield crop(line(*parts), width)
    for text in wrap(item.expected_basis, max(20, width - 2))[:2] if item.expected_basis else ():
        yield line(Span(f"  {text}", "muted"))
