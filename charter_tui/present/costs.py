"""What runs cost, side by side: what is paid first, the hit rate last."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from charter_engine.contracts.costs import RunCost, Verdict
from charter_engine.contracts.deploy import CostClass
from charter_engine.contracts.figures import Label
from charter_engine.contracts.runs import RunFigure
from charter_tui.present.figures import (
    NOTHING,
    count,
    marked,
    milliseconds_text,
    percent,
    signed,
)
from charter_tui.present.spans import Line, Span, Tone, fit, line, wrap

Show = Callable[[float | None, Label], Span]
"""A figure with its mark."""

LABEL_WIDTH: Final = 15
FIGURE_WIDTH: Final = 11
CHANGE_WIDTH: Final = 9
"""Derived, in cells: the longest of each, and a blank."""
COST_TONES: Final[dict[CostClass, Tone]] = {
    "request": "good",
    "plan reload": "good",
    "engine reload": "warning",
    "engine rebuild": "bad",
    "server restart": "bad",
}
"""Of what a push costs the deployment."""


def whole_time(value: float | None, label: Label) -> Span:
    """A time span in milliseconds, in the unit that reads best."""
    return NOTHING if value is None else marked(milliseconds_text(value), label)


class CostRow(NamedTuple):
    """One figure of a cost: its name, how to find and show it, and whether it is a time."""

    name: str
    key: str
    show: Show
    is_time: bool = False


COMPUTED: Final = CostRow("computed tokens", "computed_tokens", count)
WHOLE: Final = CostRow("whole run", "whole_ms", whole_time, is_time=True)
PER_ITEM: Final = CostRow("per item", "whole_ms_per_item", whole_time, is_time=True)
ITEM: Final = CostRow("time of an item", "item_ms", whole_time, is_time=True)
TTFT: Final = CostRow("TTFT mean", "ttft_ms", whole_time, is_time=True)
TTFT_P95: Final = CostRow("TTFT p95", "ttft_ms_p95", whole_time, is_time=True)
GENERATED: Final = CostRow("generated", "output_tokens", count)
HIT_RATE: Final = CostRow("token hit rate", "token_hit_rate", percent)
COST_ROWS: Final = (COMPUTED, WHOLE, PER_ITEM, TTFT, TTFT_P95, GENERATED, HIT_RATE)
BRIEF_ROWS: Final = (COMPUTED, WHOLE, TTFT, TTFT_P95, HIT_RATE)
FIGURE_ROWS: Final[dict[RunFigure, CostRow]] = {
    "computed_tokens": COMPUTED,
    "whole_ms": WHOLE,
    "item_ms": ITEM,
    "ttft_ms": TTFT,
    "ttft_ms_p95": TTFT_P95,
    "output_tokens": GENERATED,
    "token_hit_rate": HIT_RATE,
}


def shown_figure(row: CostRow, cost: RunCost | None) -> Span:
    """That figure of a cost, marked by where it comes from; a dash where nobody told."""
    if cost is None:
        return NOTHING
    return row.show(getattr(cost, row.key), cost.times_label if row.is_time else cost.label)


def change_of(row: CostRow, before: RunCost | None, after: RunCost | None) -> Span:
    """By how much the second figure differs from the first: in per cent, of rates in points."""
    old = getattr(before, row.key) if before else None
    new = getattr(after, row.key) if after else None
    if old is None or new is None:
        return Span("")
    if row is HIT_RATE:
        return points(new - old)
    return relative(new / old - 1) if old else Span("")


def points(change: float) -> Span:
    """A difference of two rates, in points of a hundred; more is better."""
    tone: Tone = "muted" if abs(change) < 0.0005 else "good" if change > 0 else "bad"
    return Span(f"{signed(change * 100, 1)} pt", tone)


def relative(change: float) -> Span:
    """A relative difference in per cent; less is better."""
    tone: Tone = "muted" if abs(change) < 0.005 else "good" if change < 0 else "bad"
    return Span(f"{signed(change * 100)} %", tone)


def cost_line(label: str, figures: Sequence[Span], change: Span | None = None) -> Line:
    """A label, a column a figure, and the change."""
    parts: list[Span] = [Span(f"{label:<{LABEL_WIDTH}}", "muted")]
    for figure in figures:
        parts.extend(fit((figure,), FIGURE_WIDTH, "right"))
    if change is not None:
        parts.extend(fit((change,), CHANGE_WIDTH, "right"))
    return tuple(parts)


def verdict_tone(said: Verdict) -> Tone:
    """The tone of a verdict: whether it is worth it."""
    if said.worth is None:
        return "text"
    return "good" if said.worth else "bad"


def verdict_lines(about: str, said: Verdict, width: int) -> tuple[Line, ...]:
    """A verdict behind what it is about; nothing where there is none."""
    if not said.words:
        return ()
    tone = verdict_tone(said)
    return tuple(line(Span(text, tone)) for text in wrap(f"{about}: {said.words}", max(20, width)))
