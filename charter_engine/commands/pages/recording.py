"""A page on one recording."""

from collections.abc import Iterator
from time import gmtime, strftime

from charter_engine.commands.pages.history import NamedHistory, history_plots
from charter_engine.commands.pages.page import folded, grid, page, paragraphs, section, table
from charter_engine.commands.pages.plots import PlotMark
from charter_engine.commands.recording_report import figure_rows, info_lines, moment
from charter_engine.contracts.gauges import Marker
from charter_engine.contracts.recordings import RecordingStory

HAPPENED_HEADER = ("mark", "when", "what", "")


def page_of(story: RecordingStory) -> str:
    """The whole page: what was paid by node, how it went, and what happened."""
    stretch, info = story.stretch, story.info
    side = NamedHistory("", stretch.history)
    numbers = {one: number for number, one in enumerate(stretch.marks, 1)}
    marks = [
        PlotMark(one.at, f"{clock(one.at)}  {one.text}", number) for one, number in numbers.items()
    ]
    happened = [
        (str(numbers.get(one, "")), moment(one.at), one.kind, one.text) for one in _marked(story)
    ]
    return page(
        f"Charter: {info.agent or info.path}",
        (
            paragraphs([f"{moment(stretch.start)} to {moment(stretch.end)} UTC"], "faint"),
            section("What requests cost", table(*figure_rows(story.nodes))),
            section("How it went", grid(history_plots([side], clock, marks))),
            section("What happened", table(HAPPENED_HEADER, happened) if happened else ""),
            folded("About this recording", paragraphs(info_lines(info))),
        ),
    )


def clock(at: float) -> str:
    """The time of day of an epoch second, UTC."""
    return strftime("%H:%M:%S", gmtime(at))


def _marked(story: RecordingStory) -> Iterator[Marker]:
    stretch = story.stretch
    return (one for one in story.info.markers if stretch.start <= one.at <= stretch.end)
