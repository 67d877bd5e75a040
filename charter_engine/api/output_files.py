"""Files that an operator asked for, such as a plan or a report."""

import errno
from pathlib import Path

from charter_engine.errors import CharterError
from charter_engine.files import write_atomically

OUT_OF_SPACE = frozenset((errno.ENOSPC, errno.EDQUOT))


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
