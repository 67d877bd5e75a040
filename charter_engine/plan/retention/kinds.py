"""Kinds of reuse and the edges between calls: what the graph says of them, and what recorded
sessions do."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from charter_engine.bls.features import LONG_GAP_S
from charter_engine.contracts.figures import Label
from charter_engine.contracts.graph import Call
from charter_engine.contracts.reuse_times import ReuseKind, ReuseTime
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.distribution import ReuseTimes, from_times

Ints = NDArray[np.int64]

TOOL_PAUSE_S = 0.25
"""A pause between two requests that an agent's own code does not take: *assumed*."""
MOST_EDGES = 256
"""Edges beyond the most travelled ones are left out of a model."""
MOST_TARGETS = 32
"""No reuse time is counted for calls that come later than so many others."""


class EdgeReuse(Struct, frozen=True):
    """Reuse times from a request of call `source` to the session's next of call `target`.

    Never, if `source` or the end of the session comes first.
    """

    source: str
    target: str
    times: ReuseTimes = field(name="gaps")


def kind_of(source: Call, target: Call) -> ReuseKind:
    """What the graph says of the reuse time between two calls of one run."""
    if source.id == target.id:
        return "fan-out" if source.fanout else "loop back"
    carried = {
        dependency.carried for dependency in target.depends_on if dependency.call == source.id
    }
    if carried == {"loop"}:
        return "loop back"
    if target.fanout:
        return "fan-out"
    return "tool" if "tools" in source.parameters else "chain"


def learnt_kinds(workload: Workload, sessions: Sequence[Ints]) -> dict[ReuseKind, ReuseTimes]:
    """The reuse times from each request to the next of its session, by what must have lain between
    them.

    Where serving times were not recorded, no tool is told from the agent's own steps.
    """
    reuse_times: dict[ReuseKind, list[float]] = {}
    for requests in sessions:
        arrival = workload.arrival_ms[requests] / 1000.0
        gaps = np.diff(arrival)
        unknown = np.full(len(requests), np.nan)
        served = unknown if workload.served_ms is None else workload.served_ms[requests] / 1000.0
        pauses = gaps - served[:-1]
        again = workload.node[requests[1:]] == workload.node[requests[:-1]]
        for gap, pause, same in zip(gaps.tolist(), pauses.tolist(), again.tolist(), strict=True):
            reuse_times.setdefault(_kind_of_pause(gap, pause, same_node=same), []).append(gap)
    return {kind: from_times(found) for kind, found in reuse_times.items()}


def _kind_of_pause(gap_s: float, pause_s: float, *, same_node: bool) -> ReuseKind:
    if pause_s > LONG_GAP_S or (np.isnan(pause_s) and gap_s > LONG_GAP_S):
        return "human"
    if pause_s > TOOL_PAUSE_S:
        return "tool"
    if pause_s < 0:
        return "fan-out"
    return "loop back" if same_node else "chain"


def learnt_edges(workload: Workload, sessions: Sequence[Ints]) -> tuple[EdgeReuse, ...]:
    """The edges that were travelled, most travelled first."""
    reuse_times: dict[tuple[int, int], list[float]] = {}
    for requests in sessions:
        soonest: dict[int, float] = {}
        for place in range(len(requests) - 1, -1, -1):
            node, now = (
                int(workload.node[requests[place]]),
                float(workload.arrival_ms[requests[place]]) / 1000.0,
            )
            for target, then in islice(reversed(soonest.items()), MOST_TARGETS):
                reuse_times.setdefault((node, target), []).append(then - now)
                if target == node:
                    break
            soonest.pop(node, None)
            soonest[node] = now
    seen = np.bincount(workload.node[np.concatenate(sessions)], minlength=len(workload.nodes))
    travelled = sorted(reuse_times, key=lambda edge: -len(reuse_times[edge]))[:MOST_EDGES]
    return tuple(_edge(workload, edge, reuse_times[edge], int(seen[edge[0]])) for edge in travelled)


def _edge(
    workload: Workload, edge: tuple[int, int], reuse_times: Sequence[float], requests: int
) -> EdgeReuse:
    times = from_times(reuse_times)
    never = times.never + requests - len(reuse_times)
    return EdgeReuse(
        workload.nodes[edge[0]], workload.nodes[edge[1]], ReuseTimes(times.counts, never)
    )


def in_figures(times: ReuseTimes, label: Label) -> ReuseTime:
    """A distribution as it is told."""
    median = times.median()
    return ReuseTime(
        requests=round(times.total),
        median_s=round(median, 3) if np.isfinite(median) else None,
        never_share=round(times.never_share, 4),
        spread=round(times.spread(), 3),
        label=label,
    )
