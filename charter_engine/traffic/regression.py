"""Whether requests went worse after a push than before: by the records of a deployment's tap.

Nodes differ more from each other than any push makes them differ: so each request is measured
against the mean that its own node had before, and only then are they put together. Requests are
taken as independent of each other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from charter_engine.contracts.deploy import WatchedQuality
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.contracts.trial import ERROR_RATE
from charter_engine.traffic.sequential import (
    LEAST_UNITS,
    Excess,
    Margin,
    Sample,
    examine,
    sample_of,
)

FAILURES = "failures"
QUALITIES: Mapping[str, Callable[[TrafficRecord], float | None]] = {
    "computed tokens": lambda record: record.computed_tokens,
    "first token": lambda record: record.ttft_ms,
    "whole request": lambda record: record.total_ms,
}
"""Of requests that were answered. More is worse."""
SHARE_OF_ERRORS = ERROR_RATE / (len(QUALITIES) + 1)
"""Bonferroni: each quality, and the failures, get their part."""


@dataclass(frozen=True)
class RequestComparison:
    """The qualities of two groups of requests, and whether there are enough to tell."""

    qualities: tuple[WatchedQuality, ...]
    before: int
    after: int
    left_out: int

    @property
    def is_possible(self) -> bool:
        """Whether there are enough requests in both groups."""
        return min(self.before, self.after - self.left_out) >= LEAST_UNITS

    @property
    def worse(self) -> tuple[WatchedQuality, ...]:
        """What became worse by more than the margin."""
        return tuple(quality for quality in self.qualities if quality.worse)


def compare(
    before: Sequence[TrafficRecord], after: Sequence[TrafficRecord], margin: float
) -> RequestComparison:
    """All qualities. `margin` is a share: 0.05 lets each become 5 % worse, and failures 5 of 100
    requests more."""
    known = {record.node for record in before}
    fresh = [record for record in after if record.node in known]
    measured = tuple(
        _quality(name, measure, before, fresh, margin) for name, measure in QUALITIES.items()
    )
    return RequestComparison(
        qualities=(*measured, _failures(before, after, margin)),
        before=len(before),
        after=len(after),
        left_out=len(after) - len(fresh),
    )


def _quality(
    name: str,
    measure: Callable[[TrafficRecord], float | None],
    before: Sequence[TrafficRecord],
    after: Sequence[TrafficRecord],
    margin: float,
) -> WatchedQuality:
    old, new = _by_node(before, measure), _by_node(after, measure)
    means = {node: mean for node, values in old.items() if (mean := fmean(values)) > 0}
    reference, treated = (sample_of(_in_means(group, means)) for group in (old, new))
    return _told(
        name,
        (_mean(old.values()), _mean(new.values())),
        (reference, treated),
        examine(treated, reference, Margin(relative=margin), error_rate=SHARE_OF_ERRORS),
        margin,
    )


def _failures(
    before: Sequence[TrafficRecord], after: Sequence[TrafficRecord], margin: float
) -> WatchedQuality:
    reference, treated = (
        sample_of(float(bool(record.error)) for record in records) for records in (before, after)
    )
    return _told(
        FAILURES,
        tuple(sample.mean if sample.count else None for sample in (reference, treated)),
        (reference, treated),
        examine(treated, reference, Margin(absolute=margin), error_rate=SHARE_OF_ERRORS),
        margin,
    )


def _told(
    name: str,
    values: tuple[float | None, ...],
    samples: tuple[Sample, Sample],
    finding: Excess,
    margin: float,
) -> WatchedQuality:
    """A quality whose reference is 1 (a share of its own mean), or a share of failures."""
    reference, treated = samples
    return WatchedQuality(
        name=name,
        before=values[0],
        after=values[1],
        change=treated.mean - reference.mean if reference.count and treated.count else None,
        at_least=None if finding.at_least is None else finding.at_least + margin,
        worse=finding.worse,
    )


def _by_node(
    records: Iterable[TrafficRecord], measure: Callable[[TrafficRecord], float | None]
) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = defaultdict(list)
    for record in records:
        value = None if record.error else measure(record)
        if value is not None:
            groups[record.node].append(value)
    return groups


def _in_means(groups: Mapping[str, Sequence[float]], means: Mapping[str, float]) -> Iterable[float]:
    """Every value as a multiple of its node's mean before; nodes without one are left out."""
    return (
        value / means[node] for node, values in groups.items() if node in means for value in values
    )


def _mean(groups: Iterable[Sequence[float]]) -> float | None:
    values = [value for group in groups for value in group]
    return fmean(values) if values else None
