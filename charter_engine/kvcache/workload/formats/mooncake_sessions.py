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
from charter_engine.kvcache.workload.formats.following import FollowingReader
from charter_engine.kvcache.workload.formats.reading import MS_PER_UNIT, Format, ReadOptions
from charter_engine.kvcache.workload.ids import Ids, joined_ids
from charter_engine.kvcache.workload.waits import WaitsBuilder

BLOCK_TOKENS = 512
"""Taken from Mooncake's published traces."""


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

    def arrivals(
        self, rows: Sequence[SessionLine[Any]], first: int, waits: WaitsBuilder
    ) -> list[float]:
        """See `FollowingReader`."""
        known, ms_per_unit = self.followers.known, self._ms_per_unit
        arrivals: list[float] = []
        waiting: list[tuple[int, int, float]] = []
        for place, row in enumerate(rows, start=first):
            session, time, delay = str(row.session_id), row.timestamp, row.delay_ms
            if row.delay is not None:
                delay = row.delay * ms_per_unit
            arrival = 0.0 if time is None else time * ms_per_unit
            if (delay is not None or time is None) and session in known:
                previous, arrived = known[session]
                waiting.append((place, previous, delay or 0.0))
                arrival = arrived + (delay or 0.0) if time is None else arrival
            known[session] = place, arrival
            arrivals.append(arrival)
        if waiting:
            waits.add_each(*zip(*waiting, strict=True))
        return arrivals


def _recognises(first: Mapping[str, Any]) -> bool:
    return "session_id" in first and "input_length" in first


MOONCAKE_SESSIONS = Format("Mooncake lines with sessions", _recognises, MooncakeSessionReader)
