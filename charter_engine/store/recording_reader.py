"""Reads a recording: the state at any moment, and what happened from there. Never writes to the
file."""

import copy
import mmap
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from charter_engine.contracts.gauges import Event, Gauge, Marker, Payload, Topic
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.series import Tick
from charter_engine.store.delta import PatchWork, apply
from charter_engine.store.recording_format import (
    CHUNK,
    COUNT,
    COUNTED,
    DELTA,
    EVENT,
    FULL,
    HEADER,
    MARK,
    MAX_UNPACKED_BYTES,
    PARITY,
    PATCH,
    REQUEST,
    Damage,
    Entry,
    NotARecording,
    check_header,
    scan,
)
from charter_engine.store.recording_parity import mended

Message = Gauge | Event | RequestRecord
LOOK_BACK_CHUNKS = 3
"""Unpacked for what happened before a moment; what is older is told by markers alone."""
UNREADABLE = (
    zstandard.ZstdError,
    msgspec.MsgspecError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)
PIECE_BYTES = 256
"""Packed bytes unpacked at once: zstd makes at most 8 MB of them (RFC 8878: 128 KiB of a 4-byte
block)."""


@dataclass
class _Chunk:
    """Entries that are unpacked in order, from one full state on."""

    counted: dict[int, Entry] = field(default_factory=dict)
    last: int = 0
    parities: list[Entry] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class _Log:
    """What happened in a chunk, the share of the KV pool that was in use, by time, and the seconds
    that were told."""

    events: list[Event]
    pool_used: list[tuple[float, float]]
    ticks: list[Tick]


class RecordingReader:
    """An open recording. `damaged` says in words what could not be read (empty: all of it
    could). Not for two threads at once."""

    def __init__(self, path: Path) -> None:
        """Raises `NotARecording`, or `OSError` where the file cannot be opened."""
        self.path = path
        self.markers: tuple[Marker, ...] = ()
        self._chunks: list[_Chunk] = []
        with path.open("rb") as file:
            check_header(file.read(HEADER.size), str(path))
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._damage: list[Damage] = []
        self._lost = 0
        self._logs: dict[int, _Log] = {}
        self.unreadable_records = 0
        self._work = PatchWork()
        self._index()
        self._unreadable_marks = self.unreadable_records
        if not self._chunks:
            raise NotARecording(f"{path} holds no complete second")
        moments = [entry.at for chunk in self._chunks for entry in chunk.entries]
        last = max((record[0] for record in self.records(len(self._chunks) - 1)), default=0.0)
        self.start, self.end = moments[0], max(*moments, last)
        starts = (chunk.entries[0].at for chunk in self._chunks)
        self._starts = list(accumulate(starts, max))

    @property
    def damaged(self) -> str:
        """What could not be read, in words."""
        words = []
        holes = [part for part in self._damage if not part.tail]
        if holes:
            lost = sum(part.end - part.start for part in holes)
            one, many = ("is", "are") if self._lost else ("was", "were")
            done = "skipped" if self._lost else "mended"
            told = (
                f"1 damaged stretch ({lost} bytes) {one}"
                if len(holes) == 1
                else f"{len(holes)} damaged stretches ({lost} bytes) {many}"
            )
            words.append(f"{told} {done}")
        if len(self._damage) > len(holes):
            words.append("the last entry was cut off")
        if self.unreadable_records:
            words.append(f"{self.unreadable_records} records could not be read")
        return "; ".join(words)

    def close(self) -> None:
        self._map.close()

    def another(self) -> "RecordingReader":
        """A reader of the same open file, for another thread: by its path another one may be found
        by now, or none. It is closed with this one."""
        reader = copy.copy(self)
        reader.unreadable_records = self._unreadable_marks
        reader._logs, reader._work = {}, PatchWork()
        return reader

    def cursor(self, moment: float | None = None) -> "Cursor":
        """A cursor at `moment` (clamped; None: the start)."""
        cursor = Cursor(self)
        cursor.seek(self.start if moment is None else moment)
        return cursor

    def messages(self) -> Iterator[Message]:
        """Everything, in order: gauges whole, each time they changed."""
        for number in range(len(self._chunks)):
            yield from self._unpacked(number, {})

    def requests(self) -> Iterator[RequestRecord]:
        """Every request that ended while this was recorded."""
        return (message for message in self.messages() if isinstance(message, RequestRecord))

    def chunk_before(self, moment: float) -> int:
        """The chunk to unpack for the state at `moment`."""
        return max(0, bisect_right(self._starts, moment) - 1)

    def events_until(self, moment: float, most: int) -> tuple[Event, ...]:
        """The last `most` events up to `moment`, oldest first.

        Of those long before, only what is marked in the recording (see `TO_JUMP_TO`).
        """
        kept: list[Event] = []
        numbers = self._looking_back(moment)
        for number in numbers:
            kept = [event for event in self._log(number).events if event.at <= moment] + kept
            if len(kept) >= most:
                return tuple(kept[-most:])
        begun = self._starts[numbers[-1]]
        older = [
            Event(
                sequence=0,
                at=marker.at,
                kind=marker.kind,
                text=marker.text,
                level=marker.level,
                node=marker.node,
            )
            for marker in self.markers
            if marker.at < begun
        ]
        return tuple((older + kept)[-most:])

    def pool_used_until(self, moment: float, most: int) -> tuple[float, ...]:
        """The last `most` shares of the KV pool in use up to `moment`, oldest first, 0 to 1."""
        kept: list[float] = []
        for number in self._looking_back(moment):
            samples = self._log(number).pool_used
            kept = [share for at, share in samples if at <= moment] + kept
            if len(kept) >= most:
                break
        return tuple(kept[-most:])

    def ticks_until(self, moment: float, most: int) -> tuple[Tick, ...]:
        """The last `most` ticks up to `moment`, oldest first."""
        kept: list[Tick] = []
        for number in self._looking_back(moment):
            kept = [one for one in self._log(number).ticks if one.at <= moment] + kept
            if len(kept) >= most:
                break
        return tuple(kept[-most:])

    def chunks_between(self, begin: float, end: float) -> range:
        """The numbers of the chunks in which something of that time may be told."""
        return range(self.chunk_before(begin), self.chunk_before(end) + 1)

    def ticks_of(self, number: int) -> list[Tick]:
        """The ticks of a chunk, oldest first; they are not remembered."""
        return self._read_log(number).ticks

    def _looking_back(self, moment: float) -> range:
        last = self.chunk_before(moment)
        return range(last, max(-1, last - LOOK_BACK_CHUNKS), -1)

    def _log(self, number: int) -> _Log:
        if number not in self._logs:
            self._logs[number] = self._read_log(number)
        return self._logs[number]

    def _read_log(self, number: int) -> _Log:
        log = _Log([], [], [])
        values: dict[Topic, Any] = {}
        for record in self.records(number):
            at, kind = record[0], record[1]
            if kind == EVENT and isinstance(event := self.message(record, values), Event):
                log.events.append(event)
            elif kind in (FULL, PATCH) and record[2] == "triton":
                self.apply(record, values)
                share = pool_used(values.get("triton"))
                # A value from before the chunk belongs to the chunk it came in.
                if share is not None and (at >= self._starts[number] or number == 0):
                    log.pool_used.append((at, share))
            elif kind in (FULL, PATCH) and record[2] == "tick":
                self.apply(record, values)
                if at >= self._starts[number] or number == 0:
                    log.ticks.append(msgspec.convert(values["tick"]["tick"], Tick))
        return log

    @property
    def chunk_count(self) -> int:
        return len(self._chunks)

    @property
    def entry_count(self) -> int:
        """Writes that can be read: one a second in which something happened."""
        return sum(len(chunk.entries) for chunk in self._chunks)

    def _unpacked(self, number: int, values: dict[Topic, Any]) -> Iterator[Message]:
        for record in self.records(number):
            message = self.message(record, values)
            if message is not None:
                yield message

    def records(self, number: int) -> Iterator[list[Any]]:
        """The records of a chunk, as they are stored."""
        stream = zstandard.ZstdDecompressor().decompressobj()
        begun = self._chunks[number].entries[0].at
        before: dict[int, Any] = {EVENT: {}, REQUEST: {}}
        work = self._work = PatchWork()
        for entry in self._chunks[number].entries:
            try:
                stored = msgspec.msgpack.decode(unpack(stream, entry.data(self._map)))
                for milliseconds, kind, *rest in stored:
                    at = round(begun + milliseconds / 1000, 3)
                    if not isfinite(at):
                        raise ValueError("a record without a time")
                    if kind in before:
                        if rest[0] is not None:
                            before[kind] = apply(before[kind], rest[0], work)
                        yield [at, kind, before[kind]]
                    elif not isinstance(rest[0], str):
                        raise ValueError("a record without a topic")
                    else:
                        yield [at, kind, *rest]
            except UNREADABLE:
                self.unreadable_records += 1
                return

    def apply(self, record: list[Any], values: dict[Topic, Any]) -> Topic | None:
        """Bring `values` up to date by a record; the topic that changed."""
        try:
            _, kind, topic, value = record
            if kind == FULL:
                values[topic] = value
            elif kind == PATCH:
                values[topic] = apply(values[topic], value, self._work)
            return topic  # type: ignore[no-any-return]
        except UNREADABLE:
            self.unreadable_records += 1
            return None

    def message(self, record: list[Any], values: dict[Topic, Any]) -> Message | None:
        """What a record says, given the `values` before it (brought up to date). None if it cannot
        be read."""
        try:
            at, kind = record[0], record[1]
            if kind in (FULL, PATCH):
                topic = self.apply(record, values)
                return None if topic is None else gauge(at, values[topic])
            if kind == EVENT:
                return msgspec.convert({**record[2], "at": at}, Event)
            return msgspec.convert({**record[2], "started_at": at}, RequestRecord)
        except UNREADABLE:
            self.unreadable_records += 1
            return None

    def _index(self) -> None:
        markers: list[Marker] = []
        broken = True
        for part in scan(self._map):
            if isinstance(part, Damage):
                self._damage.append(part)
                broken = True
            elif part.kind == MARK:
                self._mark(part, markers)
            elif part.kind == CHUNK:
                self._chunks.append(_Chunk({0: part}))
                broken = False
            elif part.kind == COUNTED:
                self._take_counted(part)
            elif part.kind == PARITY and self._chunks:
                self._chunks[-1].parities.append(part)
            elif part.kind == DELTA and not broken:
                self._chunks[-1].counted[len(self._chunks[-1].counted)] = part
        for chunk in self._chunks:
            self._put_in_order(chunk)
        self._chunks = [chunk for chunk in self._chunks if chunk.entries]
        self.markers = tuple(sorted(markers, key=lambda marker: marker.at))

    def _mark(self, part: Entry, markers: list[Marker]) -> None:
        try:
            markers.append(msgspec.msgpack.decode(part.data(self._map), type=Marker))
        except UNREADABLE:
            self.unreadable_records += 1

    def _take_counted(self, part: Entry) -> None:
        (number,) = COUNT.unpack_from(self._map, part.start)
        if not self._chunks or number <= self._chunks[-1].last:
            self._chunks.append(_Chunk())  # the entry that began it is damaged
        self._chunks[-1].last = number
        self._chunks[-1].counted[number] = part

    def _put_in_order(self, chunk: _Chunk) -> None:
        """Mend what is damaged; the entries up to the first that is lost can be unpacked."""
        counted = chunk.counted
        if self._damage:
            for parity in chunk.parities:
                known = {number: item.whole(self._map) for number, item in counted.items()}
                if found := mended(parity.data(self._map), known):
                    counted[found[0]] = found[1]
        whole = next(number for number in range(len(counted) + 1) if number not in counted)
        self._lost += len(counted) - whole
        chunk.entries = [counted[number] for number in range(whole)]


class Cursor:
    """A place in a recording that moves forward, and jumps."""

    def __init__(self, recording: RecordingReader) -> None:
        self._recording = recording
        self._values: dict[Topic, Any] = {}
        self._changed_at: dict[Topic, float] = {}
        self._next_chunk = 0
        self._records: Iterator[list[Any]] = iter(())
        self._ahead: list[Any] | None = None
        self.position = recording.start

    def seek(self, moment: float) -> list[Gauge]:
        """Jump to `moment` (clamped); the whole state there."""
        recording = self._recording
        self.position = min(max(moment, recording.start), recording.end)
        self._values, self._changed_at, self._ahead = {}, {}, None
        number = recording.chunk_before(self.position)
        self._records, self._next_chunk = recording.records(number), number + 1
        for record in self._until(self.position):
            if record[1] in (FULL, PATCH) and (topic := recording.apply(record, self._values)):
                self._changed_at[topic] = record[0]
        gauges = (
            recording.message([at, FULL, topic, self._values[topic]], {})
            for topic, at in self._changed_at.items()
        )
        return [item for item in gauges if isinstance(item, Gauge)]

    def advance(self, moment: float) -> list[Message]:
        """Move forward to `moment` (clamped to the end); what happened on the way, in order."""
        self.position = min(moment, self._recording.end)
        happened = []
        for record in self._until(self.position):
            if record[1] in (FULL, PATCH):
                stated_again = self._changed_at.get(record[2]) == record[0] and record[1] == FULL
                self._changed_at[record[2]] = record[0]
                if stated_again:
                    continue
            message = self._recording.message(record, self._values)
            if message is not None:
                happened.append(message)
        return happened

    @property
    def next_moment(self) -> float:
        """When something happens next; the end of the recording where nothing does."""
        self._ahead = self._ahead if self._ahead is not None else self._read()
        return self._recording.end if self._ahead is None else float(self._ahead[0])

    def _until(self, moment: float) -> Iterator[list[Any]]:
        while True:
            record = self._ahead if self._ahead is not None else self._read()
            self._ahead = None
            if record is None:
                return
            if record[0] > moment:
                self._ahead = record
                return
            yield record

    def _read(self) -> list[Any] | None:
        while True:
            record = next(self._records, None)
            if record is not None or self._next_chunk >= self._recording.chunk_count:
                return record
            self._records = self._recording.records(self._next_chunk)
            self._next_chunk += 1


def unpack(stream: "zstandard.ZstdDecompressionObj", packed: bytes) -> bytes:
    """The next part of a stream. Raises `ValueError` where it is larger than an entry may be."""
    parts, size = [], 0
    for start in range(0, len(packed), PIECE_BYTES):
        part = stream.decompress(packed[start : start + PIECE_BYTES])
        size += len(part)
        if size > MAX_UNPACKED_BYTES:
            raise ValueError(f"an entry unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def pool_used(triton: Any) -> float | None:
    """The share of the KV pool in use, of a stored `Triton`; None where it tells of no pool."""
    pool = triton["sample"].get("kv_pool") if triton else None
    return pool["used_blocks"] / pool["max_blocks"] if pool and pool["max_blocks"] else None


def gauge(at: float, value: Any) -> Gauge:
    """A topic's value as the message it was."""
    return Gauge(at=at, payload=msgspec.convert(value, Payload))
