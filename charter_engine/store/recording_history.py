"""What a recording measured over any stretch of it, in as many ticks as a screen has columns."""

from math import ceil
from typing import Final

from charter_engine.contracts.series import Tick
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.ticks import thinned

COARSE_SECONDS: Final = 10
"""A part of a recording is remembered at this step: a week of them takes some 20 MB."""


class RecordingHistory:
    """Reads each part of a recording once for what is looked at from afar, and again for what is
    looked at by the second. Not for two threads at once."""

    def __init__(self, reader: RecordingReader) -> None:
        self._reader = reader
        self._coarse: dict[int, tuple[Tick, ...]] = {}

    def ticks(self, begin: float, end: float, most: int) -> tuple[Tick, ...]:
        """What was measured between two epoch seconds, at most so many ticks, oldest first."""
        fine = end - begin < COARSE_SECONDS * max(1, most)
        found: list[Tick] = []
        for number in self._reader.chunks_between(begin, end):
            found += self._reader.ticks_of(number) if fine else self._from_afar(number)
        return thinned([one for one in found if begin < one.at <= end], most)

    def _from_afar(self, number: int) -> tuple[Tick, ...]:
        if number not in self._coarse:
            ticks = self._reader.ticks_of(number)
            columns = ceil((ticks[-1].at - ticks[0].at) / COARSE_SECONDS) if ticks else 0
            self._coarse[number] = thinned(ticks, max(1, columns))
        return self._coarse[number]
