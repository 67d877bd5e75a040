"""What the latest requests of each call computed: what its totals grew by between two looks."""

from collections.abc import Iterable
from itertools import zip_longest
from statistics import fmean
from typing import Final, NamedTuple

from charter_engine.contracts.gauges import Nodes
from charter_engine.contracts.live import NodeStats

KEPT_LOOKS: Final = 10
"""Derived: the cells of the column `TREND`."""

Trend = tuple[float, ...]
"""Prompt tokens computed a request, the latest last."""


class Trends(NamedTuple):
    """A trend for each of `Nodes.nodes` and `Nodes.traffic`, in their order."""

    nodes: tuple[Trend, ...] = ()
    traffic: tuple[Trend, ...] = ()


NO_TRENDS: Final = Trends()


def grown(trends: Trends, before: Nodes | None, after: Nodes) -> Trends:
    """The trends with what came to the totals since `before`."""
    known = before or Nodes(())
    return Trends(
        _grown(trends.nodes, known.nodes, after.nodes),
        _grown(trends.traffic, known.traffic, after.traffic),
    )


def of_all(trends: Iterable[Trend]) -> Trend:
    """The mean of several calls' trends, the latest of each with each other."""
    from_the_latest = zip_longest(*(reversed(trend) for trend in trends))
    means = [fmean(one for one in beside if one is not None) for beside in from_the_latest]
    return tuple(reversed(means))


def _grown(
    trends: tuple[Trend, ...], before: tuple[NodeStats, ...], after: tuple[NodeStats, ...]
) -> tuple[Trend, ...]:
    if not len(trends) == len(before) == len(after):
        return tuple(_with((), NodeStats(node=stats.node), stats) for stats in after)
    return tuple(
        trend if old is new else _with(trend, old, new)
        for trend, old, new in zip(trends, before, after, strict=True)
    )


def _with(trend: Trend, old: NodeStats, new: NodeStats) -> Trend:
    """A trend that goes on; it begins anew where the totals were counted from nothing again."""
    if old.node != new.node or new.requests < old.requests:
        trend, old = (), NodeStats(node=new.node)
    requests = new.requests - old.requests
    told = new.told_tokens - old.told_tokens
    if not requests or not told:
        return trend
    return (*trend, (told - new.reused_tokens + old.reused_tokens) / requests)[-KEPT_LOOKS:]
