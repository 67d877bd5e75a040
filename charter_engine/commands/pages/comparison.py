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
from charter_engine.commands.pages.paid import paid, paid_by_requests
from charter_engine.commands.pages.plots import PlotMark
from charter_engine.commands.pages.recording import HAPPENED_HEADER
from charter_engine.commands.recording_report import (
    DIFFERENCE_HEADER,
    difference_rows,
    side_line,
)
from charter_engine.contracts.gauges import Marker
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
    marks = [
        PlotMark(after, f"{name}, {since_begin(after)}: {mark.text}", number)
        for number, (name, after, mark) in enumerate(_happened(found), 1)
    ]
    happened = [
        (str(number), f"{name}, {since_begin(after)}", mark.kind, mark.text)
        for number, (name, after, mark) in enumerate(_happened(found), 1)
    ]
    whole = [one for one in found.differences if not one.node]
    nodes = [one for one in found.differences if one.node]
    return page(
        "Charter: two recordings",
        (
            verdict(found.verdict.words, worth=found.verdict.worth),
            paid(paid_by_requests(found.differences)),
            paragraphs((side_line("A", found.before), side_line("B", found.after)), "faint"),
            section("What a request costs", table(DIFFERENCE_HEADER, difference_rows(whole))),
            section("Side by side", grid(history_plots(sides, since_begin, marks))),
            section("What happened", table(HAPPENED_HEADER, happened) if happened else ""),
            section("By node", table(DIFFERENCE_HEADER, difference_rows(nodes)) if nodes else ""),
            folded("The small print", paragraphs((*SMALL_PRINT, *found.notes))),
        ),
    )


def _happened(found: RecordingComparison) -> Iterator[tuple[str, float, Marker]]:
    """What was pushed and noted on either side, and how long after its beginning; not the push that
    lies between them."""
    for name, side in (("A", found.before), ("B", found.after)):
        for mark in side.marks:
            if side.start < mark.at < side.end:
                yield name, mark.at - side.start, mark


def since_begin(seconds: float) -> str:
    """How long after the beginning of a recording."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
