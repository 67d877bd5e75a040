"""Files that are there whole or not at all: also after a power cut, also on a full disk."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

NEW_NAME_BYTES = 8
"""64 bits: no two writers of a file make the same name."""


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A file to write what `path` shall hold; it takes the place of the old one at the end.

    Permissions stay, unless it is `private`: then only its user can read it. Raises `OSError`; on
    this and on any other error the old file stands.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(NEW_NAME_BYTES)}")
    try:
        with os.fdopen(_new(fresh, 0o600 if private else 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not private:
            with suppress(FileNotFoundError):
                fresh.chmod(path.stat().st_mode)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _new(path: Path, mode: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


def write_atomically(path: Path, content: bytes, *, private: bool = False) -> None:
    """Replace a file as a whole, as `replacing` does. Raises `OSError`; then the old file
    stands."""
    with replacing(path, private=private) as file:
        file.write(content)


def sync_directory(directory: Path) -> None:
    """Let what was renamed in a directory survive a power cut. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
