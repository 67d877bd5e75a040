"""Dynamo's request trace, `dynamo.request.trace.v1`: what its front end writes at the end of each
request, with 64-bit hashes of the prompt's blocks."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic

import numpy as np
from msgspec import Raw, Struct

from charter_engine.kvcache.workload.batch import (
    RequestColumns,
    column,
    served_column,
    whole_numbers,
)
from charter_engine.kvcache.workload.formats.reading import BatchReader, Format, ReadOptions
from charter_engine.kvcache.workload.ids import Ids, joined_ids

SCHEMA = "dynamo.request.trace.v1"


class DynamoReplay(Struct, Generic[Ids], gc=False):
    """What a replay needs of the prompt."""

    trace_block_size: int
    input_length: int
    input_sequence_hashes: Ids


NO_REPLAY: DynamoReplay[list[int]] = DynamoReplay(1, 0, [])


class TracedRequest(Struct, Generic[Ids], gc=False):
    """A request that has ended."""

    output_tokens: int | None = None
    input_tokens: int | None = None
    request_received_ms: float | None = None
    total_time_ms: float | None = None
    replay: DynamoReplay[Ids] | None = None


class TraceEvent(Struct, Generic[Ids]):
    """A line of the trace. Other events than the end of a request tell of tools and payloads."""

    schema: str
    event_type: str = ""
    event_time_unix_ms: float | None = None
    agent_context: dict[str, Any] | None = None
    request: TracedRequest[Ids] | None = None


class DynamoTraceReader(BatchReader):
    """Takes the requests that have ended, by the time they were received."""

    row: Any = TraceEvent[list[int]]
    line: Any = TraceEvent[Raw]

    def __init__(self, options: ReadOptions) -> None:
        self._block_tokens = options.block_tokens

    def places_of_requests(self, rows: Sequence[TraceEvent[Any]]) -> Sequence[int]:
        """See `BatchReader`. Lines of another schema are among them, to be told."""
        return [
            index
            for index, row in enumerate(rows)
            if row.event_type == "request_end" or row.schema != SCHEMA
        ]

    def columns(self, rows: Sequence[TraceEvent[Any]]) -> RequestColumns:
        """See `BatchReader`."""
        requests = [row.request or TracedRequest() for row in rows]
        replays = [request.replay or NO_REPLAY for request in requests]
        unit_count, units = joined_ids([replay.input_sequence_hashes for replay in replays])
        times = [_times(row) for row in rows]
        return RequestColumns(
            arrival_ms=np.array([received for received, _ in times], dtype=np.float64),
            input_length=whole_numbers(
                "input_length",
                [
                    replay.input_length or request.input_tokens or 0
                    for replay, request in zip(replays, requests, strict=True)
                ],
            ),
            output_length=whole_numbers(
                "output_tokens", [request.output_tokens or 0 for request in requests]
            ),
            unit_tokens=column(
                [self._block_tokens or replay.trace_block_size for replay in replays]
            ),
            unit_count=unit_count,
            units=units,
            sessions=[str((row.agent_context or {}).get("session_id") or "") for row in rows],
            served_ms=served_column([served for _, served in times]),
            refused={index: why for index, row in enumerate(rows) if (why := _problem(row))},
        )


def _problem(row: TraceEvent[Any]) -> str | None:
    """What is missing at the end of a request."""
    if row.schema != SCHEMA:
        return f"`schema` is {row.schema!r} in a file of {SCHEMA}"
    if row.event_type != "request_end":
        return None
    if row.request is None:
        return "`request` is missing at the end of one"
    if row.request.replay is None and row.request.input_tokens is None:
        return "neither `replay` nor `input_tokens` says how long the prompt was"
    if row.request.output_tokens is None:
        return "`output_tokens` is missing"
    return None


def _times(row: TraceEvent[Any]) -> tuple[float, float | None]:
    """When a request was received, and how long it took, in ms."""
    request = row.request or TracedRequest()
    ended, served, received = (
        row.event_time_unix_ms, request.total_time_ms, request.request_received_ms,
    )  # fmt: skip
    if received is None:
        return (ended or 0.0) - (served or 0.0), served
    if served is None and ended is not None:
        return received, ended - received
    return received, served


def _recognises(first: Mapping[str, Any]) -> bool:
    return first.get("schema") == SCHEMA


DYNAMO_TRACE = Format("Dynamo's request trace", _recognises, DynamoTraceReader)
