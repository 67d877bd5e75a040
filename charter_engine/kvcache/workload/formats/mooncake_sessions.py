"""Mooncake lines with sessions, as AIPerf and Dynamo read them: a turn has the `delay` in ms (or
`delay_ms`) after the end of the one before it in its `session_id`, and only the first has a
time."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic

import numpy as np
from msgspec import UNSET, Raw, Struct, UnsetType

from charter_engine.kvcache.workload.batch import (
    RequestColumns,
    column,
    numbers_of,
)
from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.following import FollowingReader
from charter_engine.kvcache.workload.formats.reading import MS_PER_UNIT, Format, ReadOptions
from charter_engine.kvcache.workload.ids import Ids, joined_ids

BLOCK_TOKENS = 512


class SessionLine(Struct, Generic[Ids], gc=False):
    """A turn of a session. One that waits for others by name is of another format."""

    session_id: str | int
    input_length: int
    output_length: int = 0
    hash_ids: Ids | UnsetType = UNSET
    timestamp: float | None = None
    delay: float | None = None
    delay_ms: float | None = None
    block_tokens: int | None = None
    wait_for: list[str] | None = None


class MooncakeSessionReader(FollowingReader):
    """Has every turn that has a delay, or no time, follow the one before it."""

    row: Any = SessionLine[list[int]]
    line: Any = SessionLine[Raw]

    def __init__(self, options: ReadOptions) -> None:
        super().__init__()
        self._block_tokens = options.block_tokens
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "ms"]

    def columns(self, rows: Sequence[SessionLine[Any]]) -> RequestColumns:
        """See `BatchReader`."""
        unit_count, units = joined_ids([row.hash_ids for row in rows])
        return RequestColumns(
            arrival_ms=np.zeros(len(rows)),
            input_length=numbers_of(rows, "input_length"),
            output_length=numbers_of(rows, "output_length"),
            unit_tokens=column(
                [self._block_tokens or row.block_tokens or BLOCK_TOKENS for row in rows]
            ),
            unit_count=unit_count,
            units=units,
            sessions=[str(row.session_id) for row in rows],
            refused={
                index: "`wait_for` belongs to another format than that of the first line"
                for index, row in enumerate(rows)
                if row.wait_for is not None
            },
        )

    def arrival(self, row: SessionLine[Any], place: int, builder: WorkloadBuilder) -> float:
        """See `FollowingReader`."""
        session = str(row.session_id)
        arrival, follows = (row.timestamp or 0.0) * self._ms_per_unit, None
        delay = row.delay_ms if row.delay is None else row.delay * self._ms_per_unit
        if delay is not None or row.timestamp is None:
            waiting = self.followers.after_previous(session, delay or 0.0)
            if waiting is not None:
                after, follows = waiting
                arrival = after if row.timestamp is None else arrival
        self.followers.added(session, place, arrival, follows, builder)
        return arrival


def _recognises(first: Mapping[str, Any]) -> bool:
    return "session_id" in first and "input_length" in first


MOONCAKE_SESSIONS = Format("Mooncake lines with sessions", _recognises, MooncakeSessionReader)
