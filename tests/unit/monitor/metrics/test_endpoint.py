"""The page over HTTP: whoever asks hears whether the engine lives and is ready."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from charter_engine.contracts.commands import Subscribe
from charter_engine.contracts.gauges import Session, Triton
from charter_engine.contracts.live import TritonSample
from charter_engine.embedded.ports import free_ports
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub, Subscriber
from charter_engine.service.metering import Metering


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
async def base(hub: Hub) -> AsyncIterator[str]:
    (port,) = free_ports(1)
    metering = Metering(hub)
    await metering.start(f"127.0.0.1:{port}")
    yield f"http://127.0.0.1:{port}"
    await metering.stop()


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_the_page_is_answered(hub: Hub, base: str) -> None:
    hub.event("engine", "hello")
    status, text = await get(f"{base}/metrics")
    assert status == 200
    assert 'charter_engine_events_total{kind="engine",level="info"} 1.0' in text
    assert "charter_engine_event_loop_lag_seconds" in text


async def test_a_reader_that_is_let_go_because_it_is_slow_is_counted(hub: Hub, base: str) -> None:
    slow, brisk = Subscriber(limit=1), Subscriber(limit=9)
    for subscriber in (slow, brisk):
        hub.subscribe(subscriber, Subscribe(topics=()))
    for _ in range(3):
        hub.event("engine", "hello")
    for subscriber in (slow, brisk):
        hub.unsubscribe(subscriber)
    assert "charter_engine_bus_dropped_subscribers_total 1.0" in (await get(f"{base}/metrics"))[1]


async def test_an_engine_whose_triton_is_down_is_alive_and_not_ready(hub: Hub, base: str) -> None:
    hub.publish(Session(engine_version="0", phase="ready"))
    hub.publish(Triton(TritonSample(health="unreachable", reason="refused")))
    assert (await get(f"{base}/healthz"))[0] == 200
    assert await get(f"{base}/readyz") == (503, "Triton is unreachable: refused\n")


async def test_an_engine_that_is_starting_is_not_ready(hub: Hub, base: str) -> None:
    hub.publish(Session(engine_version="0", phase="starting Triton"))
    assert await get(f"{base}/readyz") == (503, "starting Triton\n")


async def test_an_engine_whose_triton_answers_is_ready(hub: Hub, base: str) -> None:
    hub.publish(Session(engine_version="0", phase="ready"))
    hub.publish(Triton(TritonSample(health="ready")))
    assert await get(f"{base}/readyz") == (200, "ready\n")


async def test_a_taken_port_is_an_error_with_a_remedy(base: str) -> None:
    with pytest.raises(UsageError, match="in use") as refused:
        await Metering(Hub()).start(base.removeprefix("http://"))
    assert "--metrics" in (refused.value.remedy or "")
