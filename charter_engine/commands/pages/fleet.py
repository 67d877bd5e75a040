"""A page on a fleet."""

from charter_engine.commands.fleet import HEADER, rows
from charter_engine.commands.pages.history import NamedHistory, history_plots
from charter_engine.commands.pages.page import COLOURS, grid, page, paragraphs, section, table
from charter_engine.commands.pages.recording import clock
from charter_engine.commands.recording_report import moment
from charter_engine.contracts.fleet import FleetReport


def page_of(report: FleetReport) -> str:
    """The whole page: every server's figures, and those that computed the most over time."""
    drawn = report.servers[:COLOURS]
    sides = [NamedHistory(server.instance, server.history) for server in drawn]
    left_out = len(report.servers) - len(drawn)
    return page(
        "Charter: a fleet",
        (
            paragraphs(
                [f"{report.prometheus}, {moment(report.begin)} to {moment(report.end)} UTC"],
                "faint",
            ),
            section("Every server", table(HEADER, rows(report))),
            section("How it went", grid(history_plots(sides, clock))),
            paragraphs(
                [f"Drawn are the {COLOURS} that computed the most; {left_out} are not."]
                if left_out
                else (),
                "faint",
            ),
        ),
    )
