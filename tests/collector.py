"""A collector of OpenTelemetry that keeps what it is sent: OTLP over HTTP, in protobuf."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

PATIENCE_SECONDS = 60.0


@dataclass
class CollectedSpan:
    """A span as it came, with its attributes as plain values."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    begin: float
    end: float
    error: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Collector:
    """What was sent to `url` so far. `status` is what it answers."""

    url: str = ""
    status: int = 200
    spans: list[CollectedSpan] = field(default_factory=list)
    heard: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int) -> list[CollectedSpan]:
        """The spans, once there are so many."""
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.spans) >= count, PATIENCE_SECONDS)
            return list(self.spans)

    def take(self, body: bytes) -> None:
        """Raises DecodeError for what is no request of OTLP."""
        told = ExportTraceServiceRequest.FromString(body)
        with self.heard:
            for resource in told.resource_spans:
                of = _plain(resource.resource.attributes)
                for scope in resource.scope_spans:
                    self.spans += [_span(span, of) for span in scope.spans]
            self.heard.notify_all()


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens meanwhile."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            if collector.status == 200:
                collector.take(body)
            self.send_response(collector.status)
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _span(span: Any, resource: dict[str, Any]) -> CollectedSpan:
    return CollectedSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=span.kind,
        begin=span.start_time_unix_nano / 1e9,
        end=span.end_time_unix_nano / 1e9,
        error=span.status.message,
        attributes=_plain(span.attributes),
        resource=resource,
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {item.key: _value(item.value) for item in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind)
