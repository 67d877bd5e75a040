"""Requests and pushes as spans of OpenTelemetry, sent where somebody collects them."""

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from charter_engine.api.texts import Record, without_text
from charter_engine.api.token_parts import Apart
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.gateway import GatewayExchange
from charter_engine.contracts.tracing import TraceContext
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.monitor.tracing.exporter import OtlpExporter

VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""What names a collector where no option does."""
MOST_IN_FLIGHT = 4_096
"""As many requests as the ring of the tap gives in one drain."""


class Tracing:
    """Sends a span for each request and push that it is told of, and never waits for anybody.
    `keeps_text` False: what a server said of a request that failed is left out."""

    def __init__(self, exporter: "OtlpExporter", *, keeps_text: bool = True) -> None:
        self._exporter = exporter
        self._sent = _as_it_is if keeps_text else without_text
        self._of_gateway: dict[str, TraceContext] = {}

    def exchange(self, exchange: GatewayExchange) -> None:
        """A request passed through the gateway."""
        from charter_engine.monitor.tracing.spans import span_of_exchange

        record = self._sent(exchange.record)
        if record.trace is None:
            return
        self._exporter.take(span_of_exchange(record, record.trace))
        self._of_gateway[record.request_id] = record.trace
        while len(self._of_gateway) > MOST_IN_FLIGHT:
            del self._of_gateway[next(iter(self._of_gateway))]

    def requests(self, told: Sequence[Apart]) -> None:
        """Requests passed through the deployment: those of the gateway are beneath its spans."""
        from charter_engine.monitor.tracing.spans import span_of_request

        for record, parts in told:
            parent = self._of_gateway.pop(record.request_id, None)
            self._exporter.take(span_of_request(self._sent(record), parts, parent))

    def push(self, what: str, begin: float, end: float, outcome: PushReport | str) -> None:
        """A push or a rollback is over, between two epoch seconds: its report, or why it failed."""
        from charter_engine.monitor.tracing.spans import span_of_push

        self._exporter.take(span_of_push(what, begin, end, outcome))

    async def close(self) -> None:
        """Send what is left."""
        await asyncio.to_thread(self._exporter.close)


def tracing(endpoint: str | None, *, keeps_text: bool = True) -> Tracing | None:
    """Tracing to a collector's base address, or to what OpenTelemetry's variables name; None where
    neither names one. Raises `UsageError` where the package for it is missing."""
    named = next((name for name in VARIABLES if os.environ.get(name)), "")
    if not endpoint and not named:
        return None
    from charter_engine import __version__

    try:
        from charter_engine.monitor.tracing.exporter import OtlpExporter
    except ImportError:
        raise UsageError(
            f"{'--otlp' if endpoint else named} needs OpenTelemetry's packages",
            remedy="pip install 'charter-kv[telemetry]'",
        ) from None
    return Tracing(OtlpExporter(endpoint or "", __version__), keeps_text=keeps_text)


def _as_it_is(record: Record) -> Record:
    return record
