"""Dynamo's request trace, `dynamo.request.trace.v1`: what its front end writes at the end of each
request, with 64-bit hashes of the prompt's blocks."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.following import runs_of
from charter_engine.kvcache.workload.formats.reading import Format, ReadOptions, RecordReader

SCHEMA = "dynamo.request.trace.v1"


class DynamoReplay(Struct, gc=False):
    """What a replay needs of the prompt."""

    trace_block_size: int
    input_length: int
    input_sequence_hashes: list[int]


class TracedRequest(Struct, gc=False):
    """A request that has ended."""

    output_tokens: int | None = None
    input_tokens: int | None = None
    request_received_ms: float | None = None
    total_time_ms: float | None = None
    replay: DynamoReplay | None = None


class TraceEvent(Struct):
    """A line of the trace. Other events than the end of a request tell of tools and payloads."""

    schema: str
    event_type: str = ""
    event_time_unix_ms: float | None = None
    agent_context: dict[str, Any] = field(default_factory=dict)
    request: TracedRequest | None = None


class DynamoTraceReader(RecordReader):
    """Takes the requests that have ended, by the time they were received."""

    row = TraceEvent

    def __init__(self, options: ReadOptions) -> None:
        self._block_tokens = options.block_tokens

    def read(self, row: TraceEvent, builder: WorkloadBuilder) -> None:
        """See `RecordReader`."""
        if row.schema != SCHEMA:
            raise ValueError(f"`schema` is {row.schema!r} in a file of {SCHEMA}")
        if row.event_type != "request_end":
            return
        request = row.request
        if request is None:
            raise ValueError("`request` is missing at the end of one")
        length = request.replay.input_length if request.replay else request.input_tokens
        if length is None:
            raise ValueError("neither `replay` nor `input_tokens` says how long the prompt was")
        if request.output_tokens is None:
            raise ValueError("`output_tokens` is missing")
        ended, served = row.event_time_unix_ms, request.total_time_ms
        received = request.request_received_ms
        if received is None:
            received = (ended or 0.0) - (served or 0.0)
        elif served is None and ended is not None:
            served = ended - received
        replay = request.replay
        builder.add(
            received,
            length,
            request.output_tokens,
            self._block_tokens or (replay.trace_block_size if replay else 1),
            runs_of(replay.input_sequence_hashes) if replay else [],
            session=str(row.agent_context.get("session_id") or ""),
            served_ms=served,
        )


def _recognises(first: Mapping[str, Any]) -> bool:
    return first.get("schema") == SCHEMA


DYNAMO_TRACE = Format("Dynamo's request trace", _recognises, DynamoTraceReader)
