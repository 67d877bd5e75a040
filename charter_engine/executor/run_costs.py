"""What runs cost, measured or predicted, and the verdict in words that every report gives."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Final

from charter_engine.contracts.benching import VariantReport
from charter_engine.contracts.costs import RunCost, Verdict
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.planning import Evaluation

ABOUT_THE_SAME: Final = 0.02
"""Relative difference below which two runs count as alike."""


def cost_of_run(requests: Sequence[RequestRecord], items: int, elapsed_ms: float) -> RunCost:
    """What a run over so many items cost, by its requests that were answered."""
    answered = [one for one in requests if one.error is None]
    times = [item_time(group) for group in by_item(answered).values()]
    ttfts = sorted(one.ttft_ms for one in answered if one.ttft_ms is not None)
    return RunCost(
        items=items,
        requests=len(answered),
        failures=len(requests) - len(answered),
        computed_tokens=_sum(one.computed_tokens for one in answered),
        prompt_tokens=_sum(one.prompt_tokens for one in answered),
        output_tokens=_sum(one.output_tokens for one in answered),
        whole_ms=elapsed_ms,
        item_ms=_mean([time for time in times if time is not None]),
        ttft_ms=_mean(ttfts),
        ttft_ms_p95=ttfts[math.ceil(0.95 * len(ttfts)) - 1] if ttfts else None,
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


def verdict(before: RunCost, after: RunCost) -> Verdict:
    """What the second pays against the first: tokens computed, time, and whether it is worth it."""
    computed = relative_change(before.computed_tokens, after.computed_tokens)
    time = relative_change(before.whole_ms, after.whole_ms)
    if computed is None and time is None:
        return Verdict()
    paid = "" if computed is None else f"computes {_more_or_less(computed, 'more', 'less')}"
    taken = "" if time is None else f"runs {_more_or_less(time, 'longer', 'shorter')}"
    words = ", ".join(part for part in (paid, taken) if part)
    if time is None:
        return Verdict(f"{words}; how long it runs is not known")
    assumed = "assumed" in (before.times_label, after.times_label)
    worth = _is_worth(computed, time)
    told = {True: "worth it", False: "not worth it here", None: "no difference that counts"}[worth]
    return Verdict(f"{words}: {told}" + (" (times assumed)" if assumed else ""), worth)


def _is_worth(computed: float | None, time: float) -> bool | None:
    """Time decides; where it is alike, what is computed."""
    for change in (time, computed or 0.0):
        if abs(change) > ABOUT_THE_SAME:
            return change < 0
    return None


def _more_or_less(change: float, more: str, less: str) -> str:
    if abs(change) <= ABOUT_THE_SAME:
        return "as much" if more == "more" else "as long"
    if change >= 1:
        return f"{1 + change:.1f} times as {'much' if more == 'more' else 'long'}"
    return f"{abs(change):.0%} {more if change > 0 else less}".replace("%", " %")


def by_item(requests: Iterable[RequestRecord]) -> dict[int, list[RequestRecord]]:
    """The requests that were answered, by the item they belong to."""
    groups: dict[int, list[RequestRecord]] = {}
    for record in requests:
        if record.error is None:
            groups.setdefault(record.item, []).append(record)
    return groups


def item_time(requests: Sequence[RequestRecord]) -> float | None:
    """Milliseconds from an item's first request to its last answer; None where one is not told."""
    begin = min(one.started_at for one in requests)
    ends = [
        one.started_at + one.latency_ms / 1000 for one in requests if one.latency_ms is not None
    ]
    return (max(ends) - begin) * 1000 if len(ends) == len(requests) else None


def relative_change(before: float | None, after: float | None) -> float | None:
    """By how much the second is more than the first, as a share of the first; None where that says
    nothing."""
    return None if after is None or not before else after / before - 1


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    told = [value for value in known if value is not None]
    return sum(told) if told and len(told) == len(known) else None


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
