"""Samples of this machine."""

import os
import subprocess
import sys

from charter_engine.monitor.host import HostMonitor, resident_bytes


def test_a_host_sample_is_consistent() -> None:
    sample = HostMonitor().sample(serving=os.getpid())
    assert 0 < sample.memory_used_bytes <= sample.memory_total_bytes
    assert sample.serving_rss_bytes is not None
    assert sample.serving_rss_bytes >= sample.engine_rss_bytes * 0.5


def test_a_process_that_is_gone_has_no_memory() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert resident_bytes(process.pid) is None
