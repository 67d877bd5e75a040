"""Requests with the follow-ups that answers call for, as a deployment would send them."""

from dataclasses import dataclass, replace

import numpy as np

from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.kvcache.workload.columns import Ints, Workload
from charter_engine.plan.retention.demotions import demotions
from charter_engine.plan.retention.features import by_session
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.next_use import Decisions
from charter_engine.plan.retention.scale import PRICING, Pricing


@dataclass(frozen=True)
class FollowedUp:
    """The requests with what follows them up. `own` and `demotions` tell which of them are the
    workload's own, and which rank prompts below all others, by index."""

    workload: Workload
    own: Ints
    demotions: Ints


def with_follow_ups(
    workload: Workload,
    model: ReuseTimeModel,
    pricing: Pricing = PRICING,
    room: PoolRoom | None = None,
) -> FollowedUp:
    """The requests as sent and, as requests of their own over the same prompts, the follow-ups that
    answers call for, and in a pool of this room those that demote prompts.

    There is no follow-up where the session's next request came before the answer. Each stands right
    behind its request: for predictions in which requests end as they arrive, and in which blocks
    would otherwise lie idle while in truth they are in use.
    """
    decisions = Decisions(workload, ((np.arange(len(workload)), model),))
    sent, final = decisions.asked(pricing)
    demoted = demotions(decisions, pricing, room) if room is not None else []
    served = (
        np.zeros(len(workload)) if workload.served_ms is None else np.nan_to_num(workload.served_ms)
    )
    answered = workload.arrival_ms + served
    following = np.full(len(workload), np.inf)
    for requests in by_session(workload):
        following[requests[:-1]] = workload.arrival_ms[requests[1:]]
    again = [
        index
        for index in final
        if final[index] != sent.get(index) and answered[index] <= following[index]
    ]
    count, ranked = len(workload), len(workload) + len(again)
    chosen = np.array([*range(count), *again, *(one.request for one in demoted)], dtype=np.int64)
    behind = np.array([*range(count), *again, *(one.behind for one in demoted)], dtype=np.int64)
    retention = (
        sent
        | {count + place: final[index] for place, index in enumerate(again)}
        | {ranked + place: one.asked for place, one in enumerate(demoted)}
    )
    length = workload.input_length[chosen]
    length[ranked:] = [one.tokens for one in demoted]
    order = np.argsort(behind, kind="stable")
    found = replace(
        workload.select(chosen),
        arrival_ms=workload.arrival_ms[behind],
        input_length=length,
        # What units tell beyond a part of a prompt is none of its answer.
        output_length=np.zeros(len(chosen), dtype=np.int64),
        retention=retention,
    ).select(order)
    return FollowedUp(found, np.flatnonzero(order < count), np.flatnonzero(order >= ranked))
