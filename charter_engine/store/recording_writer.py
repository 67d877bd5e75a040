"""Writes a recording: once a second, what changed. A process killed at any moment loses at most the
last second."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import zstandard
from msgspec.structs import replace

from charter_engine.contracts.gauges import (
    MARKED,
    TOPIC_OF,
    Event,
    EventKind,
    Gauge,
    Marker,
    Topic,
)
from charter_engine.contracts.live import RequestRecord
from charter_engine.store.delta import diff
from charter_engine.store.recording_format import (
    CHUNK,
    COUNT,
    COUNTED,
    EVENT,
    FULL,
    HEADER,
    MARK,
    MAX_UNPACKED_BYTES,
    PATCH,
    REQUEST,
    Entry,
    NotARecording,
    check_header,
    entry,
    header,
    scan,
)
from charter_engine.store.recording_parity import Parity

CHUNK_SECONDS = 480.0
"""Between full values: a seek unpacks at most this much, damage that parity can't mend hides at
most this much."""
COMPRESSION_LEVEL = 15
"""A tenth smaller than level 9, for 2 ms of processor time a second
(tests/benchmarks/bench_recording.py)."""
TO_JUMP_TO: frozenset[EventKind] = MARKED | {"compile", "run", "failure", "edit", "recording"}

Message = Gauge | Event | RequestRecord
Record = list[Any]


class RecordingError(ValueError):
    """The recording cannot be begun or continued; the message names the file and the reason."""


class NoRoom(RecordingError):
    """The disk takes no more, or fails, for the `reason` that the system gives; what was to be
    written can be written again."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(f"{message}: {reason}")
        self.reason = reason


class RecordingWriter:
    """Appends to one file, which no other writer may hold. A cut-off tail of an earlier recording
    is trimmed."""

    def __init__(self, path: Path, chunk_seconds: float = CHUNK_SECONDS) -> None:
        """Raises `RecordingError`: in use, no recording, not writable, or no space; a file that was
        not there before is not there then either."""
        self.path = path
        self.bytes_written = 0
        self.began: float | None = None
        """The first moment that it holds."""
        self._chunk_seconds = chunk_seconds
        self._chunk_begun: float | None = None
        self._count, self._parity = 0, Parity(0.0)
        self._compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
        self._encoder = msgspec.msgpack.Encoder()
        self._values: dict[Topic, tuple[float, Any]] = {}
        self._before: dict[int, Any] = {}
        is_new = not path.exists()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RecordingError(f"cannot record to {path}: {error.strerror}") from error
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise RecordingError(f"cannot record to {path}: it is no file")
            self._begin()
        except BaseException:
            os.close(self._file)
            if is_new:
                path.unlink(missing_ok=True)
            raise

    def write(self, messages: Sequence[Message]) -> None:
        """Append what happened since the last call, in order. Raises `RecordingError`; the file
        stays readable, and after a `NoRoom` the same can be written again."""
        if not messages:
            return
        at = moment_of(messages[0])
        self.began = at if self.began is None else self.began
        kind, records, closing = COUNTED, [], b""
        if self._chunk_begun is None or not 0 <= at - self._chunk_begun < self._chunk_seconds:
            closing = self._parity.end()
            kind, records = CHUNK, self._begin_chunk(at)
        records += [record for message in messages if (record := self._record(message)) is not None]
        unpacked = self._encoder.encode(records)
        if len(unpacked) > MAX_UNPACKED_BYTES:
            self._chunk_begun = None
            raise RecordingError(
                f"{len(unpacked) >> 20} MiB of changes in a second are more than a recording holds"
            )
        packed = self._stream.compress(unpacked)
        data = packed + self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        markers = [
            message
            for message in messages
            if isinstance(message, Event) and message.kind in TO_JUMP_TO
        ]
        count = b"" if kind == CHUNK else COUNT.pack(self._count)
        written = entry(kind, at, count + data)
        self._append(
            closing
            + written
            + self._parity.add(self._count, written)
            + b"".join(
                entry(
                    MARK,
                    event.at,
                    self._encoder.encode(
                        Marker(event.at, event.kind, event.text, event.level, event.node)
                    ),
                )
                for event in markers
            )
        )
        self._count += 1
        if kind == CHUNK:
            self._sync()

    def _sync(self) -> None:
        """Have the disk hold what was written. A chunk that it may have lost is begun anew."""
        try:
            os.fdatasync(self._file)
        except OSError as error:
            self._chunk_begun = None
            raise RecordingError(
                f"recording to {self.path} stopped: {error.strerror or error}"
            ) from error

    @property
    def holds_something(self) -> bool:
        """Whether anything was written, now or before."""
        return self.bytes_written > HEADER.size

    def close(self) -> None:
        if self._file >= 0:
            with contextlib.suppress(RecordingError):
                self._append(self._parity.end())
            os.close(self._file)
            self._file = -1

    def _begin(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RecordingError(f"another engine records to {self.path}") from None
        size = os.fstat(self._file).st_size
        if size == 0:
            try:
                self._append(header())
            except NoRoom as error:
                raise NoRoom(f"cannot record to {self.path}", error.reason) from None
            return
        content = os.pread(self._file, size, 0)
        try:
            check_header(content, str(self.path))
        except NotARecording as error:
            raise RecordingError(f"{error}; choose another file") from error
        parts = list(scan(content))
        self.began = next((part.at for part in parts if isinstance(part, Entry)), None)
        end = max(
            (part.end for part in parts if not getattr(part, "tail", False)),
            default=HEADER.size,
        )
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)
        self.bytes_written = end

    def _begin_chunk(self, at: float) -> list[Record]:
        self._chunk_begun = at
        self._count, self._parity = 0, Parity(at)
        self._stream = self._compressor.compressobj()
        self._before = {EVENT: {}, REQUEST: {}}
        return [
            [self._since(at), FULL, topic, value] for topic, (at, value) in self._values.items()
        ]

    def _record(self, message: Message) -> Record | None:
        if isinstance(message, Event):
            return self._occurrence(message.at, EVENT, replace(message, at=0.0))
        if isinstance(message, RequestRecord):
            return self._occurrence(message.started_at, REQUEST, replace(message, started_at=0.0))
        topic = TOPIC_OF[type(message.payload)]
        value = msgspec.to_builtins(message.payload)
        known = self._values.get(topic)
        self._values[topic] = (message.at, value)
        if known is None:
            return [self._since(message.at), FULL, topic, value]
        patch = diff(known[1], value)
        return None if patch is None else [self._since(message.at), PATCH, topic, patch]

    def _occurrence(self, at: float, kind: int, message: Event | RequestRecord) -> Record:
        value = msgspec.to_builtins(message)
        patch = diff(self._before[kind], value)
        self._before[kind] = value
        return [self._since(at), kind, patch]

    def _since(self, at: float) -> int:
        assert self._chunk_begun is not None
        return round((at - self._chunk_begun) * 1000)

    def _append(self, data: bytes) -> None:
        """All of it, or none: what a full disk let through of an entry is taken back."""
        end = os.lseek(self._file, 0, os.SEEK_CUR)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            # What stands there ends its chunk; the next one builds on nothing of it.
            self._chunk_begun, self._parity = None, Parity(0.0)
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, end)
                os.lseek(self._file, end, os.SEEK_SET)
            raise NoRoom(f"recording to {self.path} stopped", error.strerror or "") from error
        self.bytes_written = end + written


def moment_of(message: Message) -> float:
    """When it happened, epoch seconds."""
    return message.started_at if isinstance(message, RequestRecord) else message.at
