"""What is paid, before and after, with the interval of its change: what a report says first."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from charter_engine.commands.pages.page import text
from charter_engine.commands.recording_report import shown
from charter_engine.contracts.request_figures import FigureDifference, RequestFigure

HEADLINE: Final[dict[RequestFigure, str]] = {
    "computed tokens": "prompt tokens computed, a request",
    "TTFT ms": "ms to the first token, a request",
    "whole ms": "ms for the whole answer, a request",
}
"""What is paid for a request, and how it reads below its figures."""


class PaidFigure(NamedTuple):
    """A figure of which less is better. `change` is relative to what was before (0.5: half as much
    again), and lies within `low` and `high`; None where too few requests tell."""

    words: str
    before: str
    after: str
    change: float
    low: float | None = None
    high: float | None = None

    @property
    def beyond_chance(self) -> bool:
        """Whether its interval does not hold nought."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def paid(figures: Iterable[PaidFigure]) -> str:
    """A tile a figure; nothing where there is none."""
    tiles = "".join(_tile(one) for one in figures)
    return f'<div class="paid">{tiles}</div>' if tiles else ""


def paid_by_requests(differences: Sequence[FigureDifference]) -> Iterator[PaidFigure]:
    """What requests pay, all of them together."""
    whole = {one.figure: one for one in differences if not one.node}
    for figure, words in HEADLINE.items():
        one = whole.get(figure)
        if one is None or one.difference is None or not one.before:
            continue
        yield PaidFigure(
            words,
            shown(figure, one.before),
            shown(figure, one.after),
            one.difference / one.before,
            None if one.low is None else one.low / one.before,
            None if one.high is None else one.high / one.before,
        )


def _tile(one: PaidFigure) -> str:
    kind = "" if not one.beyond_chance else " better" if (one.high or 0.0) < 0 else " worse"
    return (
        f'<div class="tile{kind}"><strong>{text(one.before)} → {text(one.after)}</strong>'
        f"<span>{text(one.words)}</span><span>{text(_change(one))}</span></div>"
    )


def _change(one: PaidFigure) -> str:
    """By how much, and what that may be as well."""
    if one.low is None or one.high is None:
        return f"{one.change:+.0%}, too few requests for an interval"
    chance = "" if one.beyond_chance else ": may be chance"
    return f"{one.change:+.0%}, 95 % within {one.low:+.0%} to {one.high:+.0%}{chance}"
