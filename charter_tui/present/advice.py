"""What is wrong with the deployment and this machine, by weight: evidence, remedy, and the key."""

from collections import Counter
from typing import Final

from charter_engine.contracts.advice import AdviceKind, DoctorFinding, DoctorReport, Severity
from charter_tui.present.figures import short_count
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain
from charter_tui.present.words import labelled_lines, sentence_lines

SEVERITIES: Final[dict[Severity, tuple[str, Tone]]] = {
    "wrong": ("✗", "bad"),
    "costly": ("◆", "warning"),
    "worth knowing": ("○", "muted"),
}
KEYS: Final[dict[AdviceKind, str]] = {
    "retention": "2 edits the plan",
    "divergence": "7 shows the requests, 4 the prompt lint",
    "drift": "z puts it back, a adopts it",
}
"""The key that mends something, or shows more of it; of settings see `_key`."""
LABEL_WIDTH: Final = 9


def advice_state(report: DoctorReport | None) -> Line:
    """How much is wrong, in a line, with the heaviest first."""
    if report is None:
        return line(Span("◌ looking …", "muted"))
    if not report.findings:
        unknown = f"  {plain(report.unknown[0])}" if report.unknown else ""
        return line(Span("● nothing is wrong", "good"), Span(unknown, "warning"))
    counted = Counter(one.severity for one in report.findings)
    sign, tone = SEVERITIES[report.findings[0].severity]
    told = ", ".join(f"{counted[name]} {name}" for name in SEVERITIES if counted[name])
    return line(Span(f"{sign} {told}", tone), f"  {plain(report.findings[0].message)}")


def advice_lines(report: DoctorReport | None, width: int) -> tuple[Line, ...]:
    """Every finding in full, then what was found well and what could not be looked at."""
    if report is None:
        return (line(Span("Looking at the deployment and this machine …", "muted")),)
    lines: list[Line] = []
    for finding in report.findings:
        lines += [*_finding(finding, width), EMPTY]
    if report.sound:
        lines += labelled_lines("● sound", ", ".join(report.sound), width, "good")
    for text in report.unknown:
        lines += labelled_lines("◌ unknown", text, width, "warning", label_width=10)
    return (*lines, *sentence_lines("i looks again.", width, "muted"))


def _finding(finding: DoctorFinding, width: int) -> list[Line]:
    sign, tone = SEVERITIES[finding.severity]
    cost = ""
    if finding.tokens_per_hour:
        cost = f"  {short_count(round(finding.tokens_per_hour))} tokens an hour"
    title, *more = sentence_lines(plain(finding.message), width - 2, "strong")
    return [
        (Span(f"{sign} ", tone), *title),
        *((Span("  "), *part) for part in more),
        line(Span(f"  {finding.severity}", tone), Span(cost, "warning")),
        *labelled_lines("  seen", finding.evidence, width, "muted", LABEL_WIDTH),
        *labelled_lines("  remedy", finding.remedy, width, "text", LABEL_WIDTH),
        *labelled_lines("  keys", _key(finding), width, "accent", LABEL_WIDTH),
    ]


def _key(finding: DoctorFinding) -> str:
    if finding.setting:
        return f"2 edits {finding.setting}"
    return KEYS.get(finding.kind, "")
