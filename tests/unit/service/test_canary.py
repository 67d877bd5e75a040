"""The canary beside the engine: off until asked for, and its alarm told once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from charter_engine.api.live_server import LiveServer
from charter_engine.api.live_triton import LiveTriton
from charter_engine.contracts.canary import CanaryAlarm, CanaryAnswer, CanaryPair, CanaryReport
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gauges import Canary, Event
from charter_engine.errors import CharterError, UsageError
from charter_engine.service import canary as module
from charter_engine.service.canary import CanaryWatch
from charter_engine.service.hub import Hub

ALARM = CanaryAlarm(
    at=1.0,
    reason="another answer with reuse",
    pair=CanaryPair(
        reference=CanaryAnswer(), answer=CanaryAnswer(prompt_tokens=192, reused_blocks=3)
    ),
    remedy="switch reuse off",
)


class Scripted:
    """A canary whose rounds are known before."""

    rounds: tuple[CanaryReport | CharterError, ...] = ()
    made_all: asyncio.Event

    def __init__(self, deployment: LiveServer, every_seconds: float) -> None:
        self._left = iter(self.rounds)

    async def round(self) -> CanaryReport:
        found = next(self._left, None)
        if found is None:
            self.made_all.set()
            await asyncio.Event().wait()
        if isinstance(found, CharterError):
            raise found
        assert found is not None
        return found


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
async def watch(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CanaryWatch]:
    monkeypatch.setattr(module, "LiveCanary", Scripted)
    monkeypatch.setattr(Scripted, "made_all", asyncio.Event(), raising=False)
    monkeypatch.setattr(module, "SHORTEST_SECONDS", 0.0)
    deployment = LiveTriton(TritonOptions(url="127.0.0.1:1"))
    made = CanaryWatch(hub, lambda: [deployment])
    yield made
    await made.stop()


def told(hub: Hub) -> list[str]:
    events: list[str] = []
    hub.taps.append(
        lambda message: events.append(message.text) if isinstance(message, Event) else None
    )
    return events


def state(hub: Hub) -> CanaryReport | None:
    return next(
        (gauge.payload.report for gauge in hub.latest() if isinstance(gauge.payload, Canary)), None
    )


async def test_it_is_off_until_it_is_asked_for(hub: Hub, watch: CanaryWatch) -> None:
    assert state(hub) is None


async def test_an_alarm_is_told_once_with_what_to_do(
    hub: Hub, watch: CanaryWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = CanaryReport(state="alarm", alarm=ALARM)
    monkeypatch.setattr(Scripted, "rounds", (CanaryReport(state="watching"), alarm, alarm))
    events = told(hub)
    await watch.start(0.001)
    await asyncio.wait_for(Scripted.made_all.wait(), 60)
    (said,) = (text for text in events if "may be corrupt" in text)
    assert "3 blocks of 192 tokens reused" in said
    assert said.endswith("switch reuse off")


async def test_a_server_that_does_not_answer_is_asked_again(
    hub: Hub, watch: CanaryWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = (CharterError("gone", kind="unreachable"), CanaryReport(state="watching"))
    monkeypatch.setattr(Scripted, "rounds", rounds)
    await watch.start(0.001)
    await asyncio.wait_for(Scripted.made_all.wait(), 60)
    shown = state(hub)
    assert shown is not None and shown.state == "watching"


async def test_stopped_it_is_off(hub: Hub, watch: CanaryWatch) -> None:
    await watch.start(0.001)
    await watch.stop()
    shown = state(hub)
    assert shown is not None and shown.state == "off"


@pytest.mark.parametrize("every", [0.5, -1.0, float("nan"), float("inf")])
async def test_an_interval_that_is_none_is_refused(hub: Hub, every: float) -> None:
    with pytest.raises(UsageError, match="a round every"):
        await CanaryWatch(hub, list).start(every)
