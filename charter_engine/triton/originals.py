"""Files of an operator's that have several names (hard links).

Whoever replaces one of the names parts it from the others. So while a push's own file stands in its
place, the original is kept by a name of ours, and given back as the very file it was.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote


class Originals:
    """Kept below a directory on the same file system, by their paths in the repository."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def why_not_kept(self, root: Path, paths: Iterable[str]) -> str:
        """Why files with several names could not be given back as they are; empty if they can."""
        for path in paths:
            target = root / path
            with contextlib.suppress(OSError):
                status = target.stat()
                if status.st_nlink > 1 and status.st_dev != _device(self._directory):
                    return (
                        f"{target} is one of {status.st_nlink} names of a file, and could not be "
                        f"kept as that: {self._directory} is on another file system"
                    )
        return ""

    def take(self, path: str, old: Path) -> None:
        """Keep what stood at a path, `old` being a name of it, where it has other names besides."""
        kept = self._place(path)
        with contextlib.suppress(FileNotFoundError):
            if old.lstat().st_nlink > 1 and not kept.exists():
                kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                old.rename(kept)

    def original(self, path: str, content: bytes) -> Path | None:
        """What is kept of a path, where its content is the one that is wanted."""
        kept = self._place(path)
        try:
            return kept if kept.read_bytes() == content else None
        except OSError:
            return None

    def release(self, path: str, target: Path) -> None:
        """Let go of an original that stands in its place again."""
        kept = self._place(path)
        with contextlib.suppress(OSError):
            if kept.samefile(target):
                kept.unlink()
                self._directory.rmdir()

    def _place(self, path: str) -> Path:
        return self._directory / quote(path, safe="")


def _device(directory: Path) -> int:
    while not directory.exists():
        directory = directory.parent
    return directory.stat().st_dev
