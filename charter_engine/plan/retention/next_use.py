"""Policy `next-use` for a stream of requests: each asks for what its own session's past makes
likely."""

import numpy as np

from charter_engine.bls.retention import DEFAULT, Retention
from charter_engine.bls.reuse_times import NodeRules, last_rule
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.distribution import ReuseTimes, soonest
from charter_engine.plan.retention.features import Ints
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.refreshes import refresh_worth
from charter_engine.plan.retention.scale import PRICING, Pricing, Scale, scale

TAIL_TOKENS = 512
"""A tail that sessions leave behind is told apart from the rest if it is longer than this."""


def records(
    workload: Workload, model: ReuseTimeModel, pricing: Pricing = PRICING
) -> dict[int, Retention]:
    """What each request asks for in the end, by index. Requests without a session ask for nothing.

    Each is decided on the past of its own session and on the model alone.
    Decided at `answered`, its answer counts, too, as if what the retention refresh asks for had
    been asked at once.
    """
    return records_in_two(workload, model, pricing)[1]


def records_in_two(
    workload: Workload, model: ReuseTimeModel, pricing: Pricing = PRICING
) -> tuple[dict[int, Retention], dict[int, Retention]]:
    """What each request asks for when it is sent, and what stands for it in the end."""
    measure = scale(model.everything, model.levels, pricing)
    worth = refresh_worth(model.levels, measure, model.refresh_cost)
    rules = [measure.rule(times) for times in model.levels]
    nodes = [node_rules(name, model, measure) for name in workload.nodes]

    def retention(level: int, node: NodeRules, length: int) -> Retention:
        own = rules[level]
        generated = last_rule(own) if pricing.last_tokens else own
        ranges = node.ranges(own, length, pricing.last_tokens)
        return Retention(ranges, generated.priority, generated.duration_ms)

    def asked(levels: Ints) -> dict[int, Retention]:
        return {
            index: retention(level, nodes[workload.node[index]], int(workload.input_length[index]))
            for index, level in enumerate(levels.tolist())
            if level >= 0
        }

    sent, answered = model.levels_of(workload)
    each = zip(sent.tolist(), answered.tolist(), workload.input_length.tolist(), strict=True)
    stays = [
        before == after or not worth.pays(before if before >= 0 else None, after, length)
        for before, after, length in each
    ]
    return asked(sent), asked(np.where(stays, sent, answered))


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
