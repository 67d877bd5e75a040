"""What was measured over minutes to a year: curves on one time axis, with what is marked on it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Final

from charter_engine.contracts.gauges import Marker
from charter_engine.contracts.series import Tick
from charter_tui.present.braille import braille_rows
from charter_tui.present.curves import (
    COMPUTED,
    FEWEST_CELLS,
    FIGURE_WIDTH,
    GPU_BUSY,
    GPU_MEMORY,
    HIT_RATE,
    POOL_USED,
    TTFT,
    WAITING,
    MeasuredCurve,
)
from charter_tui.present.figures import marked, moment
from charter_tui.present.replay import mark_cells, mark_sign
from charter_tui.present.spans import EMPTY, Line, Span, fit, line, plain
from charter_tui.present.words import EmptyState

Local = Callable[[float], time.struct_time]

DAY: Final = 86_400
STRETCHES: Final = (
    (600, "10 minutes"),
    (3_600, "an hour"),
    (6 * 3_600, "6 hours"),
    (DAY, "a day"),
    (7 * DAY, "a week"),
    (30 * DAY, "30 days"),
    (365 * DAY, "a year"),
)
"""How much can be looked at, in seconds, and how it is called."""
LABEL_WIDTH: Final = 11
"""Derived: the longest curve's name, and a blank."""
LISTED_MARKS: Final = 6
"""Assumed: more of them would take the curves' room."""
DATE: Final = slice(10)
TIME_OF_DAY: Final = slice(11, None)
"""The parts of a moment in words."""
HIGHEST_ROWS: Final = 12
LEAST_APART: Final = 4
"""Lines for each curve from which one of them stays empty between it and the next."""
NOTHING_MEASURED: Final = EmptyState("Nothing was measured in this time.")


@dataclass(frozen=True)
class MeasuredStretch:
    """What was measured and marked between two epoch seconds; `empty` stands where that is nothing.
    `live`: it ends with the present."""

    begin: float = 0.0
    end: float = 0.0
    ticks: tuple[Tick, ...] = ()
    marks: tuple[Marker, ...] = ()
    empty: EmptyState = NOTHING_MEASURED
    live: bool = True


_CURVES: Final = (COMPUTED, HIT_RATE, TTFT, POOL_USED, WAITING, GPU_BUSY, GPU_MEMORY)


def columns(width: int) -> int:
    """How many ticks a screen of that width shows: two in a cell."""
    return 2 * max(FEWEST_CELLS, width - LABEL_WIDTH - FIGURE_WIDTH)


def stretch_lines(
    shown: MeasuredStretch, name: str, width: int, height: int, local: Local = time.localtime
) -> tuple[Line, ...]:
    """A heading, the curves with as many rows as there is room for, the time axis with its marks,
    and the last marks in words."""
    heading = _heading(shown, name, local)
    if not shown.ticks:
        marks = _mark_lines(shown, LISTED_MARKS, local)
        return (heading, EMPTY, *shown.empty.lines(width), EMPTY, *marks)
    listed = _mark_lines(shown, min(LISTED_MARKS, max(1, height // 5)), local)
    cells = columns(width) // 2
    curves = _curves(shown, cells, height - len(listed) - 3)
    return (heading, *curves, *_axis_lines(shown, cells, local), *listed)


def _curves(shown: MeasuredStretch, cells: int, room: int) -> list[Line]:
    """The curves that are known, sharing so many lines; one that never leaves nought takes one."""
    told = [one for one in _CURVES if any(one.value(tick) is not None for tick in shown.ticks)]
    flat = [one for one in told if not any(one.value(tick) for tick in shown.ticks)]
    each = (room - len(flat)) // max(1, len(told) - len(flat))
    apart = each >= LEAST_APART
    rows = max(1, min(HIGHEST_ROWS, each - apart))
    made: list[Line] = []
    for one in told:
        made += _curve_lines(one, shown, cells, 1 if one in flat else rows)
        if apart and one not in flat:
            made.append(EMPTY)
    return made


def _heading(shown: MeasuredStretch, name: str, local: Local) -> Line:
    until = "until now" if shown.live else f"until {moment(shown.end, local)}"
    return line(Span(name, "title"), Span(f" {until}", "muted"))


def _curve_lines(curve: MeasuredCurve, shown: MeasuredStretch, cells: int, rows: int) -> list[Line]:
    values, peaks = _placed(curve, shown, 2 * cells)
    known = [value for value in peaks if value is not None]
    top = curve.top or max(known, default=0.0)
    drawn = braille_rows(values, top, rows, peaks)
    mean = _mean(values)
    beside = [marked(curve.text(mean), "measured") if mean is not None else Span("–", "muted")]
    if rows > 1:
        beside.insert(0, Span(curve.text(top), "muted"))
    beside += [Span("")] * (rows - len(beside))
    labels = [curve.label, "  mean"] if rows > 1 else [curve.label]
    labels += [""] * (rows - len(labels))
    return [
        line(
            Span(f"{label:<{LABEL_WIDTH}}", "muted"),
            *fit(line(figure), FIGURE_WIDTH - 1, "right"),
            Span(" "),
            Span(dots, curve.tone),
        )
        for label, figure, dots in zip(labels, beside, drawn, strict=True)
    ]


def _placed(
    curve: MeasuredCurve, shown: MeasuredStretch, places: int
) -> tuple[list[float | None], list[float | None]]:
    """The value and the peak of every column; None where nobody measured."""
    values: list[float | None] = [None] * places
    peaks: list[float | None] = [None] * places
    width = (shown.end - shown.begin) / places or 1.0
    for tick in shown.ticks:
        value = curve.value(tick)
        if value is None:
            continue
        ranged = tick.range_of(curve.figure) if curve.figure else None
        high = ranged.high if ranged else value
        first = floor((tick.at - tick.seconds - shown.begin) / width)
        last = ceil((tick.at - shown.begin) / width) - 1
        for place in range(max(0, first), min(places - 1, max(first, last)) + 1):
            values[place] = value
            peaks[place] = max(high, peaks[place] or 0.0)
    return values, peaks


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _axis_lines(shown: MeasuredStretch, cells: int, local: Local) -> tuple[Line, Line]:
    margin = Span(" " * (LABEL_WIDTH + FIGURE_WIDTH))
    signs = mark_cells(shown.marks, shown.begin, shown.end, cells)
    axis = line(margin, *(signs.get(cell, Span("─", "muted")) for cell in range(cells)))
    begin, end = moment(shown.begin, local), moment(shown.end, local)
    if len(begin) + 1 + len(end) > cells:
        told = DATE if shown.end - shown.begin > DAY else TIME_OF_DAY
        begin, end = begin[told], end[told]
    gap = " " * max(1, cells - len(begin) - len(end))
    return axis, line(margin, Span(f"{begin}{gap}{end}", "muted"))


def _mark_lines(shown: MeasuredStretch, most: int, local: Local) -> tuple[Line, ...]:
    """The last marks, the newest first."""
    return tuple(
        line(
            Span(f"{moment(one.at, local)}  ", "muted"),
            mark_sign(one.kind),
            Span(f" {one.kind:<8} ", "muted"),
            Span(plain(f"{one.node}: {one.text}" if one.node else one.text)),
        )
        for one in reversed(shown.marks[-most:])
    )
