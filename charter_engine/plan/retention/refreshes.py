"""What a retention refresh is worth: prompt tokens that it is predicted to save, beside what it
costs the engine; and which are sent beside the requests of a workload."""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

import numpy as np

from charter_engine.bls.refresh_timing import LONGEST_S, PATIENCE_S, PAUSE_S, may_go
from charter_engine.bls.reuse_times import RefreshWorth
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.reuse_times import RefreshCost
from charter_engine.kvcache.predict.latency import from_first_principles
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.distribution import EDGES, Floats, ReuseTimes
from charter_engine.plan.retention.features import Ints, by_session
from charter_engine.plan.retention.scale import Scale

PRICES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""The price of memory rises and falls with what is under way: a refresh is worth its mean over
these multiples."""


def refresh_cost(latency: LatencyModel) -> RefreshCost:
    """What the iteration of a refresh costs, as if nothing else ran in it. Times measured on short
    prompts may not tell what a token of prefill takes: then it is that of the first principles."""
    if not latency.prefill_per_token:
        latency = from_first_principles()
    per_token = latency.prefill_per_token
    return RefreshCost(latency.step_ms(0) / per_token, latency.decode_per_context / per_token)


ASSUMED_COST = refresh_cost(from_first_principles())


def refresh_worth(levels: Sequence[ReuseTimes], measure: Scale, cost: RefreshCost) -> RefreshWorth:
    """What refreshes between retention levels with these reuse times save.

    Blocks of a level are held until their worth falls below the price. What that gains in hits,
    less the price of the time they are held, is most by their own reuse times; a refresh saves what
    it is less by those of the level before, or by nothing where nothing was asked.
    """
    used, held = (np.array(both) for both in zip(*map(_used_and_held, levels), strict=True))
    rates = [times.rates(measure.horizon_s) for times in levels]
    gains = np.zeros((len(levels) + 1, len(levels)))
    for multiple in PRICES:
        price = measure.price * multiple
        worth = used - price * held
        until = [_last_age(own >= price) for own in rates]
        own = np.array([worth[level, age] for level, age in enumerate(until)])
        # By the level before, then by the level itself.
        gains[:-1] += np.maximum(own - worth[:, until].T, 0.0)
        gains[-1] += np.maximum(own, 0.0)
    rows = np.round(gains / len(PRICES), 6).tolist()
    return RefreshWorth(tuple(map(tuple, rows)), cost.tokens, cost.per_token)


class Refresh(NamedTuple):
    """A refresh that is sent so long behind its answer, and the tokens it saves for the time that
    computing one takes."""

    after_s: float
    worth: float


def refreshes_sent(
    workload: Workload, worth: RefreshWorth, sent: Ints, answered: Ints
) -> dict[int, Refresh]:
    """The refreshes behind a workload's requests, by index, from the level each was sent with to
    that of its answer (-1: nothing is asked).

    Each waits as it does in a deployment that serves the workload in the times it tells, for a
    moment at which it is worth sending. The session's next request, or its longest wait, ends that.
    """
    answered_s = (workload.arrival_ms + _served_ms(workload)) / 1000.0
    end_s = np.minimum(_next_arrival_s(workload), answered_s + LONGEST_S)
    under_way = _UnderWay(workload.arrival_ms / 1000.0, answered_s)
    each = zip(sent.tolist(), answered.tolist(), workload.input_length.tolist(), strict=True)
    saved = np.array(
        [
            0.0 if before == after else worth.saved(None if before < 0 else before, after, length)
            for before, after, length in each
        ]
    )
    cost = worth.tokens + worth.per_token * workload.input_length
    found = {}
    for index in np.flatnonzero(saved > cost).tolist():
        waited_s, counts = under_way.during(answered_s[index], end_s[index])
        goes = np.flatnonzero(may_go(saved[index], cost[index], waited_s, counts))
        if len(goes):
            tokens_saved = float(saved[index] / cost[index]) if cost[index] else inf
            found[index] = Refresh(float(waited_s[goes[0]]), tokens_saved)
    return found


def _served_ms(workload: Workload) -> Floats:
    served = workload.served_ms
    return np.zeros(len(workload)) if served is None else np.nan_to_num(served)


def _next_arrival_s(workload: Workload) -> Floats:
    """When the next request of each one's session arrives."""
    found = np.full(len(workload), np.inf)
    for requests in by_session(workload):
        found[requests[:-1]] = workload.arrival_ms[requests[1:]] / 1000.0
    return found


class _UnderWay:
    """How many requests are under way, in order of time."""

    def __init__(self, arrival_s: Floats, answered_s: Floats) -> None:
        self._times = np.unique(np.concatenate((arrival_s, answered_s)))
        arrived, left = (
            np.searchsorted(np.sort(times), self._times, side="right")
            for times in (arrival_s, answered_s)
        )
        self._counts = arrived - left

    def during(self, answered_s: float, end_s: float) -> tuple[Floats, Ints]:
        """How long behind an answer a refresh may become due, up to an end, that excluded, and how
        many requests are under way from then on."""
        times = self._times[slice(*np.searchsorted(self._times, (answered_s, end_s), side="left"))]
        waited_s = np.concatenate((times - answered_s, (PAUSE_S, PATIENCE_S)))
        moments = np.concatenate((times, (answered_s + PAUSE_S, answered_s + PATIENCE_S)))
        order = np.argsort(moments)
        order = order[moments[order] < end_s]
        places = np.searchsorted(self._times, moments[order], side="right") - 1
        return waited_s[order], self._counts[places]


def _used_and_held(times: ReuseTimes) -> tuple[Floats, Floats]:
    """For each of `EDGES` the chance of a use until then, and the mean time held for it, at most
    that long."""
    used = np.concatenate(([0.0], np.cumsum(times.counts))) / max(times.total, 1e-9)
    beyond = 1.0 - used
    held = np.concatenate(([0.0], np.cumsum((beyond[1:] + beyond[:-1]) / 2 * np.diff(EDGES))))
    return used, held


def _last_age(is_held: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """The edge until which blocks are held; 0 where they are not."""
    ages = np.flatnonzero(is_held)
    return int(ages[-1]) + 1 if len(ages) else 0
