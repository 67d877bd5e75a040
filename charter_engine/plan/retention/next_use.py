"""Policy `next-use` for a stream of requests: each asks for what its own session's past makes
likely."""

import numpy as np

from charter_engine.bls.retention import DEFAULT, Retention, Rule
from charter_engine.bls.reuse_times import NodeRules, last_rule
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.distribution import ReuseTimes, soonest
from charter_engine.plan.retention.features import Floats, Ints
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.refreshes import refresh_worth, refreshed
from charter_engine.plan.retention.scale import PRICING, Pricing, Scale, scale

STEPS_A_DECADE = 8
TAIL_TOKENS = 512
"""A tail that sessions leave behind is told apart from the rest if it is longer than this."""


def records(
    workload: Workload, model: ReuseTimeModel, pricing: Pricing = PRICING, *, at_once: bool = True
) -> dict[int, Retention]:
    """What each request asks for in the end, by index. Requests without a session ask for nothing.

    Each is decided on the past of its own session and on the model alone.
    Decided at `answered`, its answer counts, too, as if what the retention refresh asks for had
    been asked at once.
    """
    return records_in_two(workload, model, pricing, at_once=at_once)[1]


def records_in_two(
    workload: Workload, model: ReuseTimeModel, pricing: Pricing = PRICING, *, at_once: bool = True
) -> tuple[dict[int, Retention], dict[int, Retention]]:
    """What each request asks for when it is sent, and what stands for it in the end.

    `at_once` is for predictions in which requests end as they arrive: there blocks lie idle while
    in truth their request is served, which counts as waiting. Else it is what a deployment asks
    for, whose blocks are in use until the answer.
    """
    served = _on_grid(model.served(workload)) if at_once else np.zeros(len(workload))
    own = _OwnRules(model, pricing, at_once=at_once)
    worth = refresh_worth(model.levels, own.measure, model.refresh_cost)
    nodes = [node_rules(name, model, own.measure) for name in workload.nodes]

    def retention(index: int, level: int) -> Retention:
        rule = own.rule(level, float(served[index]))
        generated = last_rule(rule) if pricing.last_tokens else rule
        node, length = nodes[workload.node[index]], int(workload.input_length[index])
        ranges = node.ranges(rule, length, pricing.last_tokens)
        return Retention(ranges, generated.priority, generated.duration_ms)

    def asked(levels: Ints) -> dict[int, Retention]:
        return {
            index: retention(index, level)
            for index, level in enumerate(levels.tolist())
            if level >= 0
        }

    sent, answered = model.levels_of(workload)
    again = refreshed(workload, worth, sent, answered)
    return asked(sent), asked(np.where(again, answered, sent))


class _OwnRules:
    """What sessions' own parts of prompts ask for, by retention level and seconds served."""

    def __init__(self, model: ReuseTimeModel, pricing: Pricing, *, at_once: bool) -> None:
        served_s = model.served_s if at_once else (0.0,)
        parts = [times.after(seconds) for seconds in served_s for times in model.levels]
        self.measure = scale(model.everything, parts, pricing)
        self._levels = model.levels
        self._rules: dict[tuple[int, float], Rule] = {}

    def rule(self, level: int, served_s: float) -> Rule:
        """The rule of a level, for blocks that wait for so long before reuse times begin to run."""
        if (level, served_s) not in self._rules:
            times = self._levels[level].after(served_s)
            self._rules[level, served_s] = self.measure.rule(times)
        return self._rules[level, served_s]


def _on_grid(seconds: Floats) -> Floats:
    """Times rounded so that there are few of them: to a third, and 0 below half a second."""
    rounded = 10 ** (np.round(np.log10(np.maximum(seconds, 0.5)) * STEPS_A_DECADE) / STEPS_A_DECADE)
    found: Floats = np.where(seconds < 0.5, 0.0, rounded)
    return found


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
