"""The engine's Prometheus page, put together from what the hub hears."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from charter_engine.contracts.gauges import Session, Triton
from charter_engine.errors import UsageError
from charter_engine.monitor.loop_lag import LoopLag
from charter_engine.monitor.metrics import catalogue
from charter_engine.monitor.metrics.endpoint import MetricsEndpoint
from charter_engine.monitor.metrics.states import MetricValue, States
from charter_engine.monitor.metrics.traffic import TrafficCounters
from charter_engine.service.hub import Hub


class Metering:
    """Counts from its start on, and answers until it is stopped."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lag = LoopLag()
        registry = CollectorRegistry()
        registry.register(States(hub.latest, self._own))
        hub.taps.append(TrafficCounters(registry).take)
        self._endpoint = MetricsEndpoint(registry, self._unready)

    async def start(self, address: str) -> None:
        """Answer on HOST:PORT. Raises `UsageError` where nobody can."""
        host, _, port = address.rpartition(":")
        try:
            await self._endpoint.start(host.strip("[]"), int(port))
        except OSError as error:
            message = f"--metrics {address}: {error.strerror or error}"
            raise UsageError(message, remedy="give another --metrics HOST:PORT") from None
        self._lag.start()

    async def stop(self) -> None:
        await self._endpoint.stop()
        await self._lag.stop()

    def _own(self) -> Iterator[MetricValue]:
        yield MetricValue(catalogue.LOOP_LAG, self._lag.seconds)
        yield MetricValue(catalogue.BACKLOG, self._hub.backlog)
        yield MetricValue(catalogue.DROPPED, self._hub.dropped)

    def _unready(self) -> str:
        told = {type(gauge.payload): gauge.payload for gauge in self._hub.latest()}
        session, triton = told.get(Session), told.get(Triton)
        if isinstance(triton, Triton) and triton.sample.health != "ready":
            sample = triton.sample
            return f"{sample.called} is {sample.health}: {sample.reason}"
        if isinstance(session, Session) and session.mode == "live" and triton is None:
            return session.phase or "starting"
        return ""
