"""The recording file: a header, then entries that are only ever appended.

    header   8 bytes magic, 2 bytes version (big-endian), 6 bytes zero
    entry    4 bytes marker, 1 byte kind, 4 bytes length, 8 bytes time (epoch seconds, double),
             4 bytes CRC-32, data

The CRC covers kind, length, time and data: an entry whose CRC fails never existed, and reading goes
on at the next marker whose CRC holds. Kinds:

    K  begins a chunk: a zstd stream whose first frame holds the full value of every topic
    E  continues the chunk's stream by what happened within about a second, flushed so that it can
       be read at once; 2 bytes ahead of it count the chunk's entries, K being 0
    P  parity of some of a chunk's entries (see `recording_parity`)
    D  as E without a count, as releases before this one wrote it
    M  a marker (msgpack of `Marker`), outside the stream, so that all markers are found without
       unpacking anything

Unpacked, an entry of the stream is msgpack of a list of records `[ms, FULL, topic, value]`, `[ms,
PATCH, topic, patch]` (see `delta`), `[ms, EVENT, patch]` or `[ms, REQUEST, patch]`, where `ms`
counts from the time of the chunk's first entry. Events and request records are patches of the one
before in the chunk (of `{}` for the first), without their times.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from mmap import mmap

MAGIC = b"CHARTER\n"
VERSION = 1
HEADER = struct.Struct(">8sH6x")
MARKER = b"\xc7\xe4CR"
ENTRY = struct.Struct(">4scIdI")
MAX_ENTRY_BYTES = 64 * 1024 * 1024
"""As long as a frame of the protocol may be, which an entry was."""
MAX_UNPACKED_BYTES = 6 * 1024 * 1024
"""Of one entry: decoded, that is at most about 450 MB, and it is far more than a second holds."""
SEARCH_BYTES = 64 * 1024 * 1024
"""How much is read in vain for entries that turn out to be none, before a file's rest is given
up."""
CHUNK, DELTA, COUNTED, PARITY, MARK = b"K", b"D", b"E", b"P", b"M"
COUNT = struct.Struct(">H")
FULL, PATCH, EVENT, REQUEST = range(4)


class NotARecording(ValueError):
    """The file is something else, or of a version this release does not know."""


@dataclass(frozen=True)
class Entry:
    """Where an entry's data lies in the file, or in what it was `made` of again."""

    kind: bytes
    at: float
    start: int
    end: int
    made: bytes | None = None

    def of(self, made: bytes) -> "Entry":
        """The entry as it lies in bytes of its own."""
        return replace(self, made=made)

    def data(self, file: bytes | mmap) -> bytes:
        """Its data without a count, where `file` is the recording."""
        start = self.start + COUNT.size if self.kind == COUNTED else self.start
        return (file if self.made is None else self.made)[start : self.end]

    def whole(self, file: bytes | mmap) -> bytes:
        """It as it was written."""
        content = file if self.made is None else self.made
        return content[self.start - ENTRY.size : self.end]


@dataclass(frozen=True)
class Damage:
    """Bytes of the file that are no entry. `tail`: they are its end, as a write cut short leaves
    it."""

    start: int
    end: int
    tail: bool


def header() -> bytes:
    """What every recording begins with."""
    return HEADER.pack(MAGIC, VERSION)


def check_header(data: bytes, name: str) -> None:
    """Raises `NotARecording` saying what the file is instead."""
    if len(data) < HEADER.size:
        raise NotARecording(f"{name} is too short to be a recording ({len(data)} bytes)")
    magic, version = HEADER.unpack(data[: HEADER.size])
    if magic != MAGIC:
        raise NotARecording(f"{name} is not a recording of Charter")
    if version != VERSION:
        raise NotARecording(f"{name} is of format {version}; this release reads format {VERSION}")


def entry(kind: bytes, at: float, data: bytes) -> bytes:
    """An entry as it is written."""
    return ENTRY.pack(MARKER, kind, len(data), at, _crc(kind, at, data)) + data


def scan(data: bytes | mmap) -> Iterator[Entry | Damage]:
    """Everything behind the header, in order; stretches that are no entry come as `Damage`."""
    position, size = HEADER.size, len(data)
    search = _Search(data)
    while position < size:
        found = search.entry_at(position)
        if found is not None:
            yield found
            position = found.end
            continue
        following = search.next_entry(position + 1)
        yield Damage(position, following, tail=following == size)
        position = following


def entry_at(data: bytes | mmap, position: int) -> Entry | None:
    """The entry that begins there, if one does and its CRC holds."""
    return _Search(data).entry_at(position)


class _Search:
    """Looks for entries. Headers that each claim a long body can't make it read without end."""

    def __init__(self, data: bytes | mmap) -> None:
        self._data = data
        self._left = SEARCH_BYTES

    def entry_at(self, position: int) -> Entry | None:
        """The entry that begins there, if one does and its CRC holds."""
        body = position + ENTRY.size
        if body > len(self._data):
            return None
        marker, kind, length, at, crc = ENTRY.unpack_from(self._data, position)
        end = body + length
        if marker != MARKER or length > MAX_ENTRY_BYTES or end > len(self._data):
            return None
        if kind not in (CHUNK, DELTA, COUNTED, PARITY, MARK) or not isfinite(at):
            return None
        if _crc(kind, at, self._data[body:end]) != crc:
            self._left -= length
            return None
        return Entry(kind, at, body, end)

    def next_entry(self, position: int) -> int:
        """Where the next entry begins; the end of the data where there is none."""
        while self._left > 0 and (position := self._data.find(MARKER, position)) >= 0:
            if self.entry_at(position) is not None:
                return position
            position += 1
        return len(self._data)


def _crc(kind: bytes, at: float, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(struct.pack(">cId", kind, len(data), at)))
