"""Measured requests from a recording, from what `run --json` printed, or from lines of records."""

import re
from pathlib import Path

import msgspec

from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.notes import Note
from charter_engine.errors import UsageError
from charter_engine.store.recording_format import MAGIC, NotARecording

_FIRST_KEY = re.compile(rb'\s*\{\s*"(run|record)"\s*:')
HEAD_BYTES = 256
"""Derived: the first key of a record stands within its first 20 bytes, but for blanks."""


def holds_records(path: Path) -> bool:
    """Whether a file looks like one of measured requests. Raises OSError."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return head.startswith(MAGIC) or _FIRST_KEY.match(head) is not None


def request_records(path: Path) -> tuple[list[RequestRecord], tuple[Note, ...]]:
    """The measured requests of a file, and what of it is damaged. Raises `UsageError`, naming the
    file and what to do."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return _recorded(path)
            file.seek(0)
            content = file.read()
    except (OSError, NotARecording) as error:
        raise UsageError(f"{path}: {error}", remedy="name a readable recording") from error
    try:
        if content.lstrip()[:1] == b"{" and b'"requests"' in content:
            return list(msgspec.json.decode(content, type=RunReport).requests), ()
        return msgspec.json.Decoder(RequestRecord).decode_lines(content), ()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{path}: {error}",
            remedy=(
                "give a recording, what `charter-engine run --json` printed, "
                "or one request record a line"
            ),
        ) from error


def _recorded(path: Path) -> tuple[list[RequestRecord], tuple[Note, ...]]:
    from charter_engine.store.recording_reader import RecordingReader

    reader = RecordingReader(path)
    try:
        found = list(reader.requests())
        damaged = f"{path}: {reader.damaged}; the rest is used" if reader.damaged else ""
    finally:
        reader.close()
    return found, (Note(damaged),) if damaged else ()
