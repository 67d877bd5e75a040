"""Two recordings side by side: what was measured on one axis of time, and what requests came to."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Final

from charter_engine.contracts.recordings import RecordedStretch, RecordingComparison
from charter_engine.contracts.request_figures import FigureDifference, RequestFigure
from charter_engine.contracts.series import Tick
from charter_tui.naming import name_by_id
from charter_tui.present.braille import braille
from charter_tui.present.costs import points, relative, verdict_lines
from charter_tui.present.curves import COMPUTED, HIT_RATE, POOL_USED, TTFT
from charter_tui.present.figures import (
    NOTHING,
    clock_span,
    count,
    counted,
    marked,
    milliseconds,
    moment,
    percent,
    signed,
)
from charter_tui.present.spans import EMPTY, Line, Span, line, plain
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.words import sentence_lines

Local = Callable[[float], time.struct_time]
LABEL_WIDTH: Final = 11
"""Derived: the longest curve's name, and a blank."""
SHARES: Final = ("hit rate", "failed")
LESS_IS_BETTER: Final = ("computed tokens", "TTFT ms", "whole ms", "failed")
_COLUMNS: Final = (
    Column("figure", "A REQUEST'S", 0, "left"),
    Column("node", "CALL", 0, "left"),
    Column("before", "A", 0),
    Column("after", "B", 0),
    Column("change", "CHANGE", 0),
    Column("within", "95 % WITHIN", 0),
)


STRIPS: Final = (COMPUTED._replace(label="Computed/s"), HIT_RATE, TTFT, POOL_USED)


def recorded_lines(
    found: RecordingComparison, width: int, local: Local = time.localtime
) -> tuple[Line, ...]:
    """Both stretches, the verdict, their strips on one axis, and the differences by figure."""
    return (
        _side("A", found.before, local),
        _side("B", found.after, local),
        EMPTY,
        *verdict_lines("= B against A", found.verdict, width),
        *_notes(found.notes, width),
        EMPTY,
        *strips_on_one_axis(found.before, found.after, width),
        EMPTY,
        *table_lines(_COLUMNS, [_row(one) for one in _told(found.differences)], width),
    )


def _side(name: str, side: RecordedStretch, local: Local) -> Line:
    failed = (Span(f"  ✗ {side.failures:,} failed", "bad"),) if side.failures else ()
    return line(
        Span(f"{name} ", "title"),
        Span(plain(PurePath(side.path).name), "strong"),
        Span(f"  from {moment(side.start, local)}, ", "muted"),
        marked(clock_span(side.end - side.start), "measured"),
        Span(f", {counted(side.requests)}", "muted"),
        *failed,
    )


def _notes(notes: Sequence[str], width: int) -> Iterator[Line]:
    for note in notes:
        yield from sentence_lines(plain(note), width, "warning")


def strips_on_one_axis(
    before: RecordedStretch, after: RecordedStretch, width: int
) -> tuple[Line, ...]:
    """A strip a figure and side, both from their beginning on, over the same time and up to the
    same height."""
    room = width - LABEL_WIDTH - 2
    longest = max(before.end - before.start, after.end - after.start)
    if room < 8 or longest <= 0:
        return ()
    lines: list[Line] = []
    for strip in STRIPS:
        sides = [resampled(side, strip.value, longest, 2 * room) for side in (before, after)]
        known = [value for values in sides for value in values if value is not None]
        top = strip.top or max(known, default=0.0)
        for name, label, values in zip("AB", (strip.label, ""), sides, strict=True):
            drawn = Span(braille(values, top), strip.tone if name == "B" else "muted")
            lines.append(line(Span(f"{label:<{LABEL_WIDTH}}{name} ", "muted"), drawn))
    scale = f"{'':<{LABEL_WIDTH + 2}}0:00{clock_span(longest):>{room - 4}}"
    return (*lines, line(Span(scale, "muted")))


def resampled(
    side: RecordedStretch, of: Callable[[Tick], float | None], seconds: float, columns: int
) -> list[float | None]:
    """The mean of a figure in each of so many equal parts of the time behind the stretch's
    beginning; None where nothing told it."""
    sums, numbers = [0.0] * columns, [0] * columns
    for tick in (tick for run in side.history for tick in run):
        value = of(tick)
        if value is None:
            continue
        first, last = (
            max(0, min(columns - 1, int((at - side.start) / seconds * columns)))
            for at in (tick.at - tick.seconds, tick.at)
        )
        for place in range(first, max(first + 1, last)):
            sums[place] += value
            numbers[place] += 1
    return [total / number if number else None for total, number in zip(sums, numbers, strict=True)]


def _told(differences: Sequence[FigureDifference]) -> Iterator[FigureDifference]:
    return (one for one in differences if one.before is not None or one.after is not None)


def _row(one: FigureDifference) -> tuple[Span, ...]:
    interval = (
        Span(f"{_signed(one.figure, one.low)} to {_signed(one.figure, one.high)}", "muted")
        if one.low is not None and one.high is not None
        else NOTHING
    )
    return (
        Span(one.figure.removesuffix(" ms"), "text" if not one.node else "muted"),
        Span(plain(name_by_id(one.node)) if one.node else "all", "muted"),
        _shown(one.figure, one.before),
        _shown(one.figure, one.after),
        _change(one),
        interval,
    )


def _shown(figure: RequestFigure, value: float | None) -> Span:
    if figure in SHARES:
        return percent(value, "measured")
    return milliseconds(value, "measured") if figure.endswith(" ms") else count(value, "measured")


def _change(one: FigureDifference) -> Span:
    """The change of a figure, toned where it is better or worse to have more of it."""
    if one.before is None or one.after is None:
        return NOTHING
    if one.figure == "hit rate":
        return points(one.after - one.before)
    if one.figure == "failed":
        return Span(_signed(one.figure, one.after - one.before), "muted")
    if not one.before:
        return NOTHING
    change = relative(one.after / one.before - 1)
    return change if one.figure in LESS_IS_BETTER else change._replace(tone="muted")


def _signed(figure: RequestFigure, value: float) -> str:
    if figure in SHARES:
        return f"{signed(100 * value, 1)} pt"
    return f"{signed(value)} ms" if figure.endswith(" ms") else signed(value)
