"""Requests as Mooncake publishes them (kvcache-ai/Mooncake, FAST25-release/traces), and what
Charter adds to them: one a line, with the lengths and the ids of 512-token prefix blocks or of
tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Raw, Struct, UnsetType

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.batch import (
    RequestColumns,
    batch_of,
    column,
    names_of,
    numbers_of,
    scopes_of,
    served_of,
    times_of,
)
from charter_engine.kvcache.workload.formats.reading import (
    MS_PER_UNIT,
    BatchReader,
    Format,
    ReadOptions,
)
from charter_engine.kvcache.workload.ids import Ints, joined_ids

BLOCK_TOKENS = 512
"""Taken from the published traces (FAST25-release): each id is a block of 512 tokens."""


class MooncakeLine(WorkloadRequest, frozen=True, kw_only=True, gc=False):
    """A request that the garbage collector need not look at: nothing in it can refer back to it.

    Lines of other formats have these fields, and mean other times and blocks by the rest.
    """

    chat_id: int | str | UnsetType | None = UNSET
    session_id: int | str | UnsetType | None = UNSET
    wait_for: list[str] | UnsetType | None = UNSET


class LengthsLine(Struct, gc=False, forbid_unknown_fields=True):
    """A request of which only time and lengths are told. The fewer fields a record has, the sooner
    it is decoded."""

    timestamp: float
    input_length: int
    output_length: int


class PublishedLine(LengthsLine, gc=False, forbid_unknown_fields=True):
    """A request of which no more is told than Mooncake does, with its ids as they are written."""

    hash_ids: Raw | UnsetType = UNSET
    block_tokens: int = BLOCK_TOKENS


class RecordedLine(PublishedLine, gc=False, forbid_unknown_fields=True):
    """A request that says whose it is, and may name its tokens."""

    token_ids: Raw | UnsetType = UNSET
    node: str = ""
    session: str = ""
    salt: str = ""
    adapter: str = ""
    served_ms: float | None = None

    @property
    def names_tokens(self) -> bool:
        """Whether its content is told by token."""
        return self.token_ids is not UNSET and bytes(self.token_ids) != b"[]"


_FOREIGN = ("chat_id", "session_id", "wait_for")
_DECODERS = tuple(
    msgspec.json.Decoder(line) for line in (LengthsLine, PublishedLine, RecordedLine, MooncakeLine)
)


class MooncakeReader(BatchReader):
    """Decodes the lines of a file with as few fields as they have so far."""

    row = line = MooncakeLine

    def __init__(self, options: ReadOptions) -> None:
        self._block_tokens = options.block_tokens
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "ms"]
        self._decoders = list(_DECODERS)

    def decode(self, lines: bytes) -> Sequence[Any]:
        """See `Reader`."""
        while len(self._decoders) > 1:
            try:
                return self._decoders[0].decode_lines(lines)
            except msgspec.ValidationError:
                del self._decoders[0]
        return self._decoders[0].decode_lines(lines)

    def columns(self, rows: Sequence[Any]) -> RequestColumns:
        """See `BatchReader`."""
        if rows and isinstance(rows[0], MooncakeLine):
            batch = batch_of(rows, self._block_tokens, self._ms_per_unit)
            return replace(batch, refused=_of_other_formats(rows))
        unit_count, units, unit_tokens = self._units(rows)
        batch = RequestColumns(
            arrival_ms=times_of(rows, "timestamp") * self._ms_per_unit,
            input_length=numbers_of(rows, "input_length"),
            output_length=numbers_of(rows, "output_length"),
            unit_tokens=unit_tokens,
            unit_count=unit_count,
            units=units,
        )
        if not (rows and isinstance(rows[0], RecordedLine)):
            return batch
        return replace(
            batch,
            scopes=scopes_of(rows),
            nodes=names_of(rows, "node"),
            sessions=names_of(rows, "session"),
            served_ms=served_of(rows),
        )

    def _units(self, rows: Sequence[Any]) -> tuple[Ints, Ints, Ints]:
        """Units of each request, all of them, and the tokens of one."""
        if rows and not isinstance(rows[0], PublishedLine):
            none, size = np.zeros(len(rows), dtype=np.int64), self._block_tokens or BLOCK_TOKENS
            return none, column(()), np.full(len(rows), size)
        sizes = (
            np.full(len(rows), self._block_tokens)
            if self._block_tokens
            else numbers_of(rows, "block_tokens")
        )
        if not (rows and isinstance(rows[0], RecordedLine)):
            return *joined_ids([row.hash_ids for row in rows]), sizes
        by_token = np.array([row.names_tokens for row in rows])
        counts, units = joined_ids(
            [row.token_ids if row.names_tokens else row.hash_ids for row in rows]
        )
        return counts, units, np.where(by_token, 1, sizes)


def _of_other_formats(rows: Sequence[MooncakeLine]) -> dict[int, str]:
    """What is wrong with lines of another format, by their places."""
    return {
        index: f"`{name}` belongs to another format than that of the first line"
        for name in _FOREIGN
        for index, row in enumerate(rows)
        if getattr(row, name) is not UNSET
    }


def _recognises(first: Mapping[str, Any]) -> bool:
    return "input_length" in first and "timestamp" in first


MOONCAKE = Format("Mooncake lines", _recognises, MooncakeReader)
