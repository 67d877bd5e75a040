"""Changes to several files that are made as one, also after a power cut, also on a full disk."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from charter_engine.files import sync_directory, write_atomically

NEW_SUFFIX = ".charter-new"
OLD_SUFFIX = ".charter-old"

Contents = Mapping[str, bytes | None]
"""Files by path relative to a root; None: there is none."""


def read_files(root: Path, paths: Iterable[str]) -> dict[str, bytes | None]:
    """The contents as they are now."""
    contents: dict[str, bytes | None] = {}
    for path in paths:
        try:
            contents[path] = (root / path).read_bytes()
        except FileNotFoundError:
            contents[path] = None
    return contents


def stage(root: Path, contents: Contents) -> None:
    """Put everything a change needs on disk beside its target: the new contents, and links to the
    old ones.

    From here on the change, and its way back, are renames that need no space. Raises `OSError` with
    nothing changed.
    """
    try:
        for path, content in contents.items():
            target = root / path
            if content is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                _write_through(_beside(target, NEW_SUFFIX), content)
            old = _beside(target, OLD_SUFFIX)
            old.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                _link(target, old)
    except BaseException:
        clean(root, contents)
        raise


def apply_staged(root: Path, path: str, content: bytes | None) -> None:
    """Make one staged change."""
    target = root / path
    if content is None:
        target.unlink(missing_ok=True)
    else:
        _beside(target, NEW_SUFFIX).replace(target)
    sync_directory(target.parent)


def restore(root: Path, before: Contents) -> None:
    """Take staged changes back; also right when only some were made, and when done twice."""
    for path, content in before.items():
        target = root / path
        old = _beside(target, OLD_SUFFIX)
        if old.exists():
            _link_over(old, target)
        elif content is None:
            target.unlink(missing_ok=True)
        else:
            write_atomically(target, content)
        if target.parent.is_dir():
            sync_directory(target.parent)


def clean(root: Path, paths: Iterable[str]) -> None:
    """Remove what staging left beside the targets, and directories that are empty now."""
    for path in paths:
        target = root / path
        for suffix in (NEW_SUFFIX, OLD_SUFFIX):
            _beside(target, suffix).unlink(missing_ok=True)
        directory = target.parent
        while directory != root:
            try:
                directory.rmdir()
            except OSError:
                break
            directory = directory.parent


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(f".{target.name}{suffix}")


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links
        _write_through(target, source.read_bytes())


def _link_over(source: Path, target: Path) -> None:
    """Let `target` be what `source` is, keeping `source` so that this can be repeated."""
    fresh = _beside(target, NEW_SUFFIX)
    fresh.unlink(missing_ok=True)
    _link(source, fresh)
    fresh.replace(target)
    # Renaming a file over another link to itself does nothing and leaves both names.
    fresh.unlink(missing_ok=True)
