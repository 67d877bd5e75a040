"""Files that an operator asked for, such as a plan or a report."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from charter_engine.errors import CharterError
from charter_engine.files import replacing, write_atomically

OUT_OF_SPACE = frozenset((errno.ENOSPC, errno.EDQUOT))


@contextmanager
def new_output(path: Path) -> Iterator[BinaryIO]:
    """A file to write that is at `path` once it is whole. Raises `OSError`, `FileExistsError` among
    them; then nothing is left."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    with replacing(path) as file:
        yield file


def write_output(path: Path, content: str | bytes) -> None:
    """Write a file whole, or leave what stands there. Raises `CharterError` naming the file."""
    try:
        write_atomically(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        full = error.errno in OUT_OF_SPACE
        raise CharterError(
            f"{path}: could not be written: {error.strerror}",
            remedy="the file is unchanged" if full else "check the folder and its permissions",
            kind="failed" if full else "usage",
        ) from None
