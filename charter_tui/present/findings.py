"""The findings screen: where prompts waste their cache, and where blocks could be shared."""

from pathlib import PurePath
from typing import Final

from charter_engine.contracts.graph import Opportunity
from charter_engine.contracts.lint import Finding, Severity
from charter_tui.naming import Naming, name_by_id
from charter_tui.present.figures import counted, marked, percent
from charter_tui.present.headline import paid_of
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain, wrap
from charter_tui.present.tables import Column, Row, fill, fill_with_room

WHAT: Final = Column("what", "FINDING", 30, "left")
WHERE: Final = Column("place", "WHERE", 28, "left")
TOKENS: Final = Column("tokens", "TOKENS", 8)
EXPECTED: Final = Column("expected", "HIT RATE", 8)
MESSAGE: Final = Column("message", "", 0, "left")
NARROW_BELOW: Final = 110
"""Derived: the columns take 78 cells, and leave a message 32."""
_SIGNS: Final[dict[Severity, tuple[str, Tone]]] = {
    "error": ("✗", "bad"),
    "warning": ("!", "warning"),
    "note": ("·", "muted"),
}


def finding_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width."""
    if width < NARROW_BELOW:
        narrow = (WHAT, WHERE._replace(width=0), TOKENS, EXPECTED)
        return fill_with_room(narrow, width, minimum=14)
    return fill((WHAT, WHERE, TOKENS, EXPECTED, MESSAGE), width)


def finding_rows(
    findings: tuple[Finding, ...],
    opportunities: tuple[Opportunity, ...],
    columns: int = 5,
    named: Naming = name_by_id,
) -> tuple[Row, ...]:
    """The lint's findings as they stand in the source, then what could be shared, the most first.

    A row has five cells, the last telling the rest; `columns` is how many of them are shown.
    """
    rows: list[Row] = []
    if findings:
        rows.append(_heading("lint", "Prompt lint"))
        rows += [_finding(index, item, alike, named) for index, item, alike in _lots(findings)]
    if opportunities:
        rows.append(_heading("opportunities", "Where blocks can be shared"))
        order = sorted(enumerate(opportunities), key=lambda pair: _worth(pair[1]))
        rows += [_opportunity(index, item, named) for index, item in order]
    return tuple(row.with_columns(columns) for row in rows)


def _heading(key: str, text: str) -> Row:
    return Row(f"heading:{key}", (line(Span(text, "title")), *[EMPTY] * 4), pickable=False)


def _lots(findings: tuple[Finding, ...]) -> list[tuple[int, Finding, int]]:
    """The first of each lot that says the same, its number, and of how many calls it is said."""
    lots: dict[tuple[str, str], list[int]] = {}
    for index, item in enumerate(findings):
        lots.setdefault((item.rule, item.message), []).append(index)
    return [(lot[0], findings[lot[0]], len(lot)) for lot in lots.values()]


def _where(item: Finding, alike: int, named: Naming) -> str:
    name = named(item.node) if item.node else PurePath(item.path).name
    return f"{alike} calls, first {name}:{item.line}" if alike > 1 else f"{name}:{item.line}"


def _finding(index: int, item: Finding, alike: int, named: Naming) -> Row:
    sign, tone = _SIGNS[item.severity]
    tokens = (
        marked(f"{item.tokens_per_call:,}", "assumed")
        if item.tokens_per_call is not None
        else Span("–", "muted")
    )
    message = plain(item.message) + (" (uncertain)" if item.confidence == "uncertain" else "")
    cells = (
        line(Span(f"{sign} {plain(item.rule)}", tone)),
        line(Span(plain(_where(item, alike, named)))),
        line(tokens),
        EMPTY,
        line(Span(message)),
    )
    return Row(f"lint:{index}", cells)


def _worth(item: Opportunity) -> tuple[float, int]:
    return -(item.expected_hit_rate or 0.0), -item.shared_tokens


def _opportunity(index: int, item: Opportunity, named: Naming) -> Row:
    nodes = ", ".join(map(named, item.nodes))
    return Row(
        f"opportunity:{index}",
        (
            line(Span(f"+ {item.pattern.replace('_', ' ')}", "good")),
            line(Span(counted(len(item.nodes), "node"))),
            line(marked(f"{item.shared_tokens:,}", item.tokens_label)),
            line(percent(item.expected_hit_rate, item.expected_label)),
            line(Span(plain(nodes), "muted")),
        ),
    )


def detail_lines(
    key: str | None,
    findings: tuple[Finding, ...],
    opportunities: tuple[Opportunity, ...],
    width: int,
    *,
    can_propose: bool = True,
) -> tuple[Line, ...]:
    """All there is to say about the row under the cursor; with the keys that propose a plan where
    they do."""
    kind, _, number = (key or "").partition(":")
    if kind == "lint" and int(number) < len(findings):
        return _finding_detail(findings[int(number)], width)
    if kind == "opportunity" and int(number) < len(opportunities):
        return _opportunity_detail(opportunities[int(number)], width, can_propose)
    return ()


def _finding_detail(item: Finding, width: int) -> tuple[Line, ...]:
    place = f"{plain(item.path)}:{item.line}:{item.column}"
    lines = [
        line(
            Span(plain(item.rule), "title"),
            Span(f"  {place}", "muted"),
            Span(f"  {plain(item.node)}", "muted"),
        )
    ]
    lines += [line(Span(text)) for text in wrap(item.message, width)]
    if item.confidence_reason:
        lines += [
            line(Span(text, "muted"))
            for text in wrap(f"{item.confidence}: {item.confidence_reason}", width)
        ]
    remedy = f"{item.remedy} (charter-engine lint --fix can do it)" if item.fixable else item.remedy
    return (*lines, *(line(Span(text, "good")) for text in wrap(remedy, width)))


def _opportunity_detail(item: Opportunity, width: int, can_propose: bool) -> tuple[Line, ...]:
    lines = [
        line(
            Span(item.pattern.replace("_", " "), "title"),
            Span(f"  {plain(', '.join(item.nodes))}", "muted"),
        )
    ]
    if item.expected_hit_rate is not None:
        rate = percent(item.expected_hit_rate, item.expected_label)
        keys = Span("   2 a proposes a plan" if can_propose else "", "muted")
        lines.append(line("expected ", *paid_of(item), "hit rate ", rate, keys))
    if item.expected_basis:
        lines += [line(Span(text, "muted")) for text in wrap(item.expected_basis, width)]
    lines += [line(Span(text)) for text in wrap(item.derivation, width)] if item.derivation else []
    for words, names in (("constant", item.constant), ("varying", item.varying)):
        if names:
            lines.append(line(Span(f"{words}: ", "muted"), Span(plain(", ".join(names)))))
    return tuple(lines)
