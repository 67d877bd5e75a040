"""What the draft does to answers: figures by call, and some pairs that differ side by side."""

from itertools import zip_longest
from typing import Final

from charter_engine.contracts.answers import AnswerPair, AnswersReport, NodeAnswers
from charter_tui.present.figures import NOTHING, count, marked
from charter_tui.present.possible import with_ways
from charter_tui.present.spans import EMPTY, Line, Span, line, plain, wrap
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.words import Standing, sentence_lines
from charter_tui.state import Snapshot

SHOWN_PAIRS: Final = 4
"""So many of `LINES_OF_A_PAIR` fill a screen of 40 lines."""
LINES_OF_A_PAIR: Final = 8
"""Assumed: enough to see where two answers part."""
SHOWN_ERRORS: Final = 3
"""Assumed: more of them say the same."""
BEFORE_DIFFERENCE: Final = 40
"""Characters shown before the place where two answers part."""
NARROWEST_COLUMN: Final = 20
"""Assumed: narrower, words are torn apart."""
_HOW: Final = "Whether the draft changes the answers: calls as written and as drafted, side by side"
_ASKS: Final = (
    ("app.run_plan", "5 opens the work screen, where Compare answers asks the live deployment"),
)


def answers_standing(snapshot: Snapshot) -> Standing:
    """What the last comparison came to."""
    report = snapshot.results.answers if snapshot.results else None
    if report is None:
        return Standing(Span("○ not compared", "muted"))
    same = all(pair.is_equal for pair in report.pairs)
    return Standing(
        Span("● all the same", "good") if same else Span("▲ some differ", "warning"),
        line(Span(plain(report.verdict), "muted")),
    )


def answers_subject_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """The last comparison, or how one is made."""
    report = snapshot.results.answers if snapshot.results else None
    if report is None:
        return sentence_lines(with_ways(snapshot, _HOW, _ASKS, ". "), width, "muted")
    return answers_lines(report, width)


def answers_lines(report: AnswersReport, width: int) -> tuple[Line, ...]:
    """The figures of each call, what they come to, and the first pairs that differ."""
    columns = (
        Column("call", "CALL", 0, "left"),
        Column("answers", "ANSWERS", 0),
        Column("same", "THE SAME", 0),
        Column("carried", "BY AN EARLIER ONE", 0),
        Column("json", "VALID JSON", 0),
        Column("tokens", "TOKENS", 0),
        Column("passed", "PASSED", 0),
    )
    about = f"{plain(report.inputs)} on {plain(report.target)}"
    told = [report.verdict, _noise(report), *report.errors[:SHOWN_ERRORS], *report.notes]
    if not report.complete:
        told.append(f"{report.lost or 'Cancelled'}: these are the answers so far.")
    return (
        line(Span("Answers", "title"), Span(f"  {about}", "muted")),
        *table_lines(columns, [_row(node) for node in report.nodes], width),
        EMPTY,
        *(part for text in told for part in sentence_lines(plain(text), width, "muted")),
        *(each for pair in report.differing[:SHOWN_PAIRS] for each in pair_lines(pair, width)),
    )


def pair_lines(pair: AnswerPair, width: int) -> tuple[Line, ...]:
    """Two answers from shortly before they part: as written on the left, as planned on the
    right."""
    column = max(NARROWEST_COLUMN, width // 2 - 2)
    start = max(0, (pair.differs_at or 0) - BEFORE_DIFFERENCE)
    sides = (_wrapped(text, start, column) for text in (pair.written, pair.planned))
    rows = list(zip_longest(*sides, fillvalue=""))[:LINES_OF_A_PAIR]
    behind = "  an earlier answer differs" if pair.carried else ""
    place = f"{plain(pair.node)}, item {pair.item + 1}"
    return (
        EMPTY,
        line(Span(place, "strong"), Span(f"  as written │ as drafted{behind}", "muted")),
        *(line(Span(f"{one:{column}}"), Span(" │ ", "muted"), Span(other)) for one, other in rows),
    )


def _wrapped(text: str, start: int, width: int) -> list[str]:
    shown = ("…" if start else "") + text[start:]
    return [part for each in shown.splitlines() for part in wrap(plain(each), width) or [""]]


def _noise(report: AnswersReport) -> str:
    if not report.repeated:
        return ""
    return (
        f"Asked as written once more, {report.repeated_equal} of {report.repeated} answers were "
        "the same: what differs there is the server's own."
    )


def _row(node: NodeAnswers) -> tuple[Span, ...]:
    return (
        Span(plain(node.node), "strong"),
        count(node.pairs, "measured"),
        count(node.equal, "measured"),
        count(node.carried, "measured"),
        _both(node.written.valid_json, node.planned.valid_json),
        _both(round(node.written.tokens), round(node.planned.tokens)),
        NOTHING if node.written.passed is None else _both(node.written.passed, node.planned.passed),
    )


def _both(written: int | None, planned: int | None) -> Span:
    return marked(f"{written} → {planned}", "measured")
