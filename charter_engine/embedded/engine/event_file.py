"""The engine's KV cache events, in a file that Charter follows.

TensorRT-LLM's engine path has no way to them; its trtllm-serve gives the same ones, a JSON document
each.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from charter_engine.embedded.engine.settings import Warn
from charter_engine.kvcache.manager.events import Event

FILE_VARIABLE = "CHARTER_KV_EVENTS"
"""Names the file; without it no events are kept."""
MOST_BYTES = 32 * 1024 * 1024
"""Of a file before another one is begun in its place. Who reads along has read it by then."""


class EventFile:
    """Writes events, a line each. A file that cannot be written ends it, with a warning."""

    def __init__(self, path: Path, warn: Warn) -> None:
        self._path, self._warn = path, warn
        self._encode = msgspec.json.Encoder().encode
        self._descriptor: int | None = None
        self._size = MOST_BYTES
        self._failed = False

    def write(self, events: Sequence[Event]) -> None:
        """Add events."""
        if not events or self._failed:
            return
        lines = b"".join(self._encode(event) + b"\n" for event in events)
        try:
            if self._size >= MOST_BYTES:
                self._begin()
            assert self._descriptor is not None
            os.write(self._descriptor, lines)
        except OSError as error:
            self._failed = True
            self._warn(f"KV cache events are no longer written: {error}")
        self._size += len(lines)

    def close(self) -> None:
        """No more events come."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _begin(self) -> None:
        """Another file in place of the one before, which those who read it keep."""
        self.close()
        self._path.unlink(missing_ok=True)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._size = 0


def event_file(warn: Warn) -> EventFile | None:
    """The file that the environment names, if it does."""
    named = os.environ.get(FILE_VARIABLE)
    return EventFile(Path(named), warn) if named else None
