"""The replay bar: where in the recording we are, what happened when, and how fast it plays."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from charter_engine.contracts.gauges import EventKind, Marker, Replay
from charter_tui.present.figures import clock_span
from charter_tui.present.spans import Line, Span, Tone, line, line_width, plain
from charter_tui.state import NOTHING_MARKED, MarkedStretch

_MARK_TONES: Final[dict[EventKind, Tone]] = {
    "push": "draft",
    "rollback": "draft",
    "failure": "bad",
    "triton": "warning",
    "canary": "warning",
}
_MARKED: Final = "═"
"""What stands on the time line where a stretch is marked, in a sign of its own beside its tone."""
_MARK_SIGNS: Final[dict[Tone, str]] = {"draft": "◆", "bad": "✗", "warning": "▲", "accent": "◇"}
"""What stands on the time line for each tone."""


def replay_lines(
    replay: Replay,
    width: int,
    local: Callable[[float], time.struct_time] = time.localtime,
    *,
    frozen: bool = False,
    marked: MarkedStretch = NOTHING_MARKED,
) -> tuple[Line, Line]:
    """The clock and controls, and the time line with its markers and what is `marked`: of a replay,
    or of the last hour of a `frozen` screen."""
    total, here = max(0.0, replay.end - replay.start), replay.position - replay.start
    stretch = _marked_text(marked, local)
    if frozen:
        return _frozen_line(replay, stretch, local), _time_line(replay, marked, here, width)
    state = Span("❚❚ paused ", "warning") if replay.paused else Span("▶ playing ", "good")
    moment = time.strftime("%Y-%m-%d %H:%M:%S %Z", local(replay.position)).strip()
    left = line(
        " ",
        state,
        Span(f"{replay.speed:g}× ", "accent"),
        Span(f" {moment} ", "strong"),
        Span(f" {clock_span(here)} of {clock_span(total)}  ", "muted"),
        Span(stretch, "draft"),
        Span(_last_marker(replay), "text"),
    )
    return left, _time_line(replay, marked, here, width)


def _marked_text(marked: MarkedStretch, local: Callable[[float], time.struct_time]) -> str:
    """What is marked, in words; empty where nothing is."""
    begin, end = ("" if at is None else time.strftime("%H:%M:%S", local(at)) for at in marked)
    return f"marked {begin}–{end}  " if begin else ""


def _frozen_line(replay: Replay, stretch: str, local: Callable[[float], time.struct_time]) -> Line:
    behind = replay.end - replay.position
    before = f" {clock_span(behind)} before it froze " if behind >= 1 else ""
    return line(
        " ",
        Span("❚❚ frozen ", "warning"),
        Span(f" {time.strftime('%H:%M:%S', local(replay.position))} ", "strong"),
        Span(before, "muted"),
        Span(" space", "accent"),
        Span(" goes on   ", "muted"),
        Span(stretch, "draft"),
        Span(_last_marker(replay), "text"),
    )


def _last_marker(replay: Replay) -> str:
    passed = [marker for marker in replay.markers if marker.at <= replay.position]
    return f"{passed[-1].kind}: {plain(passed[-1].text)}" if passed else ""


def _time_line(replay: Replay, marked: MarkedStretch, here: float, width: int) -> Line:
    cells = max(1, width - 2)
    at = _cell(here, replay.end - replay.start, cells)
    stretch = _marked_cells(replay, marked, cells)
    marks = mark_cells(replay.markers, replay.start, replay.end, cells)
    spans: list[Span] = [Span(" ")]
    for cell in range(cells):
        if cell == at:
            spans.append(Span("●", "strong"))
        elif cell in marks:
            spans.append(marks[cell])
        elif cell in stretch:
            spans.append(Span(_MARKED, "draft"))
        else:
            spans.append(Span("━" if cell < at else "─", "accent" if cell < at else "muted"))
    assert line_width(tuple(spans)) == cells + 1
    return _joined(spans)


def _marked_cells(replay: Replay, marked: MarkedStretch, cells: int) -> range:
    """The cells of what is marked; one of a beginning alone, none of what lies elsewhere."""
    begin, end = marked.begin, marked.begin if marked.end is None else marked.end
    if begin is None or end is None or end < replay.start or begin > replay.end:
        return range(0)
    total = replay.end - replay.start
    first, last = (_cell(at - replay.start, total, cells) for at in (begin, end))
    return range(first, last + 1)


def mark_cells(marks: Iterable[Marker], begin: float, end: float, cells: int) -> dict[int, Span]:
    """The signs of marks on a time line of so many cells; a failure covers others of its cell."""
    shown: dict[int, Span] = {}
    for mark in marks:
        cell = _cell(mark.at - begin, end - begin, cells)
        if cell not in shown or shown[cell].tone != "bad":
            shown[cell] = mark_sign(mark.kind)
    return shown


def mark_sign(kind: EventKind) -> Span:
    """What stands on the time line for something that happened."""
    tone = _MARK_TONES.get(kind, "accent")
    return Span(_MARK_SIGNS[tone], tone)


def _cell(offset: float, total: float, cells: int) -> int:
    return round(max(0.0, min(1.0, offset / total if total else 0.0)) * (cells - 1))


def _joined(spans: list[Span]) -> Line:
    """Neighbours of one tone as one span, so that a long bar costs few segments."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].tone == span.tone:
            joined[-1] = Span(joined[-1].text + span.text, span.tone)
        else:
            joined.append(span)
    return tuple(joined)
