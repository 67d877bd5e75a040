"""Counters and histograms of what passed: requests and events."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

from charter_engine.contracts.gauges import Event, Gauge
from charter_engine.contracts.live import RequestRecord
from charter_engine.monitor.metrics import catalogue
from charter_engine.monitor.metrics.catalogue import UNMATCHED, MetricDescription

MILLISECONDS = 1000
BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0),
)
"""Seconds: from a reused prompt on an idle engine to a long answer behind a queue."""
ANNOTATED = ("note", "push", "rollback")
"""Kinds of events that the dashboard marks."""


class TrafficCounters:
    """Counts from the moment it is made. `take` is a tap of the hub: it costs a request some tens
    of microseconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        families = (item for item in catalogue.OF_REQUESTS if item.kind == "counter")
        self._counters = {family: counter(family, registry) for family in families}
        # Of a counter that begins with its first event Prometheus sees no increase.
        for kind in ANNOTATED:
            self._counters[catalogue.EVENTS].labels(kind, "info")
        self._times = {
            family: Histogram(
                family.whole_name, family.help, family.labels, registry=registry, buckets=BUCKETS
            )
            for family in catalogue.OF_REQUESTS
            if family.kind == "histogram"
        }

    def take(self, told: Gauge | Event | RequestRecord) -> None:
        """Count what was told; gauges are read when somebody asks for them."""
        if isinstance(told, RequestRecord):
            self._count(told)
        elif isinstance(told, Event):
            self._counters[catalogue.EVENTS].labels(told.kind, told.level).inc()

    def _count(self, record: RequestRecord) -> None:
        of = (record.node or UNMATCHED, record.source)
        outcome = "answered" if record.error is None else "failed"
        self._counters[catalogue.REQUESTS].labels(*of, outcome).inc()
        if record.error is not None:
            return
        for family, value in _amounts(record):
            if value is not None:
                self._counters[family].labels(*of).inc(max(0, value))
        for family, milliseconds in (
            (catalogue.TIME_TO_FIRST_TOKEN, record.ttft_ms),
            (catalogue.REQUEST_TIME, record.latency_ms),
            (catalogue.QUEUE_TIME, record.queue_ms),
        ):
            if milliseconds is not None:
                self._times[family].labels(*of).observe(milliseconds / MILLISECONDS)


def _amounts(record: RequestRecord) -> Iterable[tuple[MetricDescription, int | None]]:
    prompt, reused = record.prompt_tokens, record.reused_tokens
    yield catalogue.PROMPT_TOKENS, prompt
    yield catalogue.OUTPUT_TOKENS, record.output_tokens
    yield catalogue.REUSED_BLOCKS, record.reused_blocks
    yield catalogue.MISSED_BLOCKS, record.missed_blocks
    if prompt is not None and reused is not None:
        yield catalogue.TOLD_TOKENS, prompt
        yield catalogue.REUSED_TOKENS, reused
        yield catalogue.COMPUTED_TOKENS, prompt - reused


def counter(family: MetricDescription, registry: CollectorRegistry) -> Counter:
    return Counter(family.whole_name, family.help, family.labels, registry=registry)
