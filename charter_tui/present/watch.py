"""The watch over a push: how long it goes on, and what the requests before and after it show."""

from typing import Final

from charter_engine.contracts.deploy import WatchedQuality, WatchOutcome, WatchReport
from charter_engine.contracts.gauges import PushWatched
from charter_tui.present.figures import (
    NOTHING,
    bar,
    clock_span,
    count,
    counted,
    marked,
    milliseconds,
    percent,
    percent_text,
    signed,
)
from charter_tui.present.possible import with_ways
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.words import Standing, sentence_lines
from charter_tui.state import Snapshot

SIGNS: Final[dict[WatchOutcome, tuple[str, Tone]]] = {
    "watching": ("▶", "accent"),
    "kept": ("●", "good"),
    "taken back": ("✗", "bad"),
    "not compared": ("○", "warning"),
    "replaced": ("○", "muted"),
    "ended early": ("○", "muted"),
}
_COLUMNS: Final = (
    Column("quality", "", 0, "left"),
    Column("before", "BEFORE", 0),
    Column("after", "AFTER", 0),
    Column("change", "CHANGE", 0),
    Column("least", "AT LEAST", 0),
)
_NOTHING: Final = (
    "No push was watched. A push asks for how long the requests after it are compared with those "
    "before; where they get worse, it is taken back by itself"
)
_PUSHES: Final = (("deploy.push", "p pushes the draft"),)
_WATCHING: Final = (
    ("deploy.keep", "K keeps it and watches no longer"),
    ("app.undo", "u takes it back now"),
)
_STANDS: Final = (("app.undo", "u takes it back"),)
_BAR_WIDTH: Final = 24
"""Assumed: cells in which progress is seen."""


def watch_standing(snapshot: Snapshot) -> Standing:
    """The last watch."""
    watched = snapshot.watch
    if watched is None or watched.report is None:
        return Standing(Span("○ no push is watched", "muted"))
    report = watched.report
    sign, tone = SIGNS[report.outcome]
    state = f"{sign} {report.outcome}"
    if report.outcome == "watching":
        state += f", {clock_span(max(0.0, watched.seconds - report.seconds))} to go"
    return Standing(Span(state, tone), line(f"revision {watched.revision}{_found(report)}"))


def _found(report: WatchReport) -> str:
    if report.outcome not in ("watching", "kept", "taken back"):
        return ""
    if all(one.change is None for one in report.qualities):
        return ": nothing to compare yet"
    worse = [f"{one.name} {_signed(one.change)}" for one in report.qualities if one.worse]
    return f": {', '.join(worse) or f'nothing is worse by {percent_text(report.margin, 0)}'}"


def watch_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """The last watch in full."""
    watched = snapshot.watch
    if watched is None or watched.report is None:
        return sentence_lines(with_ways(snapshot, _NOTHING, _PUSHES), width, "muted")
    report = watched.report
    return (
        _heading(watched, report),
        line(
            count(report.requests_before, "measured"),
            Span(" requests before, ", "muted"),
            count(report.requests_after, "measured"),
            Span(" after", "muted"),
            Span(_left_out(report), "muted"),
        ),
        EMPTY,
        *table_lines(_COLUMNS, [_quality(one) for one in report.qualities], width),
        EMPTY,
        *sentence_lines(_ways_on(snapshot, report, watched.revision), width, "muted"),
    )


def _heading(watched: PushWatched, report: WatchReport) -> Line:
    sign, tone = SIGNS[report.outcome]
    title = Span(f"Revision {watched.revision}  ", "title")
    if report.outcome != "watching":
        took = Span(f"  after {clock_span(report.seconds)}", "muted")
        return line(title, Span(f"{sign} {report.outcome}", tone), took)
    done = report.seconds / watched.seconds if watched.seconds else 1.0
    left = clock_span(max(0.0, watched.seconds - report.seconds))
    return line(title, *bar(done, _BAR_WIDTH), "  ", marked(left, "measured"), " to go")


def _left_out(report: WatchReport) -> str:
    if not report.left_out:
        return ""
    return f", {report.left_out:,} of them of calls not seen before"


def _quality(one: WatchedQuality) -> tuple[Span, ...]:
    tone: Tone = "bad" if one.worse else "muted"
    return (
        Span(f"✗ {one.name}" if one.worse else f"  {one.name}", "bad" if one.worse else "text"),
        _value(one, one.before),
        _value(one, one.after),
        Span(_signed(one.change), tone),
        Span(_signed(one.at_least), tone),
    )


def _value(one: WatchedQuality, value: float | None) -> Span:
    if value is None:
        return NOTHING
    if one.name == "failures":
        return percent(value, "measured")
    if one.name == "computed tokens":
        return count(value, "measured")
    return milliseconds(value, "measured")


def _signed(share: float | None) -> str:
    return "–" if share is None else f"{signed(share * 100, 1)} %"


def _ways_on(snapshot: Snapshot, report: WatchReport, revision: int) -> str:
    """The rule, and what can be done."""
    error = percent_text(report.error_rate, 0)
    rule = (
        f"Taken back by itself once something is certain to be {percent_text(report.margin, 0)} "
        f"worse (error rate {error})"
    )
    stands = with_ways(snapshot, f"Revision {revision} stands", _STANDS, "; ")
    match report.outcome:
        case "watching":
            return with_ways(snapshot, rule, _WATCHING, ". ")
        case "not compared":
            fewer = counted(min(report.requests_before, report.requests_after))
            return f"{fewer} are too few to tell. {stands}"
        case "kept" | "ended early":
            return stands
        case _:
            return "3 lists the revisions, with what was measured of each."
