"""A trial: the sessions whose prompts are laid out beside the others, and what to make of it."""

from collections.abc import Callable, Sequence
from typing import Final

from charter_engine.contracts.benching import Percentiles
from charter_engine.contracts.trial import ArmDifference, ArmFigures, TrialReport
from charter_tui.present.figures import (
    NOTHING,
    count,
    counted,
    milliseconds,
    percent,
    percent_text,
    signed,
)
from charter_tui.present.possible import with_ways
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.words import Standing, sentence_lines
from charter_tui.state import Snapshot, is_for_traffic, share

_NONE: Final = (
    "No layout of the live plan applies to traffic. A trial lays out a share of the sessions, so "
    "that both arms can be compared before all sessions get them"
)
_BEGINNING: Final = (("deploy.try_layouts", "n pushes the draft for one"),)
_ON_NONE: Final = (("deploy.try_layouts", "n begins again with another share"),)
_ON_ALL: Final = (
    ("deploy.try_layouts", "n goes back to a share of the sessions"),
    ("deploy.stop_trial", "s lays out none"),
)
_ON_SOME: Final = (
    ("deploy.promote", "m lays out all sessions"),
    ("deploy.stop_trial", "s none"),
    ("deploy.try_layouts", "n another share"),
)
_STOPPED: Final = "A trial that goes worse is stopped by itself"
HIT_RATE: Final = "hit rate"
_LESS_IS_BETTER: Final = frozenset(
    ("computed tokens a request", "TTFT ms", "whole latency ms", "failed", "check not passed")
)
_RATES: Final = frozenset((HIT_RATE, "answers ended by length", "failed", "check not passed"))
_ARMS: Final = (
    Column("figure", "", 0, "left"),
    Column("treated", "TREATED", 0),
    Column("control", "CONTROL", 0),
)
_DIFFERENCES: Final = (
    Column("quality", "TREATED AGAINST CONTROL", 0, "left"),
    Column("difference", "CHANGE", 0),
    Column("interval", "95 % WITHIN", 0, "left"),
)
Figure = Callable[[ArmFigures], Span]
FIGURES: Final[tuple[tuple[str, Figure], ...]] = (
    ("sessions", lambda arm: count(arm.sessions, "measured")),
    ("requests", lambda arm: count(arm.requests, "measured")),
    ("of them laid out", lambda arm: count(arm.laid_out, "measured")),
    ("computed a request", lambda arm: count(_each(arm), "measured")),
    ("hit rate", lambda arm: percent(arm.hit_rate, "measured")),
    ("TTFT p50", lambda arm: _time(arm.ttft, "p50")),
    ("TTFT p95", lambda arm: _time(arm.ttft, "p95")),
    ("whole request p50", lambda arm: _time(arm.total, "p50")),
    ("whole request p95", lambda arm: _time(arm.total, "p95")),
    ("failed", lambda arm: percent(share(arm.failures, arm.requests), "measured")),
    ("passed the check", lambda arm: percent(share(arm.passed, arm.checked), "measured")),
)


def trial_standing(snapshot: Snapshot, report: TrialReport | None) -> Standing:
    """The trial."""
    plan = snapshot.plan
    if plan is None or not is_for_traffic(plan):
        return Standing(Span("○ none", "muted"), line(Span("no layout is for traffic", "muted")))
    if plan.share <= 0:
        return Standing(Span("○ stopped", "warning"), line("no session is laid out"))
    if plan.share >= 1:
        return Standing(Span("● on all sessions", "good"))
    on = Span(f"▶ {percent_text(plan.share, 0)} of the sessions", "accent")
    if report is None:
        return Standing(on)
    said, tone = verdict(report)
    return Standing(on, line(Span(said, tone)))


def trial_lines(
    snapshot: Snapshot, report: TrialReport | None, width: int, trouble: str = ""
) -> tuple[Line, ...]:
    """Both arms side by side, how they differ, and what can be done."""
    plan = snapshot.plan
    if plan is None or not is_for_traffic(plan):
        return sentence_lines(with_ways(snapshot, _NONE, _BEGINNING, ". "), width, "muted")
    if report is None:
        return sentence_lines(trouble or "Asking the engine …", width, "muted")
    said, tone = verdict(report)
    shown = [row for row in FIGURES if any(row[1](arm) != NOTHING for arm in _arms(report))]
    rows = [(Span(name), *(figure(arm) for arm in _arms(report))) for name, figure in shown]
    return (
        line(
            Span("Trial", "title"),
            Span(f"  revision {report.revision}, layouts on ", "muted"),
            Span(f"{percent_text(report.share, 0)} of the sessions"),
        ),
        *sentence_lines(said, width, tone),
        EMPTY,
        *table_lines(_ARMS, rows, width),
        *_differences(report.differences, width),
        EMPTY,
        *sentence_lines(_ways_on(snapshot, report.share), width, "muted"),
        *(made for note in report.notes for made in sentence_lines(f"! {note}", width, "warning")),
    )


def verdict(report: TrialReport) -> tuple[str, Tone]:
    """What the trial says so far, in words."""
    if report.stop:
        return f"to be stopped: {report.stop}", "bad"
    computed = next(
        (one for one in report.differences if one.quality == "computed tokens a request"), None
    )
    if not 0 < report.share < 1:
        return "there is only one arm: nothing to compare", "muted"
    if computed is None or not computed.control:
        fewest = min(arm.sessions for arm in _arms(report))
        return f"too early to tell: {counted(fewest, 'session')} in the smaller arm", "muted"
    change = computed.difference / computed.control
    if computed.low <= 0 <= computed.high:
        return "nothing is worse by its margin; computed tokens do not differ yet", "text"
    said = f"{percent_text(abs(change), 0)} {'less' if change < 0 else 'more'}"
    words = f"computes {said}; nothing is worse by its margin"
    return words, "good" if change < 0 else "warning"


def _arms(report: TrialReport) -> tuple[ArmFigures, ArmFigures]:
    return report.treated, report.control


def _each(arm: ArmFigures) -> float | None:
    answered = arm.requests - arm.failures
    if arm.computed_tokens is None or not answered:
        return None
    return arm.computed_tokens / answered


def _time(times: Percentiles | None, at: str) -> Span:
    return milliseconds(getattr(times, at) if times else None, "measured")


def _differences(found: Sequence[ArmDifference], width: int) -> tuple[Line, ...]:
    """By how much the arms differ, each within its interval."""
    rows = [_difference(one) for one in found if one.control or one.quality in _RATES]
    if not rows:
        return ()
    return (EMPTY, *table_lines(_DIFFERENCES, rows, width))


def _difference(one: ArmDifference) -> tuple[Span, ...]:
    """Relative to the control; of rates, in points of a hundred."""
    is_rate = one.quality in _RATES
    scale, unit = (100.0, "pt") if is_rate else (100.0 / one.control, "%")
    change, low, high = (scale * value for value in (one.difference, one.low, one.high))
    tone: Tone = "muted"
    if not low <= 0 <= high and one.quality in (*_LESS_IS_BETTER, HIT_RATE):
        tone = "good" if (change < 0) is (one.quality != HIT_RATE) else "bad"
    return (
        Span(f"✗ {one.quality}" if one.worse else one.quality, "bad" if one.worse else "text"),
        Span(f"{signed(change, 1)} {unit}", tone),
        Span(f"{signed(low, 1)} to {signed(high, 1)} {unit}", "muted"),
    )


def _ways_on(snapshot: Snapshot, part: float) -> str:
    if part <= 0:
        return with_ways(snapshot, "", _ON_NONE)
    if part >= 1:
        return with_ways(snapshot, "", _ON_ALL)
    return with_ways(snapshot, _STOPPED, _ON_SOME)
