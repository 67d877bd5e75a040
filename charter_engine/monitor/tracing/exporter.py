"""Spans sent by OTLP over HTTP, from a thread of their own: who collects them may be slow or away,
and requests do not wait."""

import os
import threading
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from charter_engine.monitor.tracing.spans import TracedSpan

SERVICE: Final = "charter"
NANOSECONDS: Final = 1_000_000_000
CLOSING_SECONDS: Final = 2.0
"""Who leaves does not wait for a collector that hangs."""


class OtlpExporter:
    """Takes spans that are over. `endpoint` is a collector's base address; empty: what the
    variables of OpenTelemetry say. `version` is Charter's."""

    def __init__(self, endpoint: str, version: str) -> None:
        self._exporter = (
            OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
            if endpoint
            else OTLPSpanExporter()
        )
        self._processor = BatchSpanProcessor(self._exporter)
        named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": SERVICE}
        self._resource = Resource.create({**named, "service.version": version})
        self._scope = InstrumentationScope(SERVICE, version)

    def take(self, span: TracedSpan) -> None:
        """Send it with others, soon. Does not wait; more than can be sent are dropped."""
        trace = span.trace
        if not trace.sampled:
            return
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=_context(trace.trace_id, trace.span_id, trace.state),
                parent=_context(trace.trace_id, trace.parent_id, trace.state)
                if trace.parent_id
                else None,
                resource=self._resource,
                attributes=span.attributes,
                kind=SpanKind.SERVER if span.answers else SpanKind.INTERNAL,
                status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
                start_time=round(span.begin * NANOSECONDS),
                end_time=round(span.end * NANOSECONDS),
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """Send what is left, if that takes no longer than two seconds. Blocks."""
        sending = threading.Thread(target=self._processor.shutdown, daemon=True)
        sending.start()
        sending.join(CLOSING_SECONDS)
        # Ends what is still being tried again: a collector that is away is not waited for.
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # has no annotations


def _context(trace_id: str, span_id: str, state: str) -> SpanContext:
    return SpanContext(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([state]) if state else TraceState(),
    )
