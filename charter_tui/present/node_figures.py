"""The figures and the retention ranges of the node screen.

Figures are measured, and predicted for the live plan and the draft.
"""

from typing import TYPE_CHECKING

from charter_engine.contracts.plan import DEFAULT_PRIORITY, NodePlan
from charter_engine.contracts.prediction import NodePrediction, Prediction
from charter_tui.present.figures import (
    NOTHING,
    count,
    duration_text,
    milliseconds,
    percent,
    priority_tone,
)
from charter_tui.present.graph_table import STATE_SIGNS, node_plan
from charter_tui.present.spans import EMPTY, Line, Span, fit, line, plain, wrap
from charter_tui.state import Snapshot, node_prediction, share

if TYPE_CHECKING:
    from charter_engine.contracts.figures import Label

_LABEL = 16
_FIGURE = 12
"""Derived, in cells: the longest label, and the longest figure, with a blank."""


def figure_lines(snapshot: Snapshot, node: str) -> tuple[Line, ...]:
    """A row a figure, a column an origin."""
    stats = snapshot.stats(node)
    live = node_prediction(snapshot.live_prediction, node)
    drafted = snapshot.draft.predicted if snapshot.draft and snapshot.has_changes else None
    draft = node_prediction(drafted, node)
    seen = stats if stats and stats.requests else None
    rows = [
        _row(
            "", Span("measured", "measured"), Span("live plan", "predicted"), Span("draft", "draft")
        ),
        _row(
            "computed tokens",
            count(seen.told_tokens - seen.reused_tokens if seen else None, "measured"),
            *_counts(live, draft, "computed_tokens"),
        ),
        _row(
            "token hit rate",
            percent(share(seen.reused_tokens, seen.told_tokens) if seen else None, "measured"),
            percent(share(live.reused_tokens, live.prompt_tokens) if live else None, "predicted"),
            percent(
                share(draft.reused_tokens, draft.prompt_tokens) if draft else None, "predicted"
            ),
        ),
        _row(
            "TTFT mean",
            milliseconds(seen.ttft_ms_mean if seen else None, "measured"),
            milliseconds(live.ttft_ms if live else None, _times_label(snapshot.live_prediction)),
            milliseconds(draft.ttft_ms if draft else None, _times_label(drafted)),
        ),
        _row(
            "TTFT p95",
            milliseconds(seen.ttft_ms_p95 if seen else None, "measured"),
            NOTHING,
            NOTHING,
        ),
        _row(
            "requests",
            count(seen.requests if seen else None, "measured"),
            *_counts(live, draft, "requests"),
        ),
        _row(
            "prompt tokens",
            count(seen.prompt_tokens if seen else None, "measured"),
            *_counts(live, draft, "prompt_tokens"),
        ),
        _row(
            "reused tokens",
            count(seen.reused_tokens if seen and seen.told_tokens else None, "measured"),
            *_counts(live, draft, "reused_tokens"),
        ),
        _row(
            "reused blocks",
            count(seen.reused_blocks if seen and seen.total_blocks else None, "measured"),
            NOTHING,
            NOTHING,
        ),
        _row(
            "all blocks",
            count(seen.total_blocks or None if seen else None, "measured"),
            NOTHING,
            NOTHING,
        ),
        _row(
            "TTFT last",
            milliseconds(seen.ttft_ms_last if seen else None, "measured"),
            NOTHING,
            NOTHING,
        ),
    ]
    if stats and stats.failures:
        rows.append(_row("failures", Span(f"={stats.failures}", "bad"), NOTHING, NOTHING))
    return tuple(rows)


def _times_label(prediction: Prediction | None) -> "Label":
    return prediction.times_label if prediction else "assumed"


def _row(label: str, *figures: Span) -> Line:
    parts: list[Span] = [Span(f"{label:<{_LABEL}}", "muted")]
    for figure in figures:
        parts.extend(fit((figure,), _FIGURE, "right"))
    return tuple(parts)


def _counts(
    live: NodePrediction | None, draft: NodePrediction | None, key: str
) -> tuple[Span, Span]:
    return (
        count(getattr(live, key) if live else None, "predicted"),
        count(getattr(draft, key) if draft else None, "predicted"),
    )


def state_line(snapshot: Snapshot, node: str) -> Line:
    """State, and why it failed."""
    stats = snapshot.stats(node)
    if stats is None:
        return line(Span("○ waiting for the first request", "muted"))
    text, tone = STATE_SIGNS[stats.state]
    return line(Span(text, tone), Span(f"  {plain(stats.reason)}" if stats.reason else "", tone))


def retention_lines(snapshot: Snapshot, node: str, width: int) -> tuple[Line, ...]:
    """The ranges of the live plan, and those of the draft where they differ."""
    live, draft = node_plan(snapshot.plan, node), node_plan(snapshot.draft_plan, node)
    lines = [line(Span("live", "strong"), Span(f"  layout {live.layout}", "muted")), *_ranges(live)]
    if draft != live:
        lines += [
            EMPTY,
            line(Span("draft", "draft"), Span(f"  layout {draft.layout}", "muted")),
            *_ranges(draft),
        ]
    for key, reason in draft.why.items():
        lines += [
            line(Span(f"  {text}", reason.label))
            for text in wrap(f"{key}: {reason.text}", max(20, width - 2))
        ]
    return tuple(lines)


def _ranges(plan: NodePlan) -> list[Line]:
    if not plan.retention:
        default = f"whole prompt  priority {DEFAULT_PRIORITY}, until evicted (default)"
        return [line(Span(f"  {default}", "retention-default"))]
    lines = [
        line(
            Span(f"  {range_name(item.first, item.last):<16} ", "muted"),
            Span(f"priority {item.priority}", priority_tone(item.priority)),
            Span(f", {_duration(item.duration_ms)}", "text"),
        )
        for item in plan.retention
    ]
    if plan.decode_priority != DEFAULT_PRIORITY or plan.decode_duration_ms is not None:
        lines.append(
            line(
                Span(f"  {'output':<16} ", "muted"),
                Span(f"priority {plan.decode_priority}", priority_tone(plan.decode_priority)),
                Span(f", {_duration(plan.decode_duration_ms)}"),
            )
        )
    return lines


def _duration(duration_ms: int | None) -> str:
    return "until evicted" if duration_ms is None else f"for {duration_text(duration_ms)}"


def range_name(first: int, last: int | None) -> str:
    """`segments 0–2`, `segment 3`, `segments 2 to end`, `whole prompt`."""
    if last is None:
        return "whole prompt" if first == 0 else f"segments {first} to end"
    return f"segment {first}" if first == last else f"segments {first}–{last}"
