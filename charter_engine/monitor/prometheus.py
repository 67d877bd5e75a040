"""Charter's own Prometheus endpoint: per-node counters as the engine measured them."""

from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from charter_engine.contracts.live import NodeStats
from charter_engine.contracts.protocol import Gauge, Nodes, Triton

Latest = Callable[[], Iterable[Gauge]]
"""Gives the latest gauge of every topic."""

READY = "ready"
LOOPBACK = "127.0.0.1"


class NodeCollector(Collector):
    """Reads the latest gauges whenever Prometheus asks."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest

    def collect(self) -> Iterator[Metric]:
        for gauge in self._latest():
            yield from _families(gauge)


def serve_metrics(latest: Latest, port: int) -> None:
    """Answer on `http://127.0.0.1:port/metrics` from a daemon thread.

    Raises `OSError` if the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(NodeCollector(latest))
    start_http_server(port, addr=LOOPBACK, registry=registry)


def _families(gauge: Gauge) -> Iterator[Metric]:
    match gauge.payload:
        case Nodes(nodes, traffic):
            yield from _node_families(added_up(nodes, traffic))
        case Triton(sample):
            up = GaugeMetricFamily("charter_triton_ready", "1 while Triton answers and is ready")
            up.add_metric([], float(sample.health == READY))
            yield up
            if sample.kv_pool is not None:
                blocks = GaugeMetricFamily(
                    "charter_kv_blocks", "KV blocks as Triton shows them", labels=["state"]
                )
                blocks.add_metric(["used"], sample.kv_pool.used_blocks)
                blocks.add_metric(["free"], sample.kv_pool.free_blocks)
                yield blocks
        case _:
            return


def added_up(nodes: Iterable[NodeStats], traffic: Iterable[NodeStats]) -> tuple[NodeStats, ...]:
    """What a run and what others sent of each node, together."""
    others = {item.node: item for item in traffic}
    return tuple(_sum(item, others.get(item.node)) for item in nodes)


def _sum(one: NodeStats, other: NodeStats | None) -> NodeStats:
    if other is None or not other.requests + other.failures:
        return one
    requests = one.requests + other.requests
    means = [(item.ttft_ms_mean, item.requests) for item in (one, other)]
    known = [(mean, count) for mean, count in means if mean is not None]
    return replace(
        one,
        requests=requests,
        failures=one.failures + other.failures,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        reused_tokens=one.reused_tokens + other.reused_tokens,
        reused_blocks=one.reused_blocks + other.reused_blocks,
        ttft_ms_mean=sum(mean * count for mean, count in known) / sum(count for _, count in known)
        if known
        else None,
    )


def _node_families(nodes: tuple[NodeStats, ...]) -> Iterator[Metric]:
    for name, text, field in (
        ("charter_node_requests", "Finished requests of a node", "requests"),
        ("charter_node_failures", "Failed requests of a node", "failures"),
        ("charter_node_prompt_tokens", "Prompt tokens of a node", "prompt_tokens"),
        ("charter_node_reused_tokens", "Prompt tokens whose KV was reused", "reused_tokens"),
        ("charter_node_reused_blocks", "Prompt blocks reused", "reused_blocks"),
    ):
        counter = CounterMetricFamily(name, text, labels=["node"])
        for node in nodes:
            counter.add_metric([node.node], getattr(node, field))
        yield counter
    ttft = GaugeMetricFamily(
        "charter_node_ttft_mean_ms", "Mean time to first token of a node", labels=["node"]
    )
    for node in nodes:
        if node.ttft_ms_mean is not None:
            ttft.add_metric([node.node], node.ttft_ms_mean)
    yield ttft
