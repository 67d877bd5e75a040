"""What a plan does to answers, as tables and pairs side by side."""

import textwrap
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, zip_longest

from charter_engine.commands.outcome import UNKNOWN, harmless, print_table, terminal_columns
from charter_engine.contracts.answers import AnswerFigures, AnswerPair, AnswersReport, NodeAnswers

HEADER = (
    "call",
    "answers",
    "the same",
    "differ",
    "by an earlier one",
    "valid JSON",
    "tokens",
    "passed",
)
"""The last three as written, and under the plan."""
SHOWN_PAIRS = 3
"""Assumed: enough to see of what kind the differences are; `--json` has all."""
LINES_OF_A_PAIR = 12
"""Assumed: enough to see where two answers part."""
BEFORE_DIFFERENCE = 60
"""Characters shown before the place where two answers part."""
PAGE_COLUMNS = 100
"""Where standard output is no terminal."""


def print_answers(report: AnswersReport) -> None:
    """The figures of each call, what they come to, and some pairs that differ, side by side."""
    print_table(HEADER, (_row(node) for node in report.nodes))
    for sentence in sentences(report):
        print(sentence)
    width = (terminal_columns() or PAGE_COLUMNS) // 2 - 2
    for pair in islice(report.differing, SHOWN_PAIRS):
        print(f"\n{pair.node}, item {pair.item + 1}: as written, and under the plan")
        for line in side_by_side(pair, max(24, width)):
            print(harmless(line))


def sentences(report: AnswersReport) -> Iterator[str]:
    """What the figures come to."""
    yield f"{report.agent} on {report.target}; inputs: {report.inputs}"
    yield report.verdict
    if report.repeated:
        yield (
            f"asked as written once more, {report.repeated_equal} of {report.repeated} answers "
            "were the same: what differs there is the server's own"
        )
    if report.check and report.pairs:
        yield f"passed: {report.check}"
    yield from report.errors[:3]
    yield from report.notes
    if not report.complete:
        yield f"{report.lost or 'interrupted'}: these are the answers so far"


def side_by_side(pair: AnswerPair, width: int) -> Iterable[str]:
    """The answers of a pair from shortly before they part, in two columns of that width."""
    start = max(0, (pair.differs_at or 0) - BEFORE_DIFFERENCE)
    columns = zip_longest(
        *(_wrapped(text[start:], start, width) for text in (pair.written, pair.planned)),
        fillvalue="",
    )
    return (f"{one:{width}}  {other}".rstrip() for one, other in islice(columns, LINES_OF_A_PAIR))


def _wrapped(text: str, start: int, width: int) -> list[str]:
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, width) or [""]]
    return [f"…{lines[0][: width - 1]}", *lines[1:]] if start and lines else lines


def _row(node: NodeAnswers) -> tuple[str, ...]:
    return (
        node.node,
        str(node.pairs),
        str(node.equal),
        str(node.pairs - node.equal),
        str(node.carried),
        _both(node, lambda arm: str(arm.valid_json)),
        _both(node, lambda arm: f"{arm.tokens:.0f}"),
        _both(node, lambda arm: UNKNOWN if arm.passed is None else str(arm.passed)),
    )


def _both(node: NodeAnswers, told: Callable[[AnswerFigures], str]) -> str:
    return f"{told(node.written)} → {told(node.planned)}"
