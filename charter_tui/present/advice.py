"""What is wrong with the deployment and this machine, by weight: evidence, remedy, and the key."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from charter_engine.contracts.advice import AdviceKind, DoctorFinding, DoctorReport, Severity
from charter_tui.alerts import latest
from charter_tui.present.figures import counted, short_count
from charter_tui.present.possible import Way, offered, with_ways
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain
from charter_tui.present.words import EmptyState, Standing, labelled_lines, sentence_lines
from charter_tui.state import Snapshot

Local = Callable[[float], time.struct_time]
SEVERITIES: Final[dict[Severity, tuple[str, Tone]]] = {
    "wrong": ("✗", "bad"),
    "costly": ("◆", "warning"),
    "worth knowing": ("○", "muted"),
}
KEYS: Final[dict[AdviceKind, tuple[Way, ...]]] = {
    "retention": (("tuning.edit", "2 edits the plan"),),
    "divergence": (
        ("app.show_requests", "7 shows the requests"),
        ("app.show_findings", "4 the prompt lint"),
    ),
    "drift": (("deploy.put_back", "P puts it back"), ("deploy.adopt", "a adopts it")),
}
"""The keys that mend something, or show more of it; of settings see `_ways`."""
_AGAIN: Final = (("deploy.look_again", "i looks again"),)
LABEL_WIDTH: Final = 10
"""Derived: `◌ unknown` and a blank."""
_LOOKING: Final = EmptyState("Examining the deployment and the machine the engine runs on …")
_NOT_KEPT: Final = EmptyState(
    "A recording holds no advice: only a live deployment can be examined."
)


def advice_standing(snapshot: Snapshot, report: DoctorReport | None, refused: str = "") -> Standing:
    """How much is wrong, and the heaviest of it; before that the alerts that stand. `refused`: why
    the engine told of none."""
    if snapshot.alerts:
        alerts = counted(len(snapshot.alerts), "alert")
        words = ", ".join(alert.threshold.words for alert in snapshot.alerts)
        return Standing(Span(f"▲ {alerts}", "warning"), line(words))
    if report is None and snapshot.replaying:
        return Standing(Span("○ not in a recording", "muted"))
    if report is None and refused:
        return Standing(Span("◌ not known", "warning"), line(Span(plain(refused), "muted")))
    if report is None:
        return Standing(Span("◌ looking …", "muted"))
    heavy = Counter(one.severity for one in report.findings if one.severity != "worth knowing")
    if not heavy:
        first = (*report.unknown, *(one.message for one in report.findings), "")[0]
        return Standing(Span("● nothing is wrong", "good"), line(Span(plain(first), "muted")))
    sign, tone = SEVERITIES[report.findings[0].severity]
    told = ", ".join(f"{number} {severity}" for severity, number in heavy.items())
    return Standing(Span(f"{sign} {told}", tone), line(plain(report.findings[0].message)))


def advice_lines(
    snapshot: Snapshot,
    report: DoctorReport | None,
    width: int,
    local: Local = time.localtime,
    refused: str = "",
) -> tuple[Line, ...]:
    """The alerts that stand, every finding in full, then what was found well and what could not be
    looked at."""
    lines = list(_alert_lines(snapshot, local))
    if report is None:
        told = EmptyState(refused, refused=True) if refused else _LOOKING
        return (*lines, *(_NOT_KEPT if snapshot.replaying else told).lines(width))
    for severity, (sign, tone) in SEVERITIES.items():
        found = [one for one in report.findings if one.severity == severity]
        if found:
            lines.append(line(Span(f"{sign} {severity.capitalize()}", tone)))
            lines += [made for one in found for made in (*_finding(snapshot, one, width), EMPTY)]
    if report.sound:
        lines += labelled_lines("● sound", ", ".join(report.sound), width, "good", LABEL_WIDTH)
    for text in report.unknown:
        lines += labelled_lines("◌ unknown", text, width, "warning", LABEL_WIDTH)
    again = with_ways(snapshot, "", _AGAIN)
    return (*lines, EMPTY, *sentence_lines(again, width, "muted"))


def _alert_lines(snapshot: Snapshot, local: Local) -> Iterator[Line]:
    """The user's thresholds that are passed, since when, and how the figure stands."""
    if not snapshot.alerts:
        return
    yield line(Span("▲ Alerts", "warning"))
    for threshold, since in snapshot.alerts:
        at = time.strftime("%H:%M:%S", local(since))
        yield line(
            Span(f"  {threshold.words}", "strong"),
            Span(f"  since {at}  ", "muted"),
            latest(threshold, snapshot.ticks),
        )
    yield EMPTY


def _finding(snapshot: Snapshot, finding: DoctorFinding, width: int) -> tuple[Line, ...]:
    cost = ""
    if finding.tokens_per_hour and finding.kind != "divergence":  # whose message tells it itself
        cost = f": {short_count(round(finding.tokens_per_hour))} tokens an hour"
    return (
        *sentence_lines(f"{plain(finding.message)}{cost}", width, "strong", indent=2),
        *labelled_lines("  seen", finding.evidence, width, "muted", LABEL_WIDTH),
        *labelled_lines("  remedy", finding.remedy, width, "text", LABEL_WIDTH),
        *labelled_lines("  keys", offered(snapshot, _ways(finding)), width, "accent", LABEL_WIDTH),
    )


def _ways(finding: DoctorFinding) -> tuple[Way, ...]:
    if finding.setting:
        return (("tuning.edit", f"2 edits {finding.setting}"),)
    return KEYS.get(finding.kind, ())
