"""The chat traces of Alibaba's Bailian (alibaba-edu/qwen-bailian-usagetraces-anon): blocks of 16
tokens, times in seconds, and turns that name the one they continue."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic

import numpy as np
from msgspec import UNSET, Raw, Struct, UnsetType

from charter_engine.kvcache.workload.batch import (
    RequestColumns,
    numbers_of,
    times_of,
)
from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.reading import (
    MS_PER_UNIT,
    BatchReader,
    Format,
    ReadOptions,
)
from charter_engine.kvcache.workload.ids import Ids, joined_ids

BLOCK_TOKENS = 16
"""Taken from the traces' own description: each id is the hash of 16 tokens."""


class BailianLine(Struct, Generic[Ids], gc=False):
    """A turn of a chat. A first one has the parent -1, or none."""

    chat_id: int
    parent_chat_id: int | None
    timestamp: float
    input_length: int
    output_length: int
    hash_ids: Ids | UnsetType = UNSET
    type: str = ""


class BailianReader(BatchReader):
    """Tells the sessions from the parents: a session is named by its first chat."""

    row: Any = BailianLine[list[int]]
    line: Any = BailianLine[Raw]

    def __init__(self, options: ReadOptions) -> None:
        self._block_tokens = options.block_tokens or BLOCK_TOKENS
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "s"]
        self._session_of: dict[int, int] = {}
        self._awaited: set[int] = set()
        self._repeated = 0

    def columns(self, rows: Sequence[BailianLine[Any]]) -> RequestColumns:
        """See `BatchReader`."""
        unit_count, units = joined_ids([row.hash_ids for row in rows])
        return RequestColumns(
            arrival_ms=times_of(rows, "timestamp") * self._ms_per_unit,
            input_length=numbers_of(rows, "input_length"),
            output_length=numbers_of(rows, "output_length"),
            unit_tokens=np.full(len(rows), self._block_tokens),
            unit_count=unit_count,
            units=units,
            nodes=[row.type for row in rows],
            sessions=[str(self._session(row)) for row in rows],
        )

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""
        for parent in self._awaited & self._session_of.keys():
            builder.joined_sessions[str(parent)] = str(self._first_chat(parent))
        if self._repeated:
            builder.notes.append(f"{self._repeated} chats have the id of an earlier one")

    def _session(self, row: BailianLine[Any]) -> int:
        """The session of a turn; where its parent comes later, that of the parent's own name."""
        parent = row.parent_chat_id
        if parent is None or parent < 0:
            session = row.chat_id
        elif parent in self._session_of:
            session = self._session_of[parent]
        else:
            session = parent
            self._awaited.add(parent)
        self._repeated += row.chat_id in self._session_of
        self._session_of[row.chat_id] = session
        return session

    def _first_chat(self, chat: int) -> int:
        """The chat that a session is named by, once all are known."""
        seen = set()
        while chat not in seen:
            seen.add(chat)
            chat = self._session_of.get(chat, chat)
        return chat


def _recognises(first: Mapping[str, Any]) -> bool:
    return "chat_id" in first and "parent_chat_id" in first and "input_length" in first


BAILIAN = Format("Bailian chats", _recognises, BailianReader)
