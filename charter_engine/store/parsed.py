"""Sources that were parsed to see what they import, kept until they are compiled."""

import hashlib

from charter_engine.parser.source.reading import ReadSource, read_source

MOST_KEPT_BYTES = 32 * 1024 * 1024
"""Of sources; their trees take some twelve times as much memory."""


class ParsedSources:
    """Parses each source once. A process that it is handed to begins with none."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, ReadSource]] = {}
        self._bytes = 0

    def read(self, path: str, content: bytes) -> ReadSource:
        """Parse a file and keep its tree. Raises `Unreadable`."""
        read = read_source(path, content)
        if self._bytes + len(content) <= MOST_KEPT_BYTES:
            self._bytes += len(content)
            self._kept[path] = _digest(content), read
        return read

    def take(self, path: str, content: str | bytes) -> ReadSource:
        """The tree of a file, which is not kept any longer. Raises `Unreadable`."""
        before, read = self._kept.pop(path, (None, None))
        if read is not None and isinstance(content, bytes) and before == _digest(content):
            return read
        return read_source(path, content)

    def __reduce__(self) -> tuple[type["ParsedSources"], tuple[()]]:
        return ParsedSources, ()


def _digest(content: bytes) -> bytes:
    """What stands for a file's content, which needn't be kept for that."""
    return hashlib.sha256(content).digest()
