"""Two groups of requests beside each other: what one of them costs, and how certain that is.

What is drawn are units: an item of a run with all its requests, or a request that somebody else
sent. The difference of a figure that stays below what drawing alone gives is no difference.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.request_figures import (
    FigureDifference,
    NodeFigure,
    RequestFigure,
)
from charter_engine.traffic.intervals import Ratio, bounds_of

FEWEST_UNITS: Final = 5
"""Of fewer nothing can be said about how others would have gone."""
MOST_UNITS: Final = 200
"""As many are drawn one by one; of more, several together, which makes the bounds no other."""

Told = Callable[[RequestRecord], float | None]


class _Figure(NamedTuple):
    """What is summed, over what."""

    above: Told
    below: Told = lambda _: 1.0
    failed_too: bool = False


FIGURES: Final[dict[RequestFigure, _Figure]] = {
    "computed tokens": _Figure(lambda one: one.computed_tokens),
    "prompt tokens": _Figure(lambda one: one.prompt_tokens),
    "hit rate": _Figure(lambda one: one.reused_tokens, lambda one: one.prompt_tokens),
    "TTFT ms": _Figure(lambda one: one.ttft_ms),
    "whole ms": _Figure(lambda one: one.latency_ms),
    "output tokens": _Figure(lambda one: one.output_tokens),
    "failed": _Figure(lambda one: float(one.error is not None), failed_too=True),
}


def figures(requests: Sequence[RequestRecord]) -> tuple[NodeFigure, ...]:
    """Every figure of all requests, and then of each node, in order of name."""
    nodes = sorted({one.node for one in requests} - {""})
    groups = [("", requests)] + [
        (node, [one for one in requests if one.node == node]) for node in nodes
    ]
    return tuple(
        NodeFigure(figure=figure, node=node, value=sums.value(column))
        for node, records in groups
        for sums in (_sums(records),)
        for column, figure in enumerate(FIGURES)
    )


def differences(
    before: Sequence[RequestRecord], after: Sequence[RequestRecord]
) -> tuple[FigureDifference, ...]:
    """Every figure of all requests, and then of each node that both have, in order of name."""
    nodes = sorted({one.node for one in before} & {one.node for one in after})
    groups = [("", before, after)] + [
        (
            node,
            [one for one in before if one.node == node],
            [one for one in after if one.node == node],
        )
        for node in nodes
        if len(nodes) > 1
    ]
    return tuple(one for node, old, new in groups for one in _of_group(node, old, new))


def verdict(found: Iterable[FigureDifference]) -> Verdict:
    """What a request pays against before, by the figures of all requests: tokens, then time."""
    whole = {one.figure: one for one in found if not one.node}
    computed, time = whole.get("computed tokens"), whole.get("whole ms")
    words = [
        f"a request {verb} {said}"
        for verb, one in (("computes", computed), ("takes", time))
        if one is not None and (said := _change_in_words(one))
    ]
    decisive = next((one for one in (time, computed) if one is not None and _is_certain(one)), None)
    if not words or decisive is None or decisive.difference is None:
        return Verdict("; ".join(words))
    worth = decisive.difference < 0
    return Verdict(f"{'; '.join(words)}: {'worth it' if worth else 'not worth it'}", worth)


def _change_in_words(one: FigureDifference) -> str:
    if one.difference is None or not one.before:
        return ""
    share = one.difference / one.before
    kind = "tokens" if one.figure == "computed tokens" else "time"
    if not _is_certain(one):
        return f"as many {kind}" if kind == "tokens" else f"as much {kind}"
    more = "more" if share > 0 else ("fewer" if kind == "tokens" else "less")
    return f"{abs(share):.0%} {more} {kind}".replace("%", " %")


def _is_certain(one: FigureDifference) -> bool:
    return one.low is not None and one.high is not None and not one.low <= 0 <= one.high


def _of_group(
    node: str, before: Sequence[RequestRecord], after: Sequence[RequestRecord]
) -> Iterator[FigureDifference]:
    old, new = _sums(before), _sums(after)
    told = [
        column
        for column in range(len(FIGURES))
        if min(old.units(column), new.units(column)) >= FEWEST_UNITS
    ]
    bounds: dict[int, tuple[float, float]] = {}
    if told:
        lows, highs = bounds_of(new.of(told), old.of(told))
        bounds = dict(zip(told, zip(lows.tolist(), highs.tolist(), strict=True), strict=True))
    for column, figure in enumerate(FIGURES):
        one, other = old.value(column), new.value(column)
        low, high = bounds.get(column, (None, None))
        yield FigureDifference(
            figure=figure,
            node=node,
            before=one,
            after=other,
            difference=None if one is None or other is None else other - one,
            low=low,
            high=high,
        )


class _Sums(NamedTuple):
    """The sums of every figure, a column each, by unit."""

    ratio: Ratio

    def of(self, columns: Sequence[int]) -> Ratio:
        """The sums of some figures."""
        return Ratio(self.ratio.above[:, columns], self.ratio.below[:, columns])

    def value(self, column: int) -> float | None:
        """The figure of all units; None where none tells of it."""
        below = float(self.ratio.below[:, column].sum())
        return float(self.ratio.above[:, column].sum()) / below if below else None

    def units(self, column: int) -> int:
        """How many units tell of the figure."""
        return int(np.count_nonzero(self.ratio.below[:, column]))


def _sums(records: Sequence[RequestRecord]) -> _Sums:
    """Where there are more units than need be drawn one by one, some are drawn together."""
    units: dict[object, int] = {}
    sums = np.zeros((2, MOST_UNITS, len(FIGURES)))
    for number, record in enumerate(records):
        unit = (record.run, record.item) if record.source == "run" else number
        place = units.setdefault(unit, len(units)) % MOST_UNITS
        for column, figure in enumerate(FIGURES.values()):
            above, below = figure.above(record), figure.below(record)
            if above is not None and below and (figure.failed_too or not record.error):
                sums[0, place, column] += above
                sums[1, place, column] += below
    kept = max(1, min(len(units), MOST_UNITS))
    return _Sums(Ratio(sums[0, :kept], sums[1, :kept]))
