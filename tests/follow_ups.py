"""Requests with the follow-ups that answers call for, as a deployment would send them."""

from dataclasses import replace

import numpy as np

from charter_engine.kvcache.workload.columns import Ints, Workload
from charter_engine.plan.retention.features import by_session
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.next_use import records_in_two
from charter_engine.plan.retention.scale import PRICING, Pricing


def with_follow_ups(
    workload: Workload, model: ReuseTimeModel, pricing: Pricing = PRICING
) -> tuple[Workload, Ints]:
    """The requests as sent and, as requests of their own over the same prompts, the follow-ups that
    answers call for.

    Also tells which of them are the workload's own, by index. There is no follow-up where the
    session's next request came before the answer. Each stands right behind its request: for
    predictions in which requests end as they arrive, and in which blocks would otherwise lie idle
    while in truth they are in use. Prompts end where their known content does, for a follow-up
    finds what its request left, whatever it is.
    """
    sent, final = records_in_two(workload, model, pricing)
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
    own = np.arange(len(workload))
    doubled = workload.select(np.concatenate((own, np.array(again, dtype=np.int64))))
    arrival = np.concatenate((workload.arrival_ms, workload.arrival_ms[again]))
    order = np.argsort(arrival, kind="stable")
    retention = sent | {len(workload) + place: final[index] for place, index in enumerate(again)}
    known = np.diff(doubled.unit_offset) * doubled.unit_tokens
    length = np.where(known > 0, np.minimum(doubled.input_length, known), doubled.input_length)
    found = replace(doubled, arrival_ms=arrival, input_length=length, retention=retention).select(
        order
    )
    return found, np.flatnonzero(order < len(workload))
