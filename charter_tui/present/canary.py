"""The corruption canary: what it asked, what differed, what it costs, and its alarm."""

from typing import Final

from charter_engine.contracts.canary import (
    CanaryAlarm,
    CanaryAnswer,
    CanaryReport,
    CanaryState,
    ServerCanary,
)
from charter_tui.present.figures import count, counted, duration_text, percent, short_count
from charter_tui.present.possible import with_ways
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.words import Standing, labelled_lines, sentence_lines
from charter_tui.state import Snapshot, share

SIGNS: Final[dict[CanaryState, tuple[str, Tone]]] = {
    "off": ("○", "muted"),
    "measuring noise": ("◌", "accent"),
    "watching": ("●", "good"),
    "blind": ("◌", "warning"),
    "alarm": ("✗", "bad"),
}
_OFF: Final = (
    "Off. The canary asks the deployment now and then whether reuse changes its answers: with "
    "prompts of Charter's own, a few blocks long, first uncached and then reused"
)
_STARTS: Final = (("deploy.toggle_canary", "v starts it"),)
_STOPS: Final = (("deploy.toggle_canary", "v stops it"),)
_COLUMNS: Final = (
    Column("pairs", "ANSWERS COMPARED", 0, "left"),
    Column("pairs", "PAIRS", 0),
    Column("differing", "DIFFER", 0),
    Column("agreement", "AGREE", 0),
)

_SERVERS: Final = (
    Column("server", "SERVER", 0, "left"),
    Column("state", "STATE", 0, "left"),
    Column("pairs", "PAIRS", 0),
    Column("differing", "DIFFER", 0),
    Column("trouble", "", 0, "left"),
)


def canary_standing(snapshot: Snapshot) -> Standing:
    """The canary."""
    report = _report(snapshot)
    sign, tone = SIGNS[report.state]
    if report.state == "off":
        return Standing(Span(f"{sign} off", tone))
    told = f"{report.differing:,} of {report.pairs:,} pairs differ"
    if report.state == "blind" and report.reason:
        told = plain(report.reason)
    return Standing(Span(f"{sign} {report.state}", tone), line(f"{told}{_how_often(report)}"))


def canary_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """All that the canary knows."""
    report = _report(snapshot)
    if report.state == "off":
        return sentence_lines(with_ways(snapshot, _OFF, _STARTS, ". "), width, "muted")
    sign, tone = SIGNS[report.state]
    lines = [
        line(
            Span("Corruption canary  ", "title"),
            Span(f"{sign} {report.state}", tone),
            Span(f"  {counted(report.rounds, 'round')}{_how_often(report)}", "muted"),
        ),
        *sentence_lines(plain(report.reason), width, "warning"),
        EMPTY,
        *table_lines(
            _COLUMNS,
            (
                _compared("with and without reuse", report.pairs, report.differing),
                _compared("both without (noise)", report.noise_pairs, report.noise_differing),
            ),
            width,
        ),
        EMPTY,
        *_of_servers(snapshot, width),
        *sentence_lines(_cost(snapshot, report), width, "muted"),
    ]
    if report.alarm is not None:
        lines += [EMPTY, *_alarm(report.alarm, width)]
    return tuple(lines)


def _of_servers(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """Each of several servers; nothing of a single one."""
    servers = snapshot.canary.servers if snapshot.canary else ()
    if not servers:
        return ()
    return (*table_lines(_SERVERS, [_of_server(one) for one in servers], width), EMPTY)


def _of_server(one: ServerCanary) -> tuple[Span, ...]:
    sign, tone = SIGNS[one.report.state]
    return (
        Span(plain(one.server)),
        Span(f"{sign} {one.report.state}", tone),
        count(one.report.pairs, "measured"),
        count(one.report.differing, "measured"),
        Span(plain(one.message), "warning"),
    )


def _report(snapshot: Snapshot) -> CanaryReport:
    return snapshot.canary.report if snapshot.canary else CanaryReport()


def _how_often(report: CanaryReport) -> str:
    if report.every_seconds is None:
        return ""
    return f", one every {duration_text(round(report.every_seconds * 1000))}"


def _compared(name: str, pairs: int, differing: int) -> tuple[Span, ...]:
    agree = share(pairs - differing, pairs)
    return (
        Span(name),
        count(pairs, "measured"),
        count(differing, "measured"),
        percent(agree, "measured"),
    )


def _cost(snapshot: Snapshot, report: CanaryReport) -> str:
    spent = f"{counted(report.requests)}, {report.computed_tokens:,} prompt tokens computed so far"
    if report.computed_tokens_per_hour is None:
        return f"{spent}."
    an_hour = short_count(round(report.computed_tokens_per_hour))
    return with_ways(snapshot, f"{spent}; {an_hour} an hour at this pace", _STOPS, ". ")


def _alarm(alarm: CanaryAlarm, width: int) -> tuple[Line, ...]:
    tokens = alarm.pair.answer.prompt_tokens
    title = line(
        Span("✗ Alarm", "bad"), Span(f"  {alarm.reason}, of a prompt of {tokens:,} tokens")
    )
    return (
        title,
        *labelled_lines("without reuse", _answer(alarm.pair.reference), width, label_width=15),
        *labelled_lines("reused", _answer(alarm.pair.answer), width, "bad", label_width=15),
        *labelled_lines("what to do", alarm.remedy, width, "warning", label_width=15),
    )


def _answer(answer: CanaryAnswer) -> str:
    content = " ".join(map(str, answer.token_ids)) or answer.text
    return f"{content}  ({answer.reused_blocks or 0} blocks reused)"
