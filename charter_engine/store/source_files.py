"""Source files on disk: which belong together, and what they say."""

import errno
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from charter_engine.contracts.graph import CompiledFile, Diagnostic

SKIPPED_FOLDERS = frozenset(
    (
        ".git",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".tox",
        ".venv",
        "__pycache__",
        "node_modules",
        "site-packages",
        "venv",
    )
)
_RUN = re.compile(rb"^if\s+__name__\s*==\s*[\"']__main__", re.MULTILINE)
SOURCE_SUFFIXES = (".py", ".ipynb")


def groups_of(paths: Iterable[str]) -> list[list[str]]:
    """Files to compile together: each file on its own, each folder with everything below it."""
    return [python_files(path) if Path(path).is_dir() else [path] for path in paths]


def python_files(folder: str) -> list[str]:
    """The Python files and notebooks below a folder, by name; links are not followed, so circles
    end."""
    found: list[str] = []
    pending = [str(Path(folder))]
    while pending:
        current = pending.pop()
        inside = "" if current == os.curdir else current.rstrip(os.sep) + os.sep
        try:
            entries = list(os.scandir(current))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED_FOLDERS:
                    pending.append(inside + entry.name)
            elif _is_source(entry):
                found.append(inside + entry.name)
    return sorted(found)


def _is_source(entry: os.DirEntry[str]) -> bool:
    """Whether a name says that there is source, or a link to some."""
    if not entry.name.endswith(SOURCE_SUFFIXES) or entry.name in SOURCE_SUFFIXES:
        return False
    return not (entry.is_symlink() and Path(entry.path).is_dir())


def read_file(path: str) -> bytes:
    """A source file's content. Raises OSError, also for a name that `require_text` refuses and for
    what is no regular file: a pipe would block for ever."""
    require_text(path)
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return Path(path).read_bytes()


def is_entry_point(path: Path) -> bool:
    """Whether a file is a program of its own: it asks whether it is run, or is run for its
    package."""
    try:
        return path.name == "__main__.py" or _RUN.search(read_file(str(path))) is not None
    except OSError:
        return False


def require_text(path: str) -> None:
    """Raises OSError for a file name that is no text, which neither JSON nor a database can
    carry."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise OSError(errno.EILSEQ, "the file name is not UTF-8") from None


def unread(path: str, error: OSError) -> CompiledFile:
    """The result for a file that can't be read."""
    name = shown(path)
    message = f"Can't be read: {error.strerror or error}."
    diagnostic = Diagnostic(
        path=name, message=message, remedy="Check the path and its permissions.", line=1, column=1
    )
    return CompiledFile(path=name, errors=(diagnostic,))


def shown(path: str) -> str:
    """A path as text: bytes of it that are none are written as escapes."""
    return path.encode("utf-8", "backslashreplace").decode()
