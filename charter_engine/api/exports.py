"""Recordings as files of other kinds: JSON Lines, CSV, Parquet, OpenMetrics."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from charter_engine.api.recordings import reading
from charter_engine.contracts.exporting import ExportRequest, ExportResult
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.store.recording_reader import Message, RecordingReader

Write = Callable[[bytes], object]


def export(request: ExportRequest, write: Write) -> ExportResult:
    """Hand a recording, or a stretch of it, to `write` in the form that is asked for.

    JSON Lines are every gauge that changed, event and request, oldest first, one object a line,
    whose field `record` says what it is. CSV and Parquet are one table, a column a field.
    OpenMetrics is what a Prometheus that scraped the engine would have, to be taken in by
    `promtool tsdb create-blocks-from openmetrics`. Raises `UsageError`, and what `write` raises.
    """
    with reading(request.recording) as reader:
        _FORMS[request.form](reader, request, write)
        return ExportResult(damaged=reader.damaged)


def _messages(reader: "RecordingReader", request: ExportRequest) -> "Iterator[Message]":
    from charter_engine.store.recording_cut import stretch

    for messages in stretch(reader, request.begin, request.end):
        yield from messages


def _as_lines(reader: "RecordingReader", request: ExportRequest, write: Write) -> None:
    import msgspec

    from charter_engine.contracts.live import RequestRecord

    encoder = msgspec.json.Encoder()
    for message in _messages(reader, request):
        is_request = isinstance(message, RequestRecord)
        if request.requests_only and not is_request:
            continue
        kind = "request" if is_request else type(message).__name__.lower()
        write(encoder.encode({"record": kind, **msgspec.to_builtins(message)}) + b"\n")


def _as_csv(reader: "RecordingReader", request: ExportRequest, write: Write) -> None:
    from charter_engine.store.record_table import csv_lines, table_of

    for line in csv_lines(table_of(request.table, _messages(reader, request))):
        write(line.encode())


def _as_parquet(reader: "RecordingReader", request: ExportRequest, write: Write) -> None:
    from charter_engine.store.record_table import NoParquet, parquet, table_of

    try:
        write(parquet(table_of(request.table, _messages(reader, request))))
    except NoParquet:
        raise UsageError(
            "Parquet needs arro3-io", remedy="pip install 'charter-kv[parquet]'"
        ) from None


def _as_openmetrics(reader: "RecordingReader", request: ExportRequest, write: Write) -> None:
    from charter_engine.monitor.metrics.recorded import scraped

    write(scraped(_messages(reader, request), request.step))


_FORMS = {
    "jsonl": _as_lines,
    "csv": _as_csv,
    "parquet": _as_parquet,
    "openmetrics": _as_openmetrics,
}
