"""A page on two recordings, side by side."""

from collections.abc import Iterator

from charter_engine.commands.pages.history import NamedHistory, history_plots
from charter_engine.commands.pages.page import (
    folded,
    grid,
    page,
    paragraphs,
    section,
    table,
    verdict,
)
from charter_engine.commands.pages.plots import PlotMark
from charter_engine.commands.recording_report import (
    DIFFERENCE_HEADER,
    difference_rows,
    side_line,
)
from charter_engine.contracts.recordings import RecordingComparison

SMALL_PRINT = (
    "Intervals are those of 95 of 100 repetitions, by the bootstrap: items of runs are drawn anew, "
    "and requests of others.",
    "A difference whose interval holds 0 may be chance.",
)


def page_of(found: RecordingComparison) -> str:
    """The whole page: the verdict, the figures with intervals, both on one axis, node by node."""
    sides = [
        NamedHistory(name, side.history, side.start)
        for name, side in (("A", found.before), ("B", found.after))
    ]
    whole = [one for one in found.differences if not one.node]
    nodes = [one for one in found.differences if one.node]
    return page(
        "Charter: two recordings",
        (
            verdict(found.verdict.words, worth=found.verdict.worth),
            paragraphs((side_line("A", found.before), side_line("B", found.after)), "faint"),
            section("What a request costs", table(DIFFERENCE_HEADER, difference_rows(whole))),
            section("Side by side", grid(history_plots(sides, since_begin, list(_marks(found))))),
            section("By node", table(DIFFERENCE_HEADER, difference_rows(nodes)) if nodes else ""),
            folded("The small print", paragraphs((*SMALL_PRINT, *found.notes))),
        ),
    )


def _marks(found: RecordingComparison) -> Iterator[PlotMark]:
    """What was pushed and noted on either side, at its place on the axis of both."""
    for name, side in (("A", found.before), ("B", found.after)):
        for mark in side.marks:
            at = mark.at - side.start
            yield PlotMark(at, f"{name}, {since_begin(at)}: {mark.text}")


def since_begin(seconds: float) -> str:
    """How long after the beginning of a recording."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
