"""Where a request stands in a distributed trace."""

from msgspec import Struct


class TraceContext(Struct, frozen=True, kw_only=True):
    """A span and its trace, by W3C's Trace Context: identifiers in lower-case hexadecimals.

    `parent_id` is the caller's span, empty where the trace begins here. `sampled`: the caller
    wants it recorded, or there is no caller. `state` is what others put into `tracestate`.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: bool = True
    state: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What goes on with a request that is sent for this span."""
        parent = f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"
        return {"traceparent": parent} | ({"tracestate": self.state} if self.state else {})
