"""Recordings: export as JSON Lines, and cut."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.contracts.exporting import ExportRequest, ExportResult
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.store.recording_reader import RecordingReader

Write = Callable[[bytes], object]


def export(request: ExportRequest, write: Write) -> ExportResult:
    """Hand every gauge that changed, event and request to `write`, oldest first, as one JSON object
    a line; its field `record` says what it is. Raises `UsageError`, and what `write` raises."""
    import msgspec

    from charter_engine.contracts.live import RequestRecord
    from charter_engine.store.recording_cut import stretch

    encoder = msgspec.json.Encoder()
    with _reading(request.recording) as reader:
        for messages in stretch(reader, request.begin, request.end):
            for message in messages:
                is_request = isinstance(message, RequestRecord)
                if request.requests_only and not is_request:
                    continue
                kind = "request" if is_request else type(message).__name__.lower()
                line = {"record": kind, **msgspec.to_builtins(message)}
                write(encoder.encode(line) + b"\n")
        return ExportResult(damaged=reader.damaged)


def cut(request: ExportRequest, output: str) -> ExportResult:
    """Write the stretch as a recording of its own. Raises `UsageError` if the file exists or the
    stretch is empty, and OSError."""
    from charter_engine.store import recording_cut
    from charter_engine.store.recording_writer import RecordingError

    with _reading(request.recording) as reader:
        try:
            recording_cut.cut(reader, request.begin, request.end, Path(output))
        except RecordingError as error:
            raise UsageError(str(error)) from None
        return ExportResult(damaged=reader.damaged)


@contextmanager
def _reading(path: str) -> "Iterator[RecordingReader]":
    from charter_engine.store.recording_format import NotARecording
    from charter_engine.store.recording_reader import RecordingReader

    try:
        reader = RecordingReader(Path(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except NotARecording as error:
        raise UsageError(str(error), remedy="give the path of a recording") from None
    try:
        yield reader
    finally:
        reader.close()
