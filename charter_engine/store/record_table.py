"""Records as a table, a column a field; and a table as CSV or Parquet."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple

from charter_engine.contracts.exporting import ExportTable
from charter_engine.contracts.gauges import Event, Gauge, Ticked
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.series import TICK_FIGURES, Tick
from charter_engine.store.recording_reader import Message

Cell = str | int | float | None


class NoParquet(Exception):
    """The package that writes Parquet is not installed."""


class RecordColumn(NamedTuple):
    """A column: its name, the kind of its cells, and how a record gives one."""

    name: str
    kind: type[str] | type[int] | type[float]
    of: Callable[[Any], Cell]


class RecordTable(NamedTuple):
    """Columns, and the records that they are of."""

    columns: tuple[RecordColumn, ...]
    records: Iterable[Any]


def table_of(name: ExportTable, messages: Iterable[Message]) -> RecordTable:
    """The requests, ticks or events among what was recorded, in order."""
    return RecordTable(_COLUMNS[name], _CHOSEN[name](messages))


def csv_lines(table: RecordTable) -> Iterator[str]:
    """RFC 4180 with its names first; what is not known is an empty cell."""
    line = io.StringIO()
    writer = csv.writer(line)
    names: list[Cell] = [column.name for column in table.columns]
    for row in chain([names], _rows(table)):
        writer.writerow(row)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def parquet(table: RecordTable) -> bytes:
    """An Apache Parquet file, packed with zstd. Raises `NoParquet`."""
    try:
        from arro3.core import Array, DataType, Table
        from arro3.io import write_parquet
    except ImportError:
        raise NoParquet from None
    kinds = {str: DataType.utf8(), int: DataType.int64(), float: DataType.float64()}
    rows = list(_rows(table))
    arrays: dict[str, Any] = {
        column.name: Array([row[place] for row in rows], type=kinds[column.kind])
        for place, column in enumerate(table.columns)
    }
    content = io.BytesIO()
    write_parquet(Table.from_pydict(arrays), content, compression="zstd(3)")
    return content.getvalue()


def _rows(table: RecordTable) -> Iterator[list[Cell]]:
    return ([column.of(record) for column in table.columns] for record in table.records)


def _requests(messages: Iterable[Message]) -> Iterator[RequestRecord]:
    return (one for one in messages if isinstance(one, RequestRecord))


def _events(messages: Iterable[Message]) -> Iterator[Event]:
    return (one for one in messages if isinstance(one, Event))


def _ticks(messages: Iterable[Message]) -> Iterator[Tick]:
    """Each once: a recording states anew what stood when a stretch of it begins."""
    last = float("-inf")
    for message in messages:
        if isinstance(message, Gauge) and isinstance(message.payload, Ticked):
            tick = message.payload.tick
            if tick.at > last:
                last = tick.at
                yield tick


_CHOSEN: Final[dict[ExportTable, Callable[[Iterable[Message]], Iterable[Any]]]] = {
    "requests": _requests,
    "events": _events,
    "ticks": _ticks,
}


def _fields(kind: type[str] | type[int] | type[float], *names: str) -> tuple[RecordColumn, ...]:
    return tuple(RecordColumn(name, kind, attrgetter(name)) for name in names)


_REQUEST: Final = (
    *_fields(str, "run", "node", "source"),
    *_fields(int, "item"),
    *_fields(float, "started_at"),
    *_fields(
        int, "prompt_tokens", "reused_tokens", "computed_tokens", "output_tokens", "reused_blocks"
    ),
    *_fields(int, "missed_blocks", "alloc_new_blocks", "alloc_total_blocks", "attempts"),
    *_fields(float, "queue_ms", "ttft_ms", "latency_ms"),
    *_fields(str, "error", "request_id"),
)
_TICK: Final = (
    *_fields(float, "at", "seconds"),
    *_fields(int, "requests", "prompt_tokens", "computed_tokens"),
    *_fields(float, "hit_rate", *TICK_FIGURES),
)
_EVENT: Final = (
    *_fields(int, "sequence"),
    *_fields(float, "at"),
    *_fields(str, "kind", "level", "node", "text"),
)
_COLUMNS: Final[dict[ExportTable, tuple[RecordColumn, ...]]] = {
    "requests": _REQUEST,
    "ticks": _TICK,
    "events": _EVENT,
}
