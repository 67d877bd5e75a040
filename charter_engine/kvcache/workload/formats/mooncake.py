"""Requests as Mooncake publishes them (kvcache-ai/Mooncake, FAST25-release/traces), and what
Charter adds to them: one a line, with the lengths and the ids of 512-token prefix blocks or of
tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Struct, UnsetType

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.batch import (
    Ints,
    RequestColumns,
    batch_of,
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

BLOCK_TOKENS = 512


class MooncakeLine(WorkloadRequest, frozen=True, kw_only=True, gc=False):
    """A request that the garbage collector need not look at: nothing in it can refer back to it."""


class PublishedLine(Struct, gc=False, forbid_unknown_fields=True):
    """A request of which no more is said than Mooncake does. Most lines are such, and the fewer
    fields a record has, the sooner it is decoded."""

    timestamp: float
    input_length: int
    output_length: int
    hash_ids: list[int] | UnsetType = UNSET
    block_tokens: int = BLOCK_TOKENS


_published = msgspec.json.Decoder(PublishedLine)


class MooncakeReader(BatchReader):
    """Takes lines as `PublishedLine` up to the first one that says more."""

    row = MooncakeLine

    def __init__(self, options: ReadOptions) -> None:
        self._block_tokens = options.block_tokens
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "ms"]
        self._says_more = False

    def decode(self, lines: bytes) -> Sequence[Any]:
        """See `Reader`."""
        if not self._says_more:
            try:
                return _published.decode_lines(lines)
            except msgspec.ValidationError:
                self._says_more = True
        return super().decode(lines)

    def columns(self, rows: Sequence[Any]) -> RequestColumns:
        """See `BatchReader`."""
        if rows and not isinstance(rows[0], PublishedLine):
            return batch_of(rows, self._block_tokens, self._ms_per_unit)
        unit_count, units = joined_ids([row.hash_ids or () for row in rows])
        return RequestColumns(
            arrival_ms=times_of(rows, "timestamp") * self._ms_per_unit,
            input_length=numbers_of(rows, "input_length"),
            output_length=numbers_of(rows, "output_length"),
            unit_tokens=self._unit_tokens(rows),
            unit_count=unit_count,
            units=units,
        )

    def _unit_tokens(self, rows: Sequence[PublishedLine]) -> Ints:
        if self._block_tokens:
            return np.full(len(rows), self._block_tokens)
        return numbers_of(rows, "block_tokens")


def _recognises(first: Mapping[str, Any]) -> bool:
    return "input_length" in first and "timestamp" in first


MOONCAKE = Format("Mooncake lines", _recognises, MooncakeReader)
