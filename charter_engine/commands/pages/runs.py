"""A page on two runs, side by side."""

from collections.abc import Iterator
from typing import Final

from charter_engine.commands.cost_report import (
    NAMES,
    RUN_HEADER,
    difference_cells,
    lever_words,
    shown,
    what,
)
from charter_engine.commands.pages.page import folded, page, paragraphs, section, table, verdict
from charter_engine.commands.pages.paid import PaidFigure, paid
from charter_engine.commands.recording_report import (
    DIFFERENCE_HEADER,
    difference_rows,
    moment,
)
from charter_engine.contracts.runs import RunComparison, RunFigure, RunSummary

HEADLINE: Final[tuple[RunFigure, ...]] = ("computed_tokens", "item_ms", "ttft_ms")
SMALL_PRINT: Final = (
    "Intervals are those of 95 of 100 repetitions, by the bootstrap over the items of the runs.",
    "A change whose interval holds 0 may be chance.",
)


def page_of(found: RunComparison) -> str:
    """The whole page: the verdict, what is paid with intervals, then node by node."""
    return page(
        f"Charter: runs {found.before.number} and {found.after.number}",
        (
            verdict(found.verdict.words, worth=found.verdict.worth),
            paid(_paid(found)),
            paragraphs(
                (_side("A", found.before), _side("B", found.after), *_levers(found)), "faint"
            ),
            section(
                "What the runs cost", table(RUN_HEADER, map(difference_cells, found.differences))
            ),
            section("A request of each node", _nodes(found)),
            section("What makes them hard to compare", paragraphs(found.notes)),
            folded("The small print", paragraphs(SMALL_PRINT)),
        ),
    )


def _paid(found: RunComparison) -> Iterator[PaidFigure]:
    for one in found.differences:
        if one.figure in HEADLINE and one.change is not None:
            within = one.interval
            yield PaidFigure(
                NAMES[one.figure],
                shown(one, one.before),
                shown(one, one.after),
                one.change,
                within.low if within else None,
                within.high if within else None,
            )


def _side(name: str, run: RunSummary) -> str:
    began = f"{moment(run.started_at)} UTC"
    return f"{name}: run {run.number} of {run.agent}, {what(run)}, {began}, {run.state}"


def _levers(found: RunComparison) -> Iterator[str]:
    if found.levers:
        yield f"They differ in: {lever_words(found.levers)}."


def _nodes(found: RunComparison) -> str:
    return table(DIFFERENCE_HEADER, difference_rows(found.nodes)) if found.nodes else ""
