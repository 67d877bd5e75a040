"""Charter's own Prometheus families."""

from charter_engine.contracts.live import NodeStats
from charter_engine.contracts.protocol import Gauge, Nodes
from charter_engine.monitor.prometheus import NodeCollector


def test_where_the_totals_of_nodes_come_from_is_told_beside_them() -> None:
    nodes = (
        NodeStats(node="n", requests=3, source="metrics page"),
        NodeStats(node="unmatched", requests=2, source="metrics page"),
    )
    gauges = [Gauge(at=1.0, payload=Nodes(nodes))]
    families = NodeCollector(lambda: gauges).collect()
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert samples["charter_node_requests_total", "n"] == 3
    assert samples["charter_node_requests_total", "unmatched"] == 2
    assert samples["charter_node_source", "metrics page"] == 1
