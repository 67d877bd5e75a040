"""What requests that passed through a deployment came to."""

from collections.abc import Sequence
from statistics import fmean

from charter_engine.contracts.deploy import ServedFigures
from charter_engine.contracts.traffic import TrafficRecord


def served_figures(records: Sequence[TrafficRecord]) -> ServedFigures | None:
    """Requests, failures and means; None where there are no requests."""
    if not records:
        return None
    answered = [record for record in records if not record.error]
    return ServedFigures(
        begin=min(record.at for record in records),
        end=max(record.at for record in records),
        requests=len(records),
        failures=len(records) - len(answered),
        computed_tokens=_mean([record.computed_tokens for record in answered]),
        ttft_ms=_mean([record.ttft_ms for record in answered]),
        total_ms=_mean([record.total_ms for record in answered]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
