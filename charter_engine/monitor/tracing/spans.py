"""What passed, as spans: by OpenTelemetry's semantic conventions for generative AI, and what these
have no word for under `charter.`.

No text of a prompt or an answer is in them.
"""

import secrets
from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import structs

from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.explaining import PromptParts
from charter_engine.contracts.gateway import GatewayRecord
from charter_engine.contracts.tracing import TraceContext
from charter_engine.contracts.traffic import TrafficRecord

PROVIDER: Final = "triton"
OPERATIONS: Final = {
    "/v1/chat/completions": "chat",
    "/v1/messages": "chat",
    "/v1/responses": "chat",
    "/v1/completions": "text_completion",
}
MILLISECONDS: Final = 1000
FAILED_STATUS: Final = 400
"""Taken from RFC 9110: from here on a request was wrong, or its server."""
SpanValue = str | bool | int | float | tuple[str, ...]


class TracedSpan(NamedTuple):
    """A span that is over. Times are epoch seconds; `error` is empty where nothing went wrong.
    `answers`: it is the answer to a request from outside."""

    name: str
    trace: TraceContext
    begin: float
    end: float
    attributes: Mapping[str, SpanValue]
    error: str = ""
    answers: bool = False


def span_of_exchange(record: GatewayRecord, trace: TraceContext) -> TracedSpan:
    """A request as the gateway answered it."""
    operation = OPERATIONS.get(record.route, "")
    failed = record.error or record.status >= FAILED_STATUS
    return TracedSpan(
        name=" ".join(filter(None, (operation or record.route, record.model))),
        trace=trace,
        begin=record.at,
        end=record.at + (record.total_ms or 0.0) / MILLISECONDS,
        attributes=_told(
            {
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": PROVIDER,
                "gen_ai.request.model": record.model,
                "gen_ai.request.stream": record.stream,
                "gen_ai.response.finish_reasons": (record.finish,),
                "gen_ai.response.time_to_first_chunk": _seconds(record.ttft_ms),
                "url.path": record.route,
                "http.response.status_code": record.status,
                "error.type": str(record.status) if failed else "",
                "charter.request_id": record.request_id,
                "charter.queue_seconds": _seconds(record.queue_ms),
                **_of_tokens(record),
            }
        ),
        error=record.error if failed else "",
        answers=True,
    )


def span_of_request(
    record: TrafficRecord, parts: PromptParts | None, parent: TraceContext | None = None
) -> TracedSpan:
    """A request as the tap tells of it: beneath the span of the gateway that sent it, if that is
    known, and with what became of its tokens."""
    became = {} if parts is None else structs.asdict(parts)
    return TracedSpan(
        name=f"text_completion {record.node}".strip(),
        trace=root() if parent is None else beneath(parent),
        begin=record.at,
        end=record.at + (record.total_ms or 0.0) / MILLISECONDS,
        attributes=_told(
            {
                "gen_ai.operation.name": "text_completion",
                "gen_ai.provider.name": PROVIDER,
                "gen_ai.agent.name": record.agent,
                "gen_ai.response.finish_reasons": (record.finish,),
                "gen_ai.response.time_to_first_chunk": _seconds(record.ttft_ms),
                "error.type": "_OTHER" if record.error else "",
                "charter.request_id": record.request_id,
                "charter.source": record.source,
                "charter.form": record.form,
                "charter.revision": record.revision,
                "charter.queue_seconds": _seconds(record.queue_ms),
                **_of_tokens(record),
                **{f"charter.tokens.{part}": tokens for part, tokens in became.items() if tokens},
            }
        ),
        error=record.error,
    )


def span_of_push(what: str, begin: float, end: float, outcome: PushReport | str) -> TracedSpan:
    """A push or a rollback: its report, or why it failed."""
    report = outcome if isinstance(outcome, PushReport) else None
    return TracedSpan(
        name=what,
        trace=root(),
        begin=begin,
        end=end,
        attributes=_told(
            {
                "charter.revision": None if report is None else report.revision,
                "charter.changes": None if report is None else len(report.diff.changes),
                "error.type": "" if report is not None else "_OTHER",
            }
        ),
        error=outcome if isinstance(outcome, str) else "",
    )


def root() -> TraceContext:
    """A span that begins a trace."""
    return TraceContext(trace_id=secrets.token_hex(16), span_id=secrets.token_hex(8))


def beneath(parent: TraceContext) -> TraceContext:
    """A span that another waits for."""
    return TraceContext(
        trace_id=parent.trace_id,
        span_id=secrets.token_hex(8),
        parent_id=parent.span_id,
        sampled=parent.sampled,
        state=parent.state,
    )


def _of_tokens(record: GatewayRecord | TrafficRecord) -> dict[str, SpanValue | None]:
    return {
        "gen_ai.conversation.id": record.session,
        "gen_ai.usage.input_tokens": record.prompt_tokens,
        "gen_ai.usage.output_tokens": record.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": record.reused_tokens,
        "charter.node": record.node,
        "charter.unmatched": record.unmatched,
    }


def _told(attributes: Mapping[str, SpanValue | None]) -> dict[str, SpanValue]:
    """Those that say something."""
    return {name: value for name, value in attributes.items() if value not in (None, "")}


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / MILLISECONDS
