"""The last records of traffic, most of them packed: an hour of them would take more than all else
that an engine holds."""

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from charter_engine.contracts.traffic import TrafficRecord

TOGETHER = 250
"""Records that are packed as one; their names and prompts are much alike."""
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[TrafficRecord, ...])


class PackedRecords:
    """At least the `most` last records that were added, and fewer than `TOGETHER` more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._packs: deque[bytes] = deque()
        self._open: list[TrafficRecord] = []

    def __len__(self) -> int:
        return TOGETHER * len(self._packs) + len(self._open)

    def add(self, records: Iterable[TrafficRecord]) -> None:
        """Add records, the latest last."""
        self._open += records
        while len(self._open) >= 2 * TOGETHER:
            self._packs.append(zlib.compress(_encoder.encode(self._open[:TOGETHER]), 1))
            del self._open[:TOGETHER]
        while len(self) - TOGETHER >= self._most and self._packs:
            self._packs.popleft()

    def clear(self) -> None:
        """Forget all of them."""
        self._packs.clear()
        self._open.clear()

    def all(self) -> Sequence[TrafficRecord]:
        """All that are held, oldest first."""
        return [record for pack in self._packs for record in _unpacked(pack)] + self._open

    def last(self, count: int) -> Sequence[TrafficRecord]:
        """The last so many, oldest first."""
        return list(islice(self._backwards(), max(0, count)))[::-1]

    def _backwards(self) -> Iterator[TrafficRecord]:
        yield from reversed(self._open)
        for pack in reversed(self._packs):
            yield from reversed(_unpacked(pack))


def _unpacked(pack: bytes) -> tuple[TrafficRecord, ...]:
    return _decoder.decode(zlib.decompress(pack))
