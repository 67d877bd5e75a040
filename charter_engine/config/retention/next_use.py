"""Policy `next-use` for a stream of requests: each asks for what its own session's past makes likely."""

from charter_engine.config.retention.distribution import Gaps, soonest
from charter_engine.config.retention.model import GapModel
from charter_engine.config.retention.scale import DEFAULT, NEVER_AGAIN, PRICE, Rule, Scale, scale
from charter_engine.contracts.workload import RetentionRecord, TokenRangeRecord
from charter_engine.kvcache.workload import Workload

TAIL_TOKENS = 512
"""A tail that sessions leave behind is told apart from the rest if it is longer than this."""


def records(workload: Workload, model: GapModel, price: float = PRICE) -> dict[int, RetentionRecord]:
    """What each request asks for, by index. Requests without a session ask for nothing.

    Each is decided on the past of its own session and on the model alone.
    """
    measure = scale(model.everything, model.rungs, price)
    rules = [measure.rule(gaps) for gaps in model.rungs]
    parts = {name: parts_of(name, model, measure) for name in workload.nodes}
    return {
        index: _record(int(workload.input_length[index]), rules[rung], *parts[workload.nodes[workload.node[index]]])
        for index, rung in enumerate(model.rungs_of(workload).tolist())
        if rung >= 0
    }


def parts_of(node: str, model: GapModel, measure: Scale) -> tuple[int, Rule, int]:
    """How many leading tokens other sessions use too and what they ask for, and how many trailing ones nobody does."""
    if node not in model.nodes:
        return 0, DEFAULT, 0
    seen = model.nodes[node]
    tail = seen.tail_tokens if seen.tail_tokens > TAIL_TOKENS else 0
    if seen.shared_tokens == 0:
        return 0, DEFAULT, tail
    return seen.shared_tokens, measure.rule(_either(seen.own, seen.shared)), tail


def _either(own: Gaps, shared: Gaps) -> Gaps:
    return soonest(own, shared) if own.total and shared.total else own


def _record(length: int, own: Rule, shared_tokens: int, shared: Rule, tail_tokens: int) -> RetentionRecord:
    """Ranges from the head: shared, the session's own, the tail. A head never ranks below what hangs below it."""
    if shared.priority < own.priority:
        shared = own
    shared_end = min(shared_tokens, length)
    tail_start = max(length - tail_tokens, shared_end)
    ranges = tuple(
        TokenRangeRecord(
            start=start,
            end=None if end >= length else end,
            priority=rule.priority,
            duration_ms=rule.duration_ms,
        )
        for start, end, rule in (
            (0, shared_end, shared),
            (shared_end, tail_start, own),
            (tail_start, length, NEVER_AGAIN),
        )
        if start < end
    )
    return RetentionRecord(ranges=ranges, decode_priority=own.priority, decode_duration_ms=own.duration_ms)
