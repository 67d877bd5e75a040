"""KV events as they are written to a file, a line each: the embedded engine's own, or a log that
somebody else keeps."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from charter_engine.errors import CharterError

BETWEEN_SECONDS = 0.5
"""Twice as often as figures are shown, since the map follows from it."""
AT_A_TIME = 4 * 1024 * 1024
"""So that a file of hours that is opened late does not come into memory whole."""


async def grown_lines(path: Path) -> AsyncGenerator[list[bytes]]:
    """The whole lines of a file, and then those that are added to it, without an end. A file that
    is begun anew, or replaced by another, is read from its beginning. Raises `CharterError` where
    it cannot be read."""
    growing = _GrowingFile(path)
    try:
        while True:
            try:
                lines = await asyncio.to_thread(growing.read)
            except OSError as error:
                raise CharterError(
                    f"{path}: {error.strerror}", remedy="name a readable file of KV cache events"
                ) from error
            if lines:
                yield lines
            else:
                await asyncio.sleep(BETWEEN_SECONDS)
    finally:
        growing.close()


class _GrowingFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._begun = b""

    def read(self) -> list[bytes]:
        """The whole lines that came since."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDONLY)
        piece = os.read(self._file, AT_A_TIME)
        if not piece and self._is_another():
            # The last of it may have come since it was read.
            piece = os.read(self._file, AT_A_TIME)
            if not piece:
                self.close()
                return []
        *whole, self._begun = (self._begun + piece).split(b"\n")
        return whole

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._begun = None, b""

    def _is_another(self) -> bool:
        """Whether the path leads to another file, or to less than was read."""
        assert self._file is not None
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        read = os.fstat(self._file)
        at = os.lseek(self._file, 0, os.SEEK_CUR)
        return (now.st_dev, now.st_ino) != (read.st_dev, read.st_ino) or now.st_size < at
