"""Keeps credentials out of all that Charter says: logs, events, errors, recordings, JSON.

Whoever learns a credential names it here; whatever leaves the process passes through here. Nothing
is searched for by its looks: a scrubber that guesses both misses and garbles.
"""

import json
import logging
import sys
import traceback
from types import TracebackType
from typing import TypeVar

MASK = "•••"
SHORTEST = 4
"""A shorter value is no secret, and would be found in every other word."""

Record = TypeVar("Record")
_secrets: set[str] = set()


def keep_secret(value: str) -> None:
    """From now on `value` is not said, nor its form within a string of JSON or Python."""
    if len(value) >= SHORTEST:
        _secrets.update((value, json.dumps(value)[1:-1], repr(value)[1:-1]))


def scrub(text: str) -> str:
    """The text with every known secret masked."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def scrub_record(record: Record) -> Record:
    """A record with every known secret masked in its texts. One that holds none is given back as it
    is."""
    if not _secrets:
        return record
    import msgspec

    packed = msgspec.msgpack.encode(record)
    if not any(secret.encode() in packed for secret in _secrets):
        return record
    masked: Record = msgspec.convert(_scrubbed(msgspec.to_builtins(record)), type(record))
    return masked


def scrub_output() -> None:
    """Mask secrets in log lines, where logging is set up by now, and in the traceback of an error
    that nobody caught."""
    for handler in logging.getLogger().handlers:
        if handler.formatter is not None and not isinstance(handler.formatter, ScrubbedFormatter):
            handler.setFormatter(ScrubbedFormatter(handler.formatter))
    sys.excepthook = _tell


class ScrubbedFormatter(logging.Formatter):
    """Masks secrets in what another formatter made, the traceback included."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return scrub(self._inner.format(record))


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(scrub("".join(traceback.format_exception(kind, error, trace))))


def _scrubbed(value: object) -> object:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item) for item in value]
    return value
