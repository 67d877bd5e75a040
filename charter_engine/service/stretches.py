"""Stretches of a recording that is replayed, as recordings of their own, for a console that may be
on another machine."""

import asyncio
import os
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO, Final

from charter_engine.contracts.commands import CutReplay
from charter_engine.contracts.recordings import RecordingPiece
from charter_engine.errors import CharterError, UsageError
from charter_engine.store.recording_cut import cut
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.recording_writer import NoRoom, RecordingError

PIECE_BYTES: Final = 4 * 1024 * 1024
"""Derived: a sixteenth of the largest frame, so that other answers pass in between."""
KEPT_STRETCHES: Final = 4
"""For so many consoles at once; that of the one that asked longest ago is cut out anew."""

_Stretch = tuple[BinaryIO, str]
"""An unnamed file, and what of the stretch could not be read."""


class Stretches:
    """Cuts on a thread: a long stretch takes seconds, and the replay goes on."""

    def __init__(self, reader: RecordingReader) -> None:
        self._reader = reader
        self._cut: OrderedDict[tuple[float, float], asyncio.Task[_Stretch]] = OrderedDict()

    async def piece(self, asked: CutReplay) -> RecordingPiece:
        """Some of the stretch's file. Raises `CharterError`."""
        key = asked.begin, asked.end
        if key not in self._cut:
            self._cut[key] = asyncio.create_task(
                asyncio.to_thread(_cut, self._reader.another(), *key)
            )
        self._cut.move_to_end(key)
        try:
            file, damaged = await asyncio.shield(self._cut[key])
        except (CharterError, OSError):
            self._cut.pop(key, None)
            raise
        data = os.pread(file.fileno(), PIECE_BYTES, max(0, asked.offset))
        while len(self._cut) > KEPT_STRETCHES:
            self._cut.popitem(last=False)
        return RecordingPiece(data, os.fstat(file.fileno()).st_size, damaged)

    async def close(self) -> None:
        """Wait for what is being cut."""
        await asyncio.gather(*self._cut.values(), return_exceptions=True)
        self._cut.clear()


def _cut(reader: RecordingReader, begin: float, end: float) -> _Stretch:
    with tempfile.TemporaryDirectory(prefix="charter-stretch-") as folder:
        path = Path(folder) / "stretch.charter"
        try:
            cut(reader, begin, end, path)
        except NoRoom as error:
            told = f"the machine of the replay has no room to cut it out: {error.reason}"
            raise CharterError(told, remedy="make room in its temporary directory") from error
        except RecordingError:
            told = f"{reader.path} holds nothing between these times"
            raise UsageError(told, remedy="mark another stretch") from None
        return path.open("rb"), reader.damaged
