"""The findings screen: where prompts waste their cache, and where blocks could be shared."""

from pathlib import PurePath
from typing import Final

from charter_engine.contracts.graph import Opportunity
from charter_engine.contracts.lint import Finding, Severity
from charter_tui.present.figures import marked, percent
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain, wrap
from charter_tui.present.tables import Column, Row, fill
from charter_tui.present.tree import split_id

COLUMNS: Final = (
    Column("what", "FINDING", 26, "left"),
    Column("place", "PLACE", 24, "left"),
    Column("tokens", "TOKENS", 9),
    Column("message", "WHAT", 0, "left"),
)
_SIGNS: Final[dict[Severity, tuple[str, Tone]]] = {
    "error": ("✗", "bad"),
    "warning": ("!", "warning"),
    "note": ("·", "muted"),
}


def finding_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width."""
    return fill(COLUMNS, width)


def finding_rows(findings: tuple[Finding, ...], opportunities: tuple[Opportunity, ...]) -> tuple[Row, ...]:
    """The lint's findings as they stand in the source, then what could be shared, the most first."""
    rows: list[Row] = []
    if findings:
        rows.append(_heading("lint", "Prompt lint"))
        rows += [_finding(index, item) for index, item in enumerate(findings)]
    if opportunities:
        rows.append(_heading("opportunities", "Where blocks can be shared"))
        order = sorted(enumerate(opportunities), key=lambda pair: -pair[1].shared_tokens)
        rows += [_opportunity(index, item) for index, item in order]
    return tuple(rows)


def _heading(key: str, text: str) -> Row:
    return Row(f"heading:{key}", (line(Span(text, "title")), EMPTY, EMPTY, EMPTY), pickable=False)


def _finding(index: int, item: Finding) -> Row:
    sign, tone = _SIGNS[item.severity]
    tokens = marked(f"{item.tokens_per_call:,}", "assumed") if item.tokens_per_call is not None else Span("–", "muted")
    place = f"{PurePath(item.path).name}:{item.line}"
    message = plain(item.message) + (" (uncertain)" if item.confidence == "uncertain" else "")
    cells = (
        line(Span(f"{sign} {plain(item.rule)}", tone)),
        line(Span(plain(place))),
        line(tokens),
        line(Span(message)),
    )
    return Row(f"lint:{index}", cells)


def _opportunity(index: int, item: Opportunity) -> Row:
    nodes = ", ".join(split_id(node)[1] for node in item.nodes)
    return Row(
        f"opportunity:{index}",
        (
            line(Span(f"+ {item.pattern.replace('_', ' ')}", "good")),
            line(Span(f"{len(item.nodes)} node{'s' if len(item.nodes) != 1 else ''}")),
            line(marked(f"{item.shared_tokens:,}", item.tokens_label)),
            line(Span(plain(nodes), "muted")),
        ),
    )


def detail_lines(
    key: str | None, findings: tuple[Finding, ...], opportunities: tuple[Opportunity, ...], width: int
) -> tuple[Line, ...]:
    """All there is to say about the row under the cursor."""
    kind, _, number = (key or "").partition(":")
    if kind == "lint" and int(number) < len(findings):
        return _finding_detail(findings[int(number)], width)
    if kind == "opportunity" and int(number) < len(opportunities):
        return _opportunity_detail(opportunities[int(number)], width)
    return ()


def _finding_detail(item: Finding, width: int) -> tuple[Line, ...]:
    place = f"{plain(item.path)}:{item.line}:{item.column}"
    lines = [
        line(Span(plain(item.rule), "strong"), Span(f"  {place}", "muted"), Span(f"  {plain(item.node)}", "muted"))
    ]
    lines += [line(Span(text)) for text in wrap(item.message, width)]
    if item.confidence_reason:
        lines += [line(Span(text, "muted")) for text in wrap(f"{item.confidence}: {item.confidence_reason}", width)]
    remedy = f"{item.remedy} (charter-engine lint --fix can do it)" if item.fixable else item.remedy
    return (*lines, *(line(Span(text, "good")) for text in wrap(remedy, width)))


def _opportunity_detail(item: Opportunity, width: int) -> tuple[Line, ...]:
    lines = [line(Span(item.pattern.replace("_", " "), "strong"), Span(f"  {plain(', '.join(item.nodes))}", "muted"))]
    if item.expected_hit_rate is not None:
        lines.append(line("expected hit rate ", percent(item.expected_hit_rate, item.tokens_label)))
    lines += [line(Span(text)) for text in wrap(item.derivation, width)] if item.derivation else []
    for words, names in (("constant", item.constant), ("varying", item.varying)):
        if names:
            lines.append(line(Span(f"{words}: ", "muted"), Span(plain(", ".join(names)))))
    return tuple(lines)
