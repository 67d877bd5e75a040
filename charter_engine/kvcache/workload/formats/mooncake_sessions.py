"""Mooncake lines with sessions, as AIPerf and Dynamo read them: a turn has the `delay` in ms (or
`delay_ms`) after the end of the one before it in its `session_id`, and only the first has a
time."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.following import Followers, runs_of
from charter_engine.kvcache.workload.formats.reading import (
    MS_PER_UNIT,
    Format,
    ReadOptions,
    RecordReader,
)

BLOCK_TOKENS = 512


class SessionLine(Struct, gc=False):
    """A turn of a session. One that waits for others by name is of another format."""

    session_id: str | int
    input_length: int
    output_length: int = 0
    hash_ids: list[int] = []
    timestamp: float | None = None
    delay: float | None = None
    delay_ms: float | None = None
    block_tokens: int | None = None
    wait_for: list[str] | None = None


class MooncakeSessionReader(RecordReader):
    """Has every turn that has a delay, or no time, follow the one before it."""

    row = SessionLine

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "ms"]
        self._followers = Followers()

    def read(self, row: SessionLine, builder: WorkloadBuilder) -> None:
        """See `RecordReader`."""
        if row.wait_for is not None:
            raise ValueError("`wait_for` belongs to another format than that of the first line")
        session = str(row.session_id)
        arrival, follows = (row.timestamp or 0.0) * self._ms_per_unit, None
        delay = row.delay_ms if row.delay is None else row.delay * self._ms_per_unit
        if delay is not None or row.timestamp is None:
            waiting = self._followers.after_previous(session, delay or 0.0)
            if waiting is not None:
                after, follows = waiting
                arrival = after if row.timestamp is None else arrival
        block_tokens = self._options.block_tokens or row.block_tokens or BLOCK_TOKENS
        builder.add(
            arrival,
            row.input_length,
            row.output_length,
            block_tokens,
            runs_of(row.hash_ids),
            session=session,
        )
        self._followers.added(session, arrival, follows, builder)

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""
        builder.notes += self._followers.notes()


def _recognises(first: Mapping[str, Any]) -> bool:
    return "session_id" in first and "input_length" in first


MOONCAKE_SESSIONS = Format("Mooncake lines with sessions", _recognises, MooncakeSessionReader)
