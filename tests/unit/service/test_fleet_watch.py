"""The engine's look at several servers."""

from dataclasses import dataclass

import pytest

from charter_engine.api.live_triton import LiveTriton
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gauges import Event, Fleet, Gauge
from charter_engine.contracts.live import RequestRecord, TritonSample
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.fleet import FIND_SECONDS, FleetWatch
from charter_engine.service.hub import Hub
from tests.clock import Clock

ONE, TWO = TritonOptions(url="127.0.0.1:1"), TritonOptions(url="127.0.0.1:2")


@dataclass
class Named:
    """Servers that change, or can't be told."""

    found: tuple[TritonOptions, ...] = (ONE, TWO)
    error: CharterError | None = None
    trouble: str = ""

    def servers(self) -> tuple[TritonOptions, ...]:
        if self.error is not None:
            raise self.error
        return self.found


class Told:
    """What a hub was told."""

    def __init__(self, hub: Hub) -> None:
        self.fleets: list[Fleet] = []
        self.events: list[str] = []
        hub.taps.append(self._take)

    def _take(self, told: Gauge | Event | RequestRecord) -> None:
        if isinstance(told, Event):
            self.events.append(told.text)
        elif isinstance(told, Gauge) and isinstance(told.payload, Fleet):
            self.fleets.append(told.payload)

    @property
    def servers(self) -> list[str]:
        return [one.server for one in self.fleets[-1].now.servers]


def watching(named: Named | None, clock: Clock | None = None) -> tuple[FleetWatch, Told]:
    hub = Hub()
    ready = TritonSample(health="ready", url=ONE.url or "")
    watch = FleetWatch(hub, LiveTriton(ONE), named, lambda: ready, clock=clock or Clock())
    return watch, Told(hub)


async def test_a_server_that_is_down_is_a_state_and_not_an_error() -> None:
    watch, told = watching(Named())
    await watch.look()
    await watch.stop()
    assert [one.sample.health for one in told.fleets[-1].now.servers] == ["ready", "unreachable"]


async def test_servers_come_and_go_and_that_is_told() -> None:
    named, clock = Named(), Clock()
    watch, told = watching(named, clock)
    await watch.look()
    named.found = (ONE,)
    clock.now += FIND_SECONDS
    await watch.look()
    await watch.stop()
    assert told.servers == [ONE.url]
    assert told.events == [f"{TWO.url} is no longer one of the servers"]


async def test_what_cannot_be_looked_up_again_leaves_the_servers_and_is_told() -> None:
    named, clock = Named(), Clock()
    watch, told = watching(named, clock)
    await watch.look()
    named.error = CharterError("tritons has no address", kind="unreachable")
    clock.now += FIND_SECONDS
    await watch.look()
    await watch.stop()
    assert told.servers == [ONE.url, TWO.url]
    assert told.fleets[-1].now.trouble == "tritons has no address"


async def test_the_profile_of_a_server_that_is_none_of_them_is_refused() -> None:
    watch, _ = watching(Named())
    await watch.look()
    with pytest.raises(UsageError, match=r"there is no server 127\.0\.0\.1:3"):
        await watch.show("127.0.0.1:3")
    await watch.stop()


async def test_of_a_single_server_nothing_is_told() -> None:
    watch, told = watching(None)
    watch.start()
    await watch.stop()
    assert (watch.is_several, told.fleets) == (False, [])
