"""A ring of records in memory that several processes share: Triton runs a process for each instance
of a model, and all write into one ring.

The ring is a file in memory, of mode 0600, that the last process to close it removes.
A process that is killed leaves the ring whole, for a record counts only once it stands.
What a killed server left behind goes when the next ring is opened.
"""

import contextlib
import fcntl
import hashlib
import mmap
import os
import secrets
import struct
import tempfile
import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PREFIX = "charter_tap_1_"
"""Of the files' names, which go on with the server's process; the number is that of their form."""
MEMORY, TEMPORARY = Path("/dev/shm"), Path(tempfile.gettempdir())
"""Where a ring may lie: the first is memory, and the second may be on a disk."""
SLOTS = 65_536
"""Assumed: more than a minute of a thousand requests a second."""
MOST_BYTES = 64 << 20
"""Derived: a kibibyte for each slot."""
LEAST_BYTES = 1 << 20
"""Assumed: room for a thousand records, the least that is worth a reader."""
SHARE_OF_FREE = 4
"""One part in so many of the memory that is free is taken at most: Triton needs it too."""

_HEADER = struct.Struct("=8sQQQ")
"""What tells the ring from another, the bytes it has room for, and how many records and bytes were
ever written."""
_COUNTS = struct.Struct("=QQ")
_COUNTS_AT = 16
_SLOT = struct.Struct("=QQ")
"""Where a record begins, counted in all bytes ever written, and its length."""
_SLOTS_AT = 64
_DATA_AT = _SLOTS_AT + SLOTS * _SLOT.size
_POPULATE = getattr(mmap, "MAP_POPULATE", 0)
"""Maps all pages at once, where Python knows how: else the first records wait for theirs."""
_FLOCK = struct.Struct("hhqqi")
"""The kernel's `struct flock`: what to do, and from where to where; all zero is the whole file."""
_TAKE, _LEAVE = (_FLOCK.pack(kind, 0, 0, 0, 0) for kind in (fcntl.F_WRLCK, fcntl.F_UNLCK))
_BEGAN = 19
"""Of the fields of /proc/PID/stat behind the name, the one that tells when the process began."""


@dataclass(frozen=True)
class Stretch:
    """Records that follow one another from number `first`, the `lost` ones before them that were
    overwritten, and how many were ever written."""

    ring: str
    first: int
    records: tuple[bytes, ...]
    lost: int
    written: int


Buffer = bytes | memoryview


class _Turn:
    """One thread of one process at a time. The kernel lets go of a killed one's lock.

    The lock is the open file's, not the process's: of those of processes the kernel refuses some
    as deadlocks where threads of two processes take turns at two rings.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._thread = threading.Lock()

    def __enter__(self) -> None:
        self._thread.acquire()
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLKW, _TAKE)
        except BaseException:
            self._thread.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLKW, _LEAVE)
        finally:
            self._thread.release()


class Ring:
    """The last records written: at most 65,536, and no more than there is room for.

    All methods may be called from any thread.
    """

    def __init__(self, file: int, memory: mmap.mmap, path: Path) -> None:
        self._file, self._memory, self._path = file, memory, path
        self._alone = _Turn(file)
        name, self._room, _, _ = _HEADER.unpack_from(memory)
        self.name = name.hex()

    def holds(self, size: int) -> bool:
        """Whether there is room for a record of so many bytes."""
        room: int = self._room
        return size <= room

    def append(self, *parts: Buffer) -> None:
        """Add a record, given in parts of bytes, that the ring has room for."""
        size = sum(map(len, parts))
        with self._alone:
            written, position = _COUNTS.unpack_from(self._memory, _COUNTS_AT)
            offset = position % self._room
            if offset + size > self._room:
                position, offset = position + self._room - offset, 0
            end = _DATA_AT + offset
            for part in parts:
                start, end = end, end + len(part)
                self._memory[start:end] = part
            _SLOT.pack_into(self._memory, self._slot(written), position, size)
            _COUNTS.pack_into(self._memory, _COUNTS_AT, written + 1, position + size)

    def read(self, first: int, most_records: int, most_bytes: int) -> Stretch:
        """The records from number `first` on that are still there; at least one, if any is."""
        with self._alone:
            written, position = _COUNTS.unpack_from(self._memory, _COUNTS_AT)
            first = min(first, written)
            begin = max(first, self._oldest(written, position))
            records: list[bytes] = []
            size = 0
            for number in range(begin, min(written, begin + most_records)):
                record = self._record(number)
                size += len(record)
                if records and size > most_bytes:
                    break
                records.append(record)
        return Stretch(self.name, begin, tuple(records), begin - first, written)

    def latest(self, beginning: bytes) -> bytes | None:
        """The last record that begins so; None if there is none any more."""
        with self._alone:
            written, position = _COUNTS.unpack_from(self._memory, _COUNTS_AT)
            for number in reversed(range(self._oldest(written, position), written)):
                start = _DATA_AT + self._begin(number) % self._room
                if self._memory[start : start + len(beginning)] == beginning:
                    return self._record(number)
        return None

    def close(self) -> None:
        """Let go of the ring; the last to do so removes it."""
        if self._memory.closed:
            return
        self._memory.close()
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path.unlink()
        os.close(self._file)

    def _oldest(self, written: int, position: int) -> int:
        """The number of the oldest record that nothing was written over."""
        numbers = range(max(0, written - SLOTS), written)
        begins = position - self._room
        return numbers.start + bisect_left(numbers, begins, key=self._begin)

    def _begin(self, number: int) -> int:
        begin: int = _SLOT.unpack_from(self._memory, self._slot(number))[0]
        return begin

    def _record(self, number: int) -> bytes:
        position, length = _SLOT.unpack_from(self._memory, self._slot(number))
        start = _DATA_AT + position % self._room
        return self._memory[start : start + length]

    @staticmethod
    def _slot(number: int) -> int:
        return _SLOTS_AT + number % SLOTS * _SLOT.size


def open_ring(
    model: str, most_bytes: int = MOST_BYTES, directories: Sequence[Path] = (MEMORY, TEMPORARY)
) -> Ring:
    """The ring of a model of the server that started this process; made if there is none.

    Raises OSError where none of the directories can hold it.
    """
    process, began = _parent()
    owner = hashlib.sha256(f"{began} {model}".encode()).hexdigest()[:16]
    name = f"{PREFIX}{process}_{owner}"
    for directory in directories:
        _sweep(directory, name)
        with contextlib.suppress(OSError):
            return _shared(directory / name, most_bytes)
    names = " nor ".join(map(str, directories))
    raise OSError(f"neither {names} has room for the tap")


def _parent() -> tuple[int, str]:
    """The process that started this one, and when it began: numbers of processes come again."""
    process = os.getppid()
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        return process, stat.rpartition(")")[2].split()[_BEGAN]
    except (OSError, IndexError):
        return process, ""


def _shared(path: Path, most_bytes: int) -> Ring:
    """Open or make the ring's file. Raises OSError where that cannot be done safely."""
    ring = None
    while ring is None:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            ring = _joined(file, path, most_bytes)
        finally:
            if ring is None:
                os.close(file)
    return ring


def _joined(file: int, path: Path, most_bytes: int) -> Ring | None:
    """The ring in an open file; None where the last to use it removed it just then."""
    if os.fstat(file).st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to somebody else")
    fcntl.flock(file, fcntl.LOCK_SH)
    with _Turn(file):
        return Ring(file, _mapped(file, path, most_bytes), path) if _is_linked(file) else None


def _is_linked(file: int) -> bool:
    return os.fstat(file).st_nlink > 0


def _mapped(file: int, path: Path, most_bytes: int) -> mmap.mmap:
    """The file's memory, laid out where nobody has yet. Whoever maps it holds its lock."""
    size = os.fstat(file).st_size
    if size <= _DATA_AT:
        size = _DATA_AT + _room_for(file, path, most_bytes)
        # Reserved now, since a page that cannot be had later would end the process.
        os.posix_fallocate(file, 0, size)
    memory = mmap.mmap(file, size, flags=mmap.MAP_SHARED | _POPULATE)
    if not _HEADER.unpack_from(memory)[1]:
        _lay_out(memory, size - _DATA_AT)
    return memory


def _room_for(file: int, path: Path, most_bytes: int) -> int:
    usage = os.fstatvfs(file)
    room = min(most_bytes, usage.f_bavail * usage.f_frsize // SHARE_OF_FREE)
    if room < LEAST_BYTES:
        path.unlink()
        raise OSError(f"{path.parent} has no room for a ring")
    return room


def _lay_out(memory: mmap.mmap, room: int) -> None:
    _HEADER.pack_into(memory, 0, secrets.token_bytes(8), room, 0, 0)


def _sweep(directory: Path, kept: str) -> None:
    """Remove rings of this account that nobody has open."""
    for path in directory.glob(f"{PREFIX}*"):
        if path.name == kept:
            continue
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(file)
