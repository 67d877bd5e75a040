"""The chat traces of Alibaba's Bailian (alibaba-edu/qwen-bailian-usagetraces-anon): blocks of 16
tokens, times in seconds, and turns that name the one they continue."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from charter_engine.kvcache.workload.batch import (
    RequestColumns,
    joined_ids,
    numbers_of,
    times_of,
)
from charter_engine.kvcache.workload.formats.reading import (
    MS_PER_UNIT,
    BatchReader,
    Format,
    ReadOptions,
)

BLOCK_TOKENS = 16


class BailianLine(Struct, gc=False):
    """A turn of a chat. A first one has the parent -1."""

    chat_id: int
    parent_chat_id: int
    timestamp: float
    input_length: int
    output_length: int
    hash_ids: list[int] = []
    type: str = ""


class BailianReader(BatchReader):
    """Tells the sessions from the parents: a session is named by its first chat."""

    row = BailianLine

    def __init__(self, options: ReadOptions) -> None:
        self._block_tokens = options.block_tokens or BLOCK_TOKENS
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "s"]
        self._session_of: dict[int, int] = {}

    def columns(self, rows: Sequence[BailianLine]) -> RequestColumns:
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

    def _session(self, row: BailianLine) -> int:
        parent = row.parent_chat_id
        session = row.chat_id if parent < 0 else self._session_of.get(parent, parent)
        self._session_of[row.chat_id] = session
        return session


def _recognises(first: Mapping[str, Any]) -> bool:
    return "chat_id" in first and "parent_chat_id" in first and "input_length" in first


BAILIAN = Format("Bailian chats", _recognises, BailianReader)
