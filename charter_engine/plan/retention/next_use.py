"""Policy `next-use` for a stream of requests: each asks for what its own session's past makes
likely."""

from dataclasses import replace

import numpy as np

from charter_engine.bls.retention import DEFAULT, Retention, Rule
from charter_engine.bls.reuse_times import NodeRules
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.distribution import ReuseTimes, soonest
from charter_engine.plan.retention.features import Ints, by_session
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.scale import PRICE, Scale, scale

TAIL_TOKENS = 512
"""A tail that sessions leave behind is told apart from the rest if it is longer than this."""


def records(
    workload: Workload, model: ReuseTimeModel, price: float = PRICE
) -> dict[int, Retention]:
    """What each request asks for in the end, by index. Requests without a session ask for nothing.

    Each is decided on the past of its own session and on the model alone.
    Decided at `answered`, its answer counts, too, as if what the retention refresh asks for had
    been asked at once.
    """
    return records_in_two(workload, model, price)[1]


def records_in_two(
    workload: Workload, model: ReuseTimeModel, price: float = PRICE
) -> tuple[dict[int, Retention], dict[int, Retention]]:
    """What each request asks for when it is sent, and what stands for it in the end."""
    measure = scale(model.everything, model.levels, price)
    rules = [measure.rule(times) for times in model.levels]
    nodes = [node_rules(name, model, measure) for name in workload.nodes]

    def asked(levels: Ints) -> dict[int, Retention]:
        return {
            index: _retention(
                rules[level], nodes[workload.node[index]], int(workload.input_length[index])
            )
            for index, level in enumerate(levels.tolist())
            if level >= 0
        }

    sent, final = model.levels_of(workload)
    return asked(sent), asked(final)


def with_follow_ups(
    workload: Workload, model: ReuseTimeModel, price: float = PRICE
) -> tuple[Workload, Ints]:
    """The requests as sent and, as requests of their own over the same prompts, the follow-ups that
    answers call for.

    Also tells which of them are the workload's own, by index. There is no follow-up where the
    session's next request came before the answer. Each stands right behind its request: for
    predictions in which requests end as they arrive, and in which blocks would otherwise lie idle
    while in truth they are in use. Prompts end where their known content does, for a follow-up
    finds what its request left, whatever it is.
    """
    sent, final = records_in_two(workload, model, price)
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


def node_rules(node: str, model: ReuseTimeModel, measure: Scale) -> NodeRules:
    """What is asked for a node's prompts besides the session's own."""
    seen = model.nodes.get(node)
    if seen is None:
        return NodeRules(model.forest.start)
    tail = seen.tail_tokens if seen.tail_tokens > TAIL_TOKENS else 0
    shared = measure.rule(_either(seen.own, seen.shared)) if seen.shared_tokens else DEFAULT
    return NodeRules(seen.score, seen.shared_tokens, shared, tail)


def _either(own: ReuseTimes, shared: ReuseTimes) -> ReuseTimes:
    return soonest(own, shared) if own.total and shared.total else own


def _retention(own: Rule, node: NodeRules, length: int) -> Retention:
    return Retention(node.ranges(own, length), own.priority, own.duration_ms)
