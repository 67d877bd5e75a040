"""What makes a recording whole again where a few bytes of it are damaged.

Entries of a chunk go to two lanes in turn; behind a number of a lane's entries stands the exclusive
or of them all, from which any one of them can be made again. Two neighbours that one stretch of
damage hits are of different lanes. A chunk's first entry, which everything builds on, stands twice.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Final

from charter_engine.store.recording_format import MARKER, PARITY, Entry, entry, entry_at

HEAD: Final = struct.Struct(">HBB")
"""Index of the first entry, how far the next one is, and how many there are."""
LANES: Final = 2
"""Derived: two entries next to each other are never in one group."""
MEMBERS: Final = 60
"""Entries of a lane that one parity stands for: two minutes of both lanes at one a second."""


class Parity:
    """Of one chunk while it is written."""

    def __init__(self, at: float) -> None:
        self._at = at
        self._waiting: list[list[tuple[int, bytes]]] = [[] for _ in range(LANES)]
        self._first = b""

    def add(self, index: int, written: bytes) -> bytes:
        """Take the entry of that index; the parity to write behind it, if any is due.

        It is due two entries after the last it stands for, so that no short damage hits both.
        """
        if index == 0:
            self._first = written
            return b""
        due = self._due_first() if index > LANES else b""
        lane = self._waiting[index % LANES]
        if len(lane) == MEMBERS:
            due += self._due(lane)
        lane.append((index, written))
        return due

    def end(self) -> bytes:
        """All that has not been written yet, that of the last entry last."""
        lanes = sorted((lane for lane in self._waiting if lane), key=lambda lane: lane[-1][0])
        return self._due_first() + b"".join(self._due(lane) for lane in lanes)

    def _due_first(self) -> bytes:
        written, self._first = self._first, b""
        if not written:
            return b""
        return entry(PARITY, self._at, HEAD.pack(0, 1, 1) + exclusive_or((written,)))

    def _due(self, lane: list[tuple[int, bytes]]) -> bytes:
        head = HEAD.pack(lane[0][0], LANES, len(lane))
        body = head + exclusive_or(written for _, written in lane)
        lane.clear()
        return entry(PARITY, self._at, body)


def exclusive_or(parts: Iterable[bytes]) -> bytes:
    """Of all entries without their marker, as long as the longest; shorter ones end in zeros.

    With the marker, a reader that looks for the next entry would find the one in here.
    """
    total, longest = 0, 0
    for part in parts:
        unmarked = part[len(MARKER) :]
        longest = max(longest, len(unmarked))
        total ^= int.from_bytes(unmarked, "little")
    return total.to_bytes(longest, "little")


def mended(parity: bytes, known: Mapping[int, bytes]) -> tuple[int, Entry] | None:
    """The one entry that is missing of those a parity stands for, with its index.

    `known` are the others, whole, by their index. None where none is missing, or more than one.
    """
    first, step, count = HEAD.unpack(parity[: HEAD.size])
    indexes = range(first, first + step * count, step)
    missing = [index for index in indexes if index not in known]
    if len(missing) != 1:
        return None
    others = (known[index] for index in indexes if index in known)
    made = MARKER + exclusive_or((MARKER + parity[HEAD.size :], *others))
    found = entry_at(made, 0)
    return None if found is None else (missing[0], found.of(made))
