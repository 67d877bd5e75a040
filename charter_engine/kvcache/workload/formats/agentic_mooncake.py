"""Agentic Mooncake, which Dynamo makes of its request traces (ai-dynamo/dynamo, lib/data-gen): an
agent's requests with the ones they wait for."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.following import Followers, runs_of
from charter_engine.kvcache.workload.formats.reading import (
    MS_PER_UNIT,
    Format,
    ReadOptions,
    RecordReader,
)

SCHEMA = "dynamo.agentic_mooncake"
BLOCK_TOKENS = 512


class AgenticLine(Struct, gc=False):
    """A request, or the header of the file, which has a `schema`.

    It is sent when all of `wait_for` have ended, `delay` and `tool_wait_ms` later. `branches` names
    requests that wait for this one.
    """

    schema: str = ""
    block_size: int | None = None
    request_id: str = ""
    session_id: str = ""
    input_length: int = 0
    output_length: int = 0
    hash_ids: list[int] = []
    timestamp: float | None = None
    delay: float = 0.0
    wait_for: list[str] = []
    branches: list[str] = []
    tool_wait_ms: float = 0.0
    dependencies: list[Any] = field(default_factory=list)


class AgenticReader(RecordReader):
    """Adds requests in the order in which they stand; those waited for come first."""

    row = AgenticLine

    def __init__(self, options: ReadOptions) -> None:
        self._block_tokens = options.block_tokens
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "ms"]
        self._followers = Followers()
        self._branched: dict[str, list[str]] = {}
        self._unread = 0

    def read(self, row: AgenticLine, builder: WorkloadBuilder) -> None:
        """See `RecordReader`."""
        if row.schema:
            self._block_tokens = self._block_tokens or row.block_size
            return
        self._unread += len(row.dependencies)
        waits = list(dict.fromkeys([*row.wait_for, *self._branched.pop(row.request_id, ())]))
        delay = row.delay * self._ms_per_unit + row.tool_wait_ms
        arrival, follows = (row.timestamp or 0.0) * self._ms_per_unit, None
        waiting = self._followers.waiting(waits, delay)
        if waiting is not None:
            arrival, follows = max(arrival, waiting[0]), waiting[1]
        builder.add(
            arrival,
            row.input_length,
            row.output_length,
            self._block_tokens or BLOCK_TOKENS,
            runs_of(row.hash_ids),
            session=row.session_id,
        )
        self._followers.added(row.request_id, arrival, follows, builder)
        for branch in row.branches:
            self._branched.setdefault(branch, []).append(row.request_id)

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""
        builder.notes += self._followers.notes()
        if self._unread:
            builder.notes.append(
                f"{self._unread} `dependencies` were not read: only `wait_for` and `branches` are"
            )


def _recognises(first: Mapping[str, Any]) -> bool:
    agentic = {"wait_for", "branches", "tool_wait_ms"} & first.keys()
    return first.get("schema") == SCHEMA or bool("request_id" in first and agentic)


AGENTIC_MOONCAKE = Format("agentic Mooncake", _recognises, AgenticReader)
