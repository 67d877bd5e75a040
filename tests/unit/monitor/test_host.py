"""Samples of this machine."""

import os
import subprocess
import sys
import urllib.request

import pytest

from charter_engine.contracts.live import NodeStats
from charter_engine.contracts.protocol import Nodes
from charter_engine.embedded.supervisor import free_ports
from charter_engine.monitor.host import HostMonitor, resident_bytes
from charter_engine.monitor.prometheus import serve_metrics
from charter_engine.service.hub import Hub


def test_a_host_sample_is_consistent() -> None:
    sample = HostMonitor().sample(serving=os.getpid())
    assert 0 < sample.memory_used_bytes <= sample.memory_total_bytes
    assert sample.serving_rss_bytes is not None
    assert sample.serving_rss_bytes >= sample.engine_rss_bytes * 0.5


def test_a_process_that_is_gone_has_no_memory() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert resident_bytes(process.pid) is None


def test_prometheus_gets_a_nodes_counters_by_node() -> None:
    hub = Hub()
    hub.publish(Nodes((NodeStats(node="A.b:c", requests=3, prompt_tokens=90, reused_tokens=60),)))
    (port,) = free_ports(1)
    serve_metrics(hub.latest, port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert 'charter_node_reused_tokens_total{node="A.b:c"} 60.0' in text


def test_a_taken_metrics_port_is_an_error() -> None:
    (port,) = free_ports(1)
    serve_metrics(Hub().latest, port)
    with pytest.raises(OSError, match="in use"):
        serve_metrics(Hub().latest, port)
