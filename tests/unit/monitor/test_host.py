"""Samples of this machine."""

import os
import subprocess
import sys

from charter_engine.monitor.host import FAMILY_SECONDS, HostMonitor


def test_a_host_sample_is_consistent() -> None:
    sample = HostMonitor().sample(serving=os.getpid())
    assert 0 < sample.memory_used_bytes <= sample.memory_total_bytes
    assert sample.serving_rss_bytes is not None
    assert sample.serving_rss_bytes >= sample.engine_rss_bytes * 0.5


def test_a_process_that_is_gone_has_no_memory() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert HostMonitor().sample(serving=process.pid).serving_rss_bytes is None


def test_processes_that_a_server_started_since_count_from_the_next_look_on() -> None:
    now = 0.0
    monitor = HostMonitor(lambda: now)
    alone = monitor.sample(serving=os.getpid()).serving_rss_bytes
    waiting = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE) as child:
        now = FAMILY_SECONDS
        both = monitor.sample(serving=os.getpid()).serving_rss_bytes
        assert alone is not None
        assert both is not None
        assert both > alone
        child.kill()
