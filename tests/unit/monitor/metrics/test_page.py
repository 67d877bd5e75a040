"""The Prometheus page: what it counts, what it reads, and that it is one by Prometheus' rules."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from charter_engine.bls import metrics as bls_metrics
from charter_engine.contracts.canary import CanaryAlarm, CanaryAnswer, CanaryPair, CanaryReport
from charter_engine.contracts.explaining import PromptParts
from charter_engine.contracts.gauges import (
    Canary,
    Database,
    Gpu,
    Host,
    NodeParts,
    Recording,
    Session,
    TokenParts,
    Triton,
)
from charter_engine.contracts.gpu import GpuSample, GpuStatus, MemoryPart
from charter_engine.contracts.live import (
    HostSample,
    KvPool,
    RequestRecord,
    ServerCounters,
    TritonSample,
)
from charter_engine.monitor.metrics import catalogue
from charter_engine.monitor.metrics.catalogue import CATALOGUE, PREFIX
from charter_engine.monitor.metrics.states import MetricValue, States
from charter_engine.monitor.metrics.traffic import TrafficCounters
from charter_engine.service.hub import Hub

RECORD = RequestRecord(
    run="r",
    node="Agent.step:out",
    item=0,
    started_at=0.0,
    prompt_tokens=1000,
    output_tokens=20,
    reused_tokens=640,
    reused_blocks=20,
    missed_blocks=12,
    ttft_ms=120.0,
    latency_ms=900.0,
    queue_ms=3.0,
    source="tap",
)
GPU = GpuSample(
    index=0,
    name="H100",
    utilization=1.0,
    memory_utilization=0.3,
    temperature_c=68,
    power_w=691.0,
    power_limit_w=700.0,
    sm_clock_mhz=1515,
    slowdowns=("power limit",),
    pcie_sent_bytes=1,
    pcie_received_bytes=2,
    ecc_corrected=0,
    ecc_uncorrected=0,
)
ALARM = CanaryAlarm(
    at=1.0,
    reason="another answer with reuse",
    pair=CanaryPair(reference=CanaryAnswer(), answer=CanaryAnswer()),
)
SPLIT = (MemoryPart(kind="weights", bytes=16 << 30, label="derived", source="the rest"),)
TRITON = TritonSample(
    health="ready",
    active_requests=2,
    waiting_requests=1,
    kv_pool=KvPool(
        max_blocks=100,
        free_blocks=60,
        used_blocks=40,
        tokens_per_block=32,
        bytes_per_block=4 << 20,
    ),
)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def page(hub: Hub) -> Callable[[], str]:
    registry = CollectorRegistry()
    registry.register(States(hub.latest, lambda: [MetricValue(catalogue.LOOP_LAG, 0.001)]))
    hub.taps.append(TrafficCounters(registry).take)
    return lambda: generate_latest(registry).decode()


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The samples of that name, by the values of their labels in the catalogue's order."""
    stem = name.removesuffix("_total").removesuffix("_sum")
    (labels,) = (family.labels for family in CATALOGUE if family.name == stem)
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == PREFIX + name
    }


def test_what_a_request_cost_is_counted_by_node_and_source(hub: Hub, page: Any) -> None:
    hub.request(RECORD)
    hub.request(RECORD)
    of = ("Agent.step:out", "tap")
    assert values(page(), "computed_tokens_total") == {of: 720}
    assert values(page(), "reused_tokens_total") == {of: 1280}
    assert values(page(), "told_prompt_tokens_total") == {of: 2000}
    assert values(page(), "output_tokens_total") == {of: 40}
    assert values(page(), "request_seconds_sum") == {of: pytest.approx(1.8)}


def test_a_request_whose_reuse_nobody_told_counts_neither_as_computed_nor_as_reused(
    hub: Hub, page: Any
) -> None:
    hub.request(replace(RECORD, reused_tokens=None))
    assert values(page(), "prompt_tokens_total") == {("Agent.step:out", "tap"): 1000}
    assert values(page(), "computed_tokens_total") == {}
    assert values(page(), "told_prompt_tokens_total") == {}


def test_a_failed_request_counts_as_that_alone(hub: Hub, page: Any) -> None:
    hub.request(replace(RECORD, error="refused"))
    assert values(page(), "requests_total") == {("Agent.step:out", "tap", "failed"): 1}
    assert values(page(), "prompt_tokens_total") == {}


def test_traffic_of_no_node_is_unmatched(hub: Hub, page: Any) -> None:
    hub.request(replace(RECORD, node=""))
    assert values(page(), "requests_total") == {("unmatched", "tap", "answered"): 1}


def test_events_are_counted_by_kind_and_level(hub: Hub, page: Any) -> None:
    hub.event("push", "revision 2 is live")
    hub.event("push", "refused", level="error")
    counted = values(page(), "events_total")
    assert {of: value for of, value in counted.items() if value} == {
        ("push", "info"): 1,
        ("push", "error"): 1,
    }


def test_the_first_note_or_push_is_an_increase(page: Any) -> None:
    assert values(page(), "events_total") == dict.fromkeys(
        (("note", "info"), ("push", "info"), ("rollback", "info")), 0
    )


def test_states_are_those_of_the_moment(hub: Hub, page: Any) -> None:
    hub.publish(Triton(TRITON))
    assert values(page(), "kv_blocks") == {("used",): 40, ("free",): 60}
    assert values(page(), "kv_block_bytes") == {(): 4 << 20}
    hub.publish(Triton(TritonSample(health="unreachable")))
    assert values(page(), "triton_ready") == {(): 0}
    assert values(page(), "kv_blocks") == {}


def test_what_the_server_itself_counted_is_told_beside_what_charter_saw(
    hub: Hub, page: Any
) -> None:
    told = ServerCounters(prompt_tokens=9_000, reused_tokens=6_000, preemptions=2)
    hub.publish(Triton(replace(TRITON, counters=told)))
    assert values(page(), "server_prompt_tokens_total") == {(): 9_000}
    assert values(page(), "server_reused_tokens_total") == {(): 6_000}
    assert values(page(), "server_preemptions_total") == {(): 2}
    assert values(page(), "server_prompt_blocks_total") == {}
    hub.publish(Triton(replace(TRITON, counters=ServerCounters(reused_blocks=3, missed_blocks=1))))
    blocks = values(page(), "server_prompt_blocks_total")
    assert blocks == {("reused",): 3, ("missed",): 1}


def test_gpu_memory_is_told_by_part_with_its_label(hub: Hub, page: Any) -> None:
    hub.publish(Gpu(GpuStatus(gpus=(GPU,), split=(SPLIT,))))
    assert values(page(), "gpu_memory_bytes") == {("0", "", "weights", "derived"): 16 << 30}
    assert values(page(), "gpu_held_back") == {("0", "", "power limit"): 1}
    assert values(page(), "gpu_sm_clock_hertz") == {("0", ""): 1.515e9}


def test_what_a_device_does_not_give_is_not_on_the_page(hub: Hub, page: Any) -> None:
    hub.publish(Gpu(GpuStatus(gpus=(GpuSample(index=0, name="H100"),))))
    assert "gpu_power" not in page()


def test_a_canary_that_is_off_says_nothing(hub: Hub, page: Any) -> None:
    hub.publish(Canary())
    assert "canary" not in page()


def test_an_alarm_of_the_canary_is_a_gauge(hub: Hub, page: Any) -> None:
    hub.publish(Canary(CanaryReport(state="watching", requests=40, pairs=18)))
    assert values(page(), "canary_alarm") == {(): 0}
    assert values(page(), "canary_pairs_total") == {(): 18}
    hub.publish(Canary(CanaryReport(state="alarm", differing=4, alarm=ALARM)))
    assert values(page(), "canary_alarm") == {(): 1}
    assert values(page(), "canary_differing_total") == {(): 4}


def test_the_circuit_breakers_state_is_a_gauge(hub: Hub, page: Any) -> None:
    hub.publish(Triton(TritonSample(health="unreachable", breaker="open")))
    states = values(page(), "triton_breaker")
    assert (states["open",], states["closed",]) == (1, 0)


def everything(hub: Hub) -> None:
    hub.request(RECORD)
    hub.publish(Triton(TRITON))
    hub.publish(Gpu(GpuStatus(gpus=(GPU,), split=(SPLIT,))))
    hub.publish(
        Host(
            HostSample(
                cpu_utilization=0.1,
                memory_total_bytes=2,
                memory_used_bytes=1,
                engine_rss_bytes=5,
                serving_rss_bytes=6,
            )
        )
    )
    hub.publish(Session(engine_version="0.1.0", revision=3))
    hub.publish(Database(path="charter.db", bytes=4_096, unkept=("traffic",)))


def test_promtool_finds_nothing_to_say(hub: Hub, page: Any) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    everything(hub)
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page(), text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_no_family_has_the_name_of_one_on_tritons_page() -> None:
    of_triton = {name.removesuffix("_total") for name in names_in(vars(bls_metrics))}
    assert of_triton
    assert not of_triton & {family.whole_name for family in CATALOGUE}


def names_in(module: dict[str, Any]) -> Iterator[str]:
    """Every text of the module that names a family."""
    waiting = [value for key, value in module.items() if key.isupper()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and value.startswith("charter_"):
            yield value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, tuple | list):
            waiting += value


def test_tokens_computed_again_are_counted_by_node_and_cause(hub: Hub, page: Any) -> None:
    told = NodeParts(node="Agent.step:out", requests=2, parts=PromptParts(reused=640, diverged=96))
    hub.publish(TokenParts((told, NodeParts(node="", parts=PromptParts(new=7)))))
    found = values(page(), "prompt_parts_tokens_total")
    assert found["Agent.step:out", "diverged"] == 96
    assert found["Agent.step:out", "evicted"] == 0
    assert found["unmatched", "new"] == 7


def test_a_gpu_that_is_lost_or_silent_is_one_less(hub: Hub, page: Any) -> None:
    hub.publish(Gpu(GpuStatus(gpus=(GPU, replace(GPU, index=1)))))
    assert values(page(), "gpus") == {(): 2}
    hub.publish(Gpu(GpuStatus(gpus=(GPU,), reason="GPU 1: GPU is lost")))
    assert values(page(), "gpus") == {(): 1}
    hub.publish(Gpu(GpuStatus(gpus=(GPU,), reason="the driver hangs", stale=True)))
    assert values(page(), "gpus") == {(): 0}
    assert "gpu_power_watts" not in page()


def test_what_is_not_kept_is_named_as_long_as_it_is_not(hub: Hub, page: Any) -> None:
    hub.publish(Recording(error="disk full"))
    hub.publish(Database(path="charter.db", bytes=4_096, unkept=("history", "traffic")))
    assert values(page(), "not_kept") == {("recording",): 1, ("history",): 1, ("traffic",): 1}
    assert values(page(), "database_bytes") == {(): 4_096}
    hub.publish(Recording(path="a.charter"))
    hub.publish(Database(path="charter.db", bytes=4_096))
    assert values(page(), "not_kept") == {}
