"""What a run cost, and how two runs differ: statistics of finished runs, and the verdict in words.

Intervals are those of the bootstrap (B. Efron, "Bootstrap Methods: Another Look at the Jackknife",
1979): items are drawn again with replacement, since the requests of one item depend on each other.
Where both runs went over the same items, each draw takes the same items of both.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from charter_engine.contracts.benching import VariantReport
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.planning import Evaluation
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.runs import (
    Interval,
    RunComparison,
    RunCost,
    RunDifference,
    RunFigure,
    RunSummary,
)

FEWEST_ITEMS: Final = 5
"""Of fewer items nothing can be said about how others would have gone."""
DRAWS: Final = 2_000
SEED: Final = 15
ABOUT_THE_SAME: Final = 0.02
"""Relative difference below which two runs count as alike."""
Floats = npt.NDArray[np.float64]


def cost_of_run(report: RunReport) -> RunCost:
    """What a run cost, by its requests that were answered."""
    answered = [one for one in report.requests if one.error is None]
    ttfts = sorted(one.ttft_ms for one in answered if one.ttft_ms is not None)
    items = _items(answered)
    return RunCost(
        items=report.items,
        requests=len(answered),
        failures=len(report.requests) - len(answered),
        computed_tokens=_sum(computed_tokens(one) for one in answered),
        prompt_tokens=_sum(one.prompt_tokens for one in answered),
        output_tokens=_sum(one.output_tokens for one in answered),
        whole_ms=report.elapsed_ms,
        item_ms=_mean([one.item_ms for one in items.values() if not math.isnan(one.item_ms)]),
        ttft_ms=_mean(ttfts),
        ttft_ms_p95=ttfts[math.ceil(0.95 * len(ttfts)) - 1] if ttfts else None,
    )


def cost_of_prediction(prediction: Prediction, items: int) -> RunCost:
    """What a run over so many items is predicted to cost."""
    return RunCost(
        items=items,
        requests=prediction.requests,
        computed_tokens=prediction.computed_tokens,
        prompt_tokens=prediction.prompt_tokens,
        whole_ms=prediction.makespan_ms,
        ttft_ms=prediction.ttft_ms_mean,
        ttft_ms_p95=prediction.ttft_ms_p95,
        label="predicted",
        times_label=prediction.times_label,
    )


def cost_of_point(point: Evaluation) -> RunCost:
    """What a point of the search is predicted to cost."""
    return RunCost(
        computed_tokens=point.computed_tokens,
        prompt_tokens=round(point.computed_tokens / (1 - point.token_hit_rate))
        if point.token_hit_rate < 1
        else None,
        whole_ms=point.makespan_ms,
        ttft_ms=point.ttft_ms,
        label="predicted",
        times_label=point.times_label,
    )


def cost_of_variant(variant: VariantReport) -> RunCost:
    """What a variant of a benchmark cost."""
    rate = variant.token_hit_rate
    return RunCost(
        requests=variant.requests,
        failures=variant.failures,
        computed_tokens=None if rate is None else round(variant.prompt_tokens * (1 - rate)),
        prompt_tokens=variant.prompt_tokens,
        output_tokens=variant.output_tokens,
        whole_ms=variant.elapsed_ms or None,
        ttft_ms=variant.ttft_ms.mean if variant.ttft_ms else None,
        ttft_ms_p95=variant.ttft_ms.p95 if variant.ttft_ms else None,
    )


def computed_tokens(record: RequestRecord) -> int | None:
    """The prompt tokens that were not reused; None where the server does not tell."""
    if record.prompt_tokens is None or record.reused_tokens is None:
        return None
    return record.prompt_tokens - record.reused_tokens


def is_as_written(variant: str, plan: Plan | None) -> bool:
    """Whether a run sent what the source has: no layout and no retention of a plan."""
    if variant == "baseline" or plan is None:
        return True
    as_written = NodePlan()
    return all(
        (node.layout, node.retention, node.cache_group, node.wording)
        == (as_written.layout, as_written.retention, as_written.cache_group, as_written.wording)
        for node in plan.nodes.values()
    )


def verdict(before: RunCost, after: RunCost) -> str:
    """What the second pays against the first, in words: tokens computed, time, and whether it is
    worth it.

    Empty where neither is known of both.
    """
    computed = _change(before.computed_tokens, after.computed_tokens)
    time = _change(before.whole_ms, after.whole_ms)
    if computed is None and time is None:
        return ""
    paid = "" if computed is None else f"computes {_more_or_less(computed, 'more', 'less')}"
    taken = "" if time is None else f"runs {_more_or_less(time, 'longer', 'shorter')}"
    words = ", ".join(part for part in (paid, taken) if part)
    if time is None:
        return f"{words}; how long it runs is not known"
    assumed = "assumed" in (before.times_label, after.times_label)
    return f"{words}: {_worth(computed, time)}" + (" (times assumed)" if assumed else "")


def _worth(computed: float | None, time: float) -> str:
    less = computed is not None and computed < -ABOUT_THE_SAME
    if time > ABOUT_THE_SAME:
        return "not worth it here"
    if time < -ABOUT_THE_SAME or less:
        return "worth it"
    if computed is not None and computed > ABOUT_THE_SAME:
        return "not worth it here"
    return "no difference that counts"


def _more_or_less(change: float, more: str, less: str) -> str:
    if abs(change) <= ABOUT_THE_SAME:
        return "as much" if more == "more" else "as long"
    if change >= 1:
        return f"{1 + change:.1f} times as {'much' if more == 'more' else 'long'}"
    return f"{abs(change):.0%} {more if change > 0 else less}".replace("%", " %")


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
            for figure in _FIGURES
        ),
        notes=tuple(_notes(before, after, enough=bool(intervals))),
    )


_FIGURES: Final[tuple[RunFigure, ...]] = (
    "computed_tokens",
    "whole_ms",
    "item_ms",
    "ttft_ms",
    "output_tokens",
    "token_hit_rate",
)


def _difference(
    figure: RunFigure, before: RunCost, after: RunCost, interval: Interval | None
) -> RunDifference:
    old, new = getattr(before, figure), getattr(after, figure)
    if figure == "token_hit_rate":
        change = new - old if old is not None and new is not None else None
    else:
        change = _change(old, new)
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
    for one in (before, after):
        if one.state != "done":
            notes.append(f"run {one.number} {one.state}: its figures are of what was done")
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
    groups: dict[int, list[RequestRecord]] = {}
    for record in requests:
        if record.error is None:
            groups.setdefault(record.item, []).append(record)
    return {number: _item(group) for number, group in groups.items()}


def _item(requests: Sequence[RequestRecord]) -> _Item:
    ends = [
        one.started_at + one.latency_ms / 1000 for one in requests if one.latency_ms is not None
    ]
    begin = min(one.started_at for one in requests)
    return _Item(
        computed=_known_sum([computed_tokens(one) for one in requests]),
        prompt=_known_sum([one.prompt_tokens for one in requests]),
        output=_known_sum([one.output_tokens for one in requests]),
        ttft=_known_sum([one.ttft_ms for one in requests]),
        requests=float(len(requests)),
        item_ms=(max(ends) - begin) * 1000 if len(ends) == len(requests) else math.nan,
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


def _change(before: float | None, after: float | None) -> float | None:
    return None if after is None or not before else after / before - 1


def _known_sum(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(sum(known)) if len(known) == len(values) else math.nan


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    told = [value for value in known if value is not None]
    return sum(told) if told and len(told) == len(known) else None


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
