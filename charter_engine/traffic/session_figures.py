"""What the requests of each session come to."""

from collections.abc import Sequence

from charter_engine.contracts.sessions import SessionTraffic
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.traffic.misses import Miss
from charter_engine.traffic.sessions import sessions_of


def sessions_traffic(
    records: Sequence[TrafficRecord], found: Sequence[Miss]
) -> tuple[SessionTraffic, ...]:
    """The sessions of some traffic, those that were active last first. `found` tells its misses."""
    misses = {miss.seen.name: miss for miss in found}
    groups: dict[str, list[TrafficRecord]] = {}
    for record, session in zip(records, sessions_of(records), strict=True):
        groups.setdefault(session, []).append(record)
    summed = [_summed(session, group, misses) for session, group in groups.items()]
    return tuple(sorted(summed, key=lambda one: -one.end))


def _summed(
    session: str, records: Sequence[TrafficRecord], misses: dict[tuple[str, float], Miss]
) -> SessionTraffic:
    counted = [record for record in records if record.computed_tokens is not None]
    missed = [
        miss
        for record in records
        if (miss := misses.get((str(record.sequence), record.at))) is not None and miss.parts.again
    ]
    return SessionTraffic(
        session=session,
        told=bool(records[0].session),
        source=records[0].source,
        sequences=tuple(record.sequence for record in records),
        failures=sum(bool(record.error) for record in records),
        begin=records[0].at,
        end=max(record.at + (record.total_ms or 0.0) / 1000 for record in records),
        nodes=tuple(dict.fromkeys(record.node for record in records)),
        prompt_tokens=sum(record.prompt_tokens or 0 for record in counted),
        computed_tokens=sum(record.computed_tokens or 0 for record in counted),
        output_tokens=sum(record.output_tokens or 0 for record in counted),
        again_tokens=sum(miss.parts.again for miss in missed),
        cause=missed[-1].cause.kind if missed else None,
    )
