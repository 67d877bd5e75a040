"""How two runs differ: the statistics of finished runs.

Intervals are those of the bootstrap (B. Efron, "Bootstrap Methods: Another Look at the Jackknife",
1979): items are drawn again with replacement, since the requests of one item depend on each other.
Where both runs went over the same items, each draw takes the same items of both.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
import numpy.typing as npt

from charter_engine.contracts.costs import RunCost
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.runs import (
    Interval,
    RunComparison,
    RunDifference,
    RunFigure,
    RunSummary,
)
from charter_engine.executor.run_costs import (
    by_item,
    item_time,
    relative_change,
    verdict,
)
from charter_engine.traffic.side_by_side import differences as by_node

FEWEST_ITEMS: Final = 5
"""Of fewer items nothing can be said about how others would have gone."""
DRAWS: Final = 2_000
"""Assumed: the ends of an interval of 95 % rest on 50 draws each."""
SEED: Final = 15
"""Any number: the same runs give the same interval."""
Floats = npt.NDArray[np.float64]


def compare(
    before: RunSummary,
    after: RunSummary,
    requests_before: Sequence[RequestRecord],
    requests_after: Sequence[RequestRecord],
) -> RunComparison:
    """Two runs figure by figure, with intervals of the changes."""
    one, other = _items(requests_before), _items(requests_after)
    intervals = _intervals(one, other)
    return RunComparison(
        before=before,
        after=after,
        verdict=verdict(before.cost, after.cost),
        differences=tuple(
            _difference(figure, before.cost, after.cost, intervals.get(figure))
            for figure in get_args(RunFigure)
        ),
        nodes=tuple(one for one in by_node(requests_before, requests_after) if one.node),
        notes=tuple(_notes(before, after, enough=bool(intervals))),
    )


def _difference(
    figure: RunFigure, before: RunCost, after: RunCost, interval: Interval | None
) -> RunDifference:
    old, new = getattr(before, figure), getattr(after, figure)
    if figure == "token_hit_rate":
        change = new - old if old is not None and new is not None else None
    else:
        change = relative_change(old, new)
    return RunDifference(figure=figure, before=old, after=new, change=change, interval=interval)


def _notes(before: RunSummary, after: RunSummary, *, enough: bool) -> list[str]:
    """What makes the two hard to compare."""
    notes = []
    if before.fingerprint != after.fingerprint:
        notes.append("the agent's source is not the same in both")
    if before.cost.items != after.cost.items:
        notes.append(f"one ran over {before.cost.items} items, the other over {after.cost.items}")
    if before.earlier != after.earlier:
        notes.append(
            f"run {before.number} began {_cache_in_words(before.earlier)}, "
            f"run {after.number} {_cache_in_words(after.earlier)}"
        )
    notes += [
        f"run {one.number} {one.state}: its figures are of what was done"
        for one in (before, after)
        if one.state != "done"
    ]
    if not enough:
        notes.append(f"fewer than {FEWEST_ITEMS} items: no intervals")
    return notes


def _cache_in_words(earlier: int | None) -> str:
    if earlier is None:
        return "on a cache that others filled, too"
    if not earlier:
        return "on an empty cache"
    return (
        "on what one run had left in the cache"
        if earlier == 1
        else (f"on what {earlier} runs had left in the cache")
    )


@dataclass(frozen=True)
class _Item:
    """The sums of one item's requests; NaN where one of them does not tell."""

    computed: float
    prompt: float
    output: float
    ttft: float
    requests: float
    item_ms: float


def _items(requests: Sequence[RequestRecord]) -> dict[int, _Item]:
    return {number: _item(group) for number, group in by_item(requests).items()}


def _item(requests: Sequence[RequestRecord]) -> _Item:
    whole = item_time(requests)
    return _Item(
        computed=_known_sum([one.computed_tokens for one in requests]),
        prompt=_known_sum([one.prompt_tokens for one in requests]),
        output=_known_sum([one.output_tokens for one in requests]),
        ttft=_known_sum([one.ttft_ms for one in requests]),
        requests=float(len(requests)),
        item_ms=math.nan if whole is None else whole,
    )


def _intervals(
    before: Mapping[int, _Item], after: Mapping[int, _Item]
) -> dict[RunFigure, Interval]:
    """The intervals of the changes; none of figures that a request does not tell."""
    if min(len(before), len(after)) < FEWEST_ITEMS:
        return {}
    random = np.random.default_rng(SEED)
    order_before = sorted(before)
    order_after = order_before if before.keys() == after.keys() else sorted(after)
    drawn = random.integers(0, len(order_before), (DRAWS, len(order_before)))
    drawn_after = (
        drawn
        if order_after is order_before
        else random.integers(0, len(order_after), (DRAWS, len(order_after)))
    )
    old = _Drawn([before[number] for number in order_before], drawn)
    new = _Drawn([after[number] for number in order_after], drawn_after)
    found: dict[RunFigure, Interval] = {}
    for figure, (change, of) in _BY_DRAW.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            changes = change(of(old), of(new))
        if np.isfinite(changes).all():
            low, high = np.percentile(changes, (2.5, 97.5))
            found[figure] = Interval(float(low), float(high))
    return found


class _Drawn:
    """Items drawn again and again: every draw's sums and means."""

    def __init__(self, items: Sequence[_Item], drawn: npt.NDArray[np.int64]) -> None:
        self._items = items
        self._drawn = drawn

    def mean(self, name: str) -> Floats:
        """The mean of an item in each draw."""
        values = np.array([getattr(item, name) for item in self._items])
        means: Floats = values[self._drawn].mean(axis=1)
        return means


def _relative(old: Floats, new: Floats) -> Floats:
    return new / old - 1


def _points(old: Floats, new: Floats) -> Floats:
    return new - old


_BY_DRAW: Final[
    dict[RunFigure, tuple[Callable[[Floats, Floats], Floats], Callable[[_Drawn], Floats]]]
] = {
    "computed_tokens": (_relative, lambda drawn: drawn.mean("computed")),
    "item_ms": (_relative, lambda drawn: drawn.mean("item_ms")),
    "ttft_ms": (_relative, lambda drawn: drawn.mean("ttft") / drawn.mean("requests")),
    "output_tokens": (_relative, lambda drawn: drawn.mean("output")),
    "token_hit_rate": (_points, lambda drawn: 1 - drawn.mean("computed") / drawn.mean("prompt")),
}


def _known_sum(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(sum(known)) if len(known) == len(values) else math.nan
