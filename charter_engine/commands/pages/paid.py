"""What a request pays, before and after, with its interval: what a report says first."""

from collections.abc import Sequence
from typing import Final

from charter_engine.commands.pages.page import text
from charter_engine.commands.recording_report import shown
from charter_engine.contracts.request_figures import FigureDifference, RequestFigure

HEADLINE: Final[dict[RequestFigure, str]] = {
    "computed tokens": "prompt tokens computed",
    "TTFT ms": "ms to the first token",
    "whole ms": "ms for the whole answer",
}
"""What is paid, and how it reads below its figures."""


def paid(differences: Sequence[FigureDifference]) -> str:
    """A tile for each of the figures that are paid, of all requests; nothing where none is
    known."""
    whole = {one.figure: one for one in differences if not one.node}
    tiles = [
        _tile(words, whole[figure])
        for figure, words in HEADLINE.items()
        if figure in whole and whole[figure].difference is not None
    ]
    return f'<div class="paid">{"".join(tiles)}</div>' if tiles else ""


def _tile(words: str, one: FigureDifference) -> str:
    before, after = shown(one.figure, one.before), shown(one.figure, one.after)
    return (
        f'<div class="tile {_kind(one)}"><strong>{text(before)} → {text(after)}</strong>'
        f"<span>{text(words)}, a request</span><span>{text(_change(one))}</span></div>"
    )


def _kind(one: FigureDifference) -> str:
    if one.low is None or one.high is None or one.low <= 0 <= one.high:
        return ""
    return "better" if one.high < 0 else "worse"


def _change(one: FigureDifference) -> str:
    """By how much, and what that may be as well."""
    if not one.before or one.difference is None:
        return ""
    changed = f"{one.difference / one.before:+.0%}"
    if one.low is None or one.high is None:
        return f"{changed}, too few requests for an interval"
    within = f"95 % within {one.low / one.before:+.0%} to {one.high / one.before:+.0%}"
    return f"{changed}, {within}" + ("" if _kind(one) else ": may be chance")
