"""What stands at the moment of a scrape, read from the latest gauges."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, get_args

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from charter_engine.contracts.gauges import (
    Canary,
    Database,
    Draft,
    Gauge,
    Gpu,
    Host,
    Nodes,
    Recording,
    Session,
    TokenParts,
    Triton,
    Watchers,
)
from charter_engine.contracts.gpu import GpuSample, GpuStatus
from charter_engine.contracts.live import BreakerState, ServerCounters, TritonSample
from charter_engine.monitor.metrics import catalogue
from charter_engine.monitor.metrics.catalogue import UNMATCHED, MetricDescription

Latest = Callable[[], Iterable[Gauge]]
"""Gives the latest gauge of every topic."""

READY = "ready"
HERTZ_PER_MHZ = 1_000_000


class MetricValue(NamedTuple):
    """One sample. None is not shown."""

    family: MetricDescription
    value: float | None
    labels: tuple[str, ...] = ()


class States(Collector):
    """Reads the latest gauges, and what the engine knows of itself, whenever Prometheus asks."""

    def __init__(self, latest: Latest, own: Callable[[], Iterable[MetricValue]] = tuple) -> None:
        self._latest = latest
        self._own = own

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        families: dict[MetricDescription, GaugeMetricFamily | CounterMetricFamily] = {}
        for gauge in self._latest():
            for value in values_of(gauge):
                _add(families, value)
        for value in self._own():
            _add(families, value)
        yield from families.values()


def _add(
    families: dict[MetricDescription, GaugeMetricFamily | CounterMetricFamily], sample: MetricValue
) -> None:
    if sample.value is None:
        return
    family = sample.family
    if family not in families:
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        families[family] = kind(family.whole_name, family.help, labels=family.labels)
    families[family].add_metric(sample.labels, sample.value)


def values_of(gauge: Gauge) -> Iterator[MetricValue]:
    """What one gauge says."""
    match gauge.payload:
        case Triton(sample):
            yield from _of_triton(sample)
        case Nodes() as totals:
            yield from _of_nodes(totals)
        case Gpu(status):
            yield from _of_gpus(status)
        case Host(sample):
            yield MetricValue(catalogue.RESIDENT_MEMORY, sample.engine_rss_bytes, ("engine",))
            yield MetricValue(catalogue.RESIDENT_MEMORY, sample.serving_rss_bytes, ("serving",))
        case Session() as session:
            yield from _of_session(session)
        case Draft(predicted=predicted) if predicted is not None:
            yield MetricValue(catalogue.PREDICTED_HIT_RATIO, predicted.token_hit_rate, ("draft",))
        case Canary(report) if report.state != "off":
            yield MetricValue(catalogue.CANARY_ALARM, float(report.alarm is not None))
            yield MetricValue(catalogue.CANARY_REQUESTS, report.requests)
            yield MetricValue(catalogue.CANARY_PAIRS, report.pairs)
            yield MetricValue(catalogue.CANARY_DIFFERING, report.differing)
        case TokenParts() as told:
            yield from _of_parts(told)
        case Watchers(consoles):
            yield MetricValue(catalogue.CONSOLES, len(consoles))
        case Recording() | Database() as kept:
            yield from _of_kept(kept)
        case _:
            return


def _of_nodes(totals: Nodes) -> Iterator[MetricValue]:
    for source in sorted({node.source for node in totals.nodes}):
        yield MetricValue(catalogue.TOTALS_SOURCE, 1, (source,))


def _of_kept(kept: Recording | Database) -> Iterator[MetricValue]:
    if isinstance(kept, Recording):
        size, unkept = (catalogue.RECORDING, kept.bytes_written), ("recording",) * bool(kept.error)
    else:
        size, unkept = (catalogue.DATABASE, kept.bytes), kept.unkept
    if kept.path:
        yield MetricValue(*size)
    for what in unkept:
        yield MetricValue(catalogue.NOT_KEPT, 1, (what,))


def _of_session(session: Session) -> Iterator[MetricValue]:
    yield MetricValue(catalogue.BUILD, 1, (session.engine_version,))
    yield MetricValue(catalogue.REVISION, session.revision)
    yield MetricValue(catalogue.DRIFT, len(session.drift))
    if session.predicted is not None:
        rate = session.predicted.token_hit_rate
        yield MetricValue(catalogue.PREDICTED_HIT_RATIO, rate, ("live",))


def _of_parts(told: TokenParts) -> Iterator[MetricValue]:
    for node in told.nodes:
        for part, tokens in msgspec.structs.asdict(node.parts).items():
            yield MetricValue(catalogue.PROMPT_PARTS, tokens, (node.node or UNMATCHED, part))


def _of_triton(sample: TritonSample) -> Iterator[MetricValue]:
    yield MetricValue(catalogue.TRITON_READY, float(sample.health == READY))
    for state in get_args(BreakerState):
        yield MetricValue(catalogue.BREAKER, float(sample.breaker == state), (state,))
    yield MetricValue(catalogue.TRITON_REQUESTS, sample.active_requests, ("active",))
    yield MetricValue(catalogue.TRITON_REQUESTS, sample.waiting_requests, ("waiting",))
    pool = sample.kv_pool
    if pool is not None:
        yield MetricValue(catalogue.KV_BLOCKS, pool.used_blocks, ("used",))
        yield MetricValue(catalogue.KV_BLOCKS, pool.free_blocks, ("free",))
        yield MetricValue(catalogue.KV_BLOCK_TOKENS, pool.tokens_per_block)
        yield MetricValue(catalogue.KV_BLOCK_BYTES, pool.bytes_per_block)
    if sample.counters is not None:
        yield from _counted(sample.counters)


def _counted(counters: ServerCounters) -> Iterator[MetricValue]:
    yield MetricValue(catalogue.SERVER_PROMPT_TOKENS, counters.prompt_tokens)
    yield MetricValue(catalogue.SERVER_REUSED_TOKENS, counters.reused_tokens)
    yield MetricValue(catalogue.SERVER_BLOCKS, counters.reused_blocks, ("reused",))
    yield MetricValue(catalogue.SERVER_BLOCKS, counters.missed_blocks, ("missed",))
    yield MetricValue(catalogue.SERVER_EVICTED_TOKENS, counters.evicted_tokens)
    yield MetricValue(catalogue.SERVER_PREEMPTIONS, counters.preemptions)


def _of_gpus(status: GpuStatus) -> Iterator[MetricValue]:
    yield MetricValue(catalogue.GPUS, len({gpu.index for gpu in status.answering}))
    for index, gpu in enumerate(status.answering):
        of = (str(gpu.index), "" if gpu.mig_instance is None else str(gpu.mig_instance))
        for part in status.split[index] if index < len(status.split) else ():
            yield MetricValue(catalogue.GPU_MEMORY, part.bytes, (*of, part.kind, part.label))
        yield from _of_gpu(gpu, of)


def _of_gpu(gpu: GpuSample, of: tuple[str, str]) -> Iterator[MetricValue]:
    yield MetricValue(catalogue.GPU_UTILIZATION, gpu.utilization, (*of, "compute"))
    yield MetricValue(catalogue.GPU_UTILIZATION, gpu.memory_utilization, (*of, "memory"))
    yield MetricValue(catalogue.GPU_POWER, gpu.power_w, of)
    yield MetricValue(catalogue.GPU_POWER_LIMIT, gpu.power_limit_w, of)
    yield MetricValue(catalogue.GPU_TEMPERATURE, gpu.temperature_c, of)
    if gpu.sm_clock_mhz is not None:
        yield MetricValue(catalogue.GPU_CLOCK, gpu.sm_clock_mhz * HERTZ_PER_MHZ, of)
    for reason in gpu.slowdowns:
        yield MetricValue(catalogue.GPU_HELD_BACK, 1, (*of, reason))
    yield MetricValue(catalogue.GPU_LINK, gpu.pcie_sent_bytes, (*of, "pcie", "sent"))
    yield MetricValue(catalogue.GPU_LINK, gpu.pcie_received_bytes, (*of, "pcie", "received"))
    yield MetricValue(catalogue.GPU_LINK, gpu.nvlink_sent_bytes, (*of, "nvlink", "sent"))
    yield MetricValue(catalogue.GPU_LINK, gpu.nvlink_received_bytes, (*of, "nvlink", "received"))
    yield MetricValue(catalogue.GPU_ECC_ERRORS, gpu.ecc_corrected, (*of, "corrected"))
    yield MetricValue(catalogue.GPU_ECC_ERRORS, gpu.ecc_uncorrected, (*of, "uncorrected"))
