"""What Charter's own Prometheus page says of a server and of the canary."""

from prometheus_client import CollectorRegistry, generate_latest

from charter_engine.contracts.canary import CanaryAlarm, CanaryAnswer, CanaryPair, CanaryReport
from charter_engine.contracts.live import TritonSample
from charter_engine.contracts.protocol import Canary, Gauge, Payload, Triton
from charter_engine.monitor.prometheus import NodeCollector

ALARM = CanaryAlarm(
    at=1.0,
    reason="another answer with reuse",
    pair=CanaryPair(reference=CanaryAnswer(), answer=CanaryAnswer()),
)


def page(payload: Payload) -> list[str]:
    registry = CollectorRegistry()
    registry.register(NodeCollector(lambda: [Gauge(at=0.0, payload=payload)]))
    return generate_latest(registry).decode().splitlines()


def test_a_canary_that_is_off_says_nothing() -> None:
    assert page(Canary()) == []


def test_an_alarm_of_the_canary_is_a_gauge() -> None:
    watching = CanaryReport(state="watching", requests=40, pairs=18)
    assert "charter_canary_alarm 0.0" in page(Canary(watching))
    assert "charter_canary_pairs_total 18.0" in page(Canary(watching))
    alarmed = CanaryReport(state="alarm", differing=4, alarm=ALARM)
    assert "charter_canary_alarm 1.0" in page(Canary(alarmed))
    assert "charter_canary_differing_total 4.0" in page(Canary(alarmed))


def test_the_circuit_breaker_s_state_is_a_gauge() -> None:
    lines = page(Triton(TritonSample(health="unreachable", breaker="open")))
    assert 'charter_triton_breaker{state="open"} 1.0' in lines
    assert 'charter_triton_breaker{state="closed"} 0.0' in lines
