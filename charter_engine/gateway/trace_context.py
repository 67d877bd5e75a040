"""A client's place in a trace, gone on from: W3C Trace Context, level 1
(https://www.w3.org/TR/trace-context-1/)."""

import re
import secrets
from collections.abc import Mapping

from charter_engine.contracts.tracing import TraceContext

TRACE_BYTES, SPAN_BYTES = 16, 8
SAMPLED = 0x01
"""Taken from W3C Trace Context: the flag of a trace that is kept."""
_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def trace_of(headers: Mapping[str, str]) -> TraceContext:
    """A new span in the trace that a client's headers name, or in a new one where they name none,
    or none that is valid: then their `tracestate` does not count either."""
    span = secrets.token_hex(SPAN_BYTES)
    found = _PARENT.fullmatch(headers.get("traceparent", "").strip())
    if found is None or not _is_valid(*found.groups()):
        return TraceContext(trace_id=secrets.token_hex(TRACE_BYTES), span_id=span)
    _, trace, parent, flags, _ = found.groups()
    return TraceContext(
        trace_id=trace,
        span_id=span,
        parent_id=parent,
        sampled=bool(int(flags, 16) & SAMPLED),
        state=headers.get("tracestate", "").strip(),
    )


def _is_valid(version: str, trace: str, parent: str, _flags: str, more: str | None) -> bool:
    """Only later versions may hold more; nothing but zeros is no identifier."""
    return (more is None or version != "00") and bool(trace.strip("0") and parent.strip("0"))
