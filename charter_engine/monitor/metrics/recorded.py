"""What a Prometheus would have, had it scraped an engine while it was recorded."""

from collections.abc import Iterable
from copy import copy

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.samples import Sample

from charter_engine.contracts.gauges import TOPIC_OF, Event, Gauge, Topic
from charter_engine.contracts.live import RequestRecord
from charter_engine.monitor.metrics.states import States
from charter_engine.monitor.metrics.traffic import TrafficCounters

CREATED = "_created"
"""Ends the name of a sample that tells when a counter was made: now, and not when this happened."""


def scraped(messages: Iterable[Gauge | Event | RequestRecord], step: float) -> bytes:
    """The page's families in OpenMetrics, with a sample of each series every `step` seconds of
    what was recorded, and one at its end."""
    page = _Page()
    due: float | None = None
    at = 0.0
    for message in messages:
        at = max(at, message.started_at if isinstance(message, RequestRecord) else message.at)
        due = at + step if due is None else due
        while at >= due:
            page.scrape(due)
            due += step
        page.take(message)
    if due is not None:
        page.scrape(at)
    return page.text()


class _Page:
    """The page as it stood at one moment after another."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._gauges: dict[Topic, Gauge] = {}
        self._counters = TrafficCounters(self._registry)
        self._registry.register(States(self._gauges.values))
        self._families: dict[str, Metric] = {}

    def take(self, message: Gauge | Event | RequestRecord) -> None:
        if isinstance(message, Gauge):
            self._gauges[TOPIC_OF[type(message.payload)]] = message
        self._counters.take(message)

    def scrape(self, at: float) -> None:
        for family in self._registry.collect():
            known = self._families.setdefault(family.name, copy(family))
            if known.samples is family.samples:
                known.samples = []
            known.samples += [
                sample._replace(timestamp=at)
                for sample in family.samples
                if not sample.name.endswith(CREATED)
            ]

    def text(self) -> bytes:
        for family in self._families.values():
            # The points of a series stand together, in the order of their times.
            family.samples.sort(key=_series_and_time)
        page: bytes = generate_latest(self)  # type: ignore[no-untyped-call]  # has no annotations
        return page

    def collect(self) -> Iterable[Metric]:
        return self._families.values()


def _series_and_time(sample: Sample) -> tuple[list[tuple[str, str]], float]:
    labels = sorted((name, value) for name, value in sample.labels.items() if name != "le")
    return labels, float(sample.timestamp or 0.0)
