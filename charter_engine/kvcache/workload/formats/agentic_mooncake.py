"""Agentic Mooncake (ai-dynamo/dynamo): an agent's requests with the ones they wait for.

The first version, which Dynamo makes of its request trace (lib/data-gen), has `wait_for` and
`branches`; the second one (lib/mocker) `dependencies`, and ids of blocks that mean the same within
one `play_id` only.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal

import numpy as np
from msgspec import UNSET, Raw, Struct, UnsetType

from charter_engine.kvcache.workload.batch import RequestColumns, numbers_of
from charter_engine.kvcache.workload.formats.following import FollowingReader
from charter_engine.kvcache.workload.formats.reading import MS_PER_UNIT, Format, ReadOptions
from charter_engine.kvcache.workload.ids import Ids, joined_ids
from charter_engine.kvcache.workload.waits import WaitsBuilder

SCHEMA = "dynamo.agentic_mooncake"
BLOCK_TOKENS = 512
"""Taken from Mooncake's published traces."""


class AgenticDependency(Struct, gc=False):
    """A request that another one waits for: until it has ended, or until it was sent."""

    request_id: str
    trigger: Literal["completion", "dispatch"] = "completion"
    delay_ms: float = 0.0


class AgenticLine(Struct, Generic[Ids], gc=False):
    """A request, or the header of the file, which has a `schema`.

    It is sent when all of `wait_for` have ended, `delay` and `tool_wait_ms` later, and all of its
    `dependencies` are met; never before `not_before_ms`. `branches` names requests that wait for
    this one.
    """

    schema: str = ""
    block_size: int | None = None
    hash_id_scope: str = "global"
    request_id: str = ""
    session_id: str | int | None = None
    play_id: str = ""
    input_length: int = 0
    output_length: int = 0
    hash_ids: Ids | UnsetType = UNSET
    timestamp: float | None = None
    not_before_ms: float = 0.0
    delay: float | None = None
    wait_for: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    tool_wait_ms: float | None = None
    dependencies: tuple[AgenticDependency, ...] = ()


class AgenticReader(FollowingReader):
    """Adds requests in the order in which they stand; those waited for come first."""

    row: Any = AgenticLine[list[int] | None]
    line: Any = AgenticLine[Raw]

    def __init__(self, options: ReadOptions) -> None:
        super().__init__()
        self._block_tokens = options.block_tokens
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "ms"]
        self._branched: dict[str, list[str]] = {}
        self._last: dict[str, str] = {}
        self._is_local = False

    def places_of_requests(self, rows: Sequence[AgenticLine[Any]]) -> Sequence[int]:
        """See `BatchReader`. A header is for all that stands behind it."""
        for header in (row for row in rows if row.schema == SCHEMA):
            self._block_tokens = self._block_tokens or header.block_size
            self._is_local = header.hash_id_scope == "local"
        return [index for index, row in enumerate(rows) if row.schema != SCHEMA]

    def columns(self, rows: Sequence[AgenticLine[Any]]) -> RequestColumns:
        """See `BatchReader`."""
        unit_count, units = joined_ids([row.hash_ids for row in rows])
        return RequestColumns(
            arrival_ms=np.zeros(len(rows)),
            input_length=numbers_of(rows, "input_length"),
            output_length=numbers_of(rows, "output_length"),
            unit_tokens=np.full(len(rows), self._block_tokens or BLOCK_TOKENS),
            unit_count=unit_count,
            units=units,
            scopes=[(row.play_id, "") for row in rows] if self._is_local else (),
            sessions=[_session(row) for row in rows],
            refused=_refused(rows),
        )

    def arrivals(
        self, rows: Sequence[AgenticLine[Any]], first: int, waits: WaitsBuilder
    ) -> list[float]:
        """See `FollowingReader`."""
        followers, known = self.followers, self.followers.known
        arrivals = []
        for place, row in enumerate(rows, start=first):
            arrival = self._earliest(row)
            followers.repeated += row.request_id in known
            named, delay = self._waits(row)
            if len(named) == 1 and named[0] in known:
                previous, arrived = known[named[0]]
                waits.add(place, (previous,), delay)
                arrival = max(arrival, arrived + delay)
            elif named:
                places, arrived = followers.waited_for(named)
                if places:
                    waits.add(place, places, delay)
                    arrival = max(arrival, arrived + delay)
            known[row.request_id] = place, arrival
            self._last[_session(row)] = row.request_id
            for branch in row.branches:
                self._branched.setdefault(branch, []).append(row.request_id)
            arrivals.append(arrival)
        return arrivals

    def _earliest(self, row: AgenticLine[Any]) -> float:
        """The earliest time at which a request is sent, in ms, whenever others end."""
        earliest = row.not_before_ms
        if row.timestamp is not None and row.timestamp > earliest:
            earliest = row.timestamp
        earliest *= self._ms_per_unit
        for one in row.dependencies:
            if one.trigger == "dispatch":
                earliest = max(earliest, self.followers.sent(one.request_id) + one.delay_ms)
        return earliest

    def _waits(self, row: AgenticLine[Any]) -> tuple[Sequence[str], float]:
        """The requests whose end a request waits for, and for how long after the last one. Of
        several waits the longest counts. In a file without plays, one that has a delay or no time,
        and names nobody, waits for the one before it in its session."""
        delay = (row.delay or 0.0) * self._ms_per_unit + (row.tool_wait_ms or 0.0)
        named = row.wait_for
        if row.request_id in self._branched:
            named = (*named, *self._branched.pop(row.request_id))
        for one in row.dependencies:
            if one.trigger == "completion":
                named, delay = (*named, one.request_id), max(delay, one.delay_ms)
        if not named and not row.play_id and (row.timestamp is None or row.delay is not None):
            previous = self._last.get(_session(row))
            return (previous,) if previous is not None else (), delay
        return named if len(named) < 2 else [*dict.fromkeys(named)], delay


def _refused(rows: Sequence[AgenticLine[Any]]) -> dict[int, str]:
    """What is wrong with lines of another format, by their places."""
    found = {
        index: "`request_id` is missing" for index, row in enumerate(rows) if not row.request_id
    }
    schemas = {
        index: f"`schema` is {row.schema!r} in a file of {SCHEMA}"
        for index, row in enumerate(rows)
        if row.schema
    }
    return found | schemas


def _session(row: AgenticLine[Any]) -> str:
    session = "" if row.session_id is None else str(row.session_id)
    return f"{row.play_id}/{session}" if row.play_id else session


def _recognises(first: Mapping[str, Any]) -> bool:
    # The first request waits for nobody, and what is empty is not written.
    agentic = {"session_id", "wait_for", "branches", "tool_wait_ms", "dependencies"} & first.keys()
    return first.get("schema") == SCHEMA or bool("request_id" in first and agentic)


AGENTIC_MOONCAKE = Format("agentic Mooncake", _recognises, AgenticReader)
