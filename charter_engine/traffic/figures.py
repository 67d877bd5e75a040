"""What passed, added up by node."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from charter_engine.contracts.traffic import NodeTraffic, TrafficRecord, TrafficSummary
from charter_engine.traffic.sessions import sessions_of

P95 = 0.95


def summary_of(records: Sequence[TrafficRecord], lost: int = 0) -> TrafficSummary:
    """All that passed: by node, and by reason where requests belong to none."""
    return TrafficSummary(
        requests=len(records),
        sessions=len(set(sessions_of(records))),
        begin=min((record.at for record in records), default=None),
        end=max((record.at for record in records), default=None),
        lost=lost,
        nodes=by_node(records),
    )


def by_node(records: Iterable[TrafficRecord]) -> tuple[NodeTraffic, ...]:
    """What passed of each node, those with the most computed tokens first."""
    groups: dict[tuple[str, str], list[TrafficRecord]] = {}
    for record in records:
        groups.setdefault((record.node, record.unmatched), []).append(record)
    found = [_added_up(node, why, group) for (node, why), group in groups.items()]
    return tuple(sorted(found, key=lambda item: -(item.computed_tokens or 0)))


def _added_up(node: str, unmatched: str, records: Sequence[TrafficRecord]) -> NodeTraffic:
    answered = [record for record in records if not record.error]
    ttft = [record.ttft_ms for record in answered if record.ttft_ms is not None]
    total = [record.total_ms for record in answered if record.total_ms is not None]
    return NodeTraffic(
        node=node,
        unmatched=unmatched,
        requests=len(records),
        failures=len(records) - len(answered),
        prompt_tokens=sum(record.prompt_tokens or 0 for record in answered),
        computed_tokens=_sum(record.computed_tokens for record in answered),
        reused_tokens=_sum(record.reused_tokens for record in answered),
        output_tokens=sum(record.output_tokens or 0 for record in answered),
        ttft_ms_mean=_mean(ttft),
        ttft_ms_p95=_p95(ttft),
        total_ms_mean=_mean(total),
        total_ms_p95=_p95(total),
        sources=dict(Counter(record.source for record in records)),
        forms=dict(Counter(record.form for record in records if record.form)),
        laid_out=sum(record.laid_out for record in records),
        layout_reasons=dict(
            Counter(record.layout_reason for record in records if record.layout_reason)
        ),
    )


def _sum(values: Iterable[int | None]) -> int | None:
    """None where nothing is known."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _p95(values: Sequence[float]) -> float | None:
    return sorted(values)[min(len(values) - 1, int(P95 * len(values)))] if values else None
