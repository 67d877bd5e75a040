"""What was pushed to a deployment, and what a push in progress would have to take back."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from charter_engine.contracts.deploy import Revision
from charter_engine.files import write_atomically
from charter_engine.triton.errors import TritonError, TritonRefused
from charter_engine.triton.files import Contents

T = TypeVar("T")


class Record(Struct, frozen=True, kw_only=True):
    """A revision with everything needed to go back to it: texts by repository path (None: no such
    file)."""

    revision: Revision
    files: dict[str, str | None]


class Pending(Struct, frozen=True, kw_only=True):
    """A push that has begun. `files` is what the changed ones held."""

    number: int
    parent: int
    files: dict[str, str | None]


def contents_of(record: Record | Pending) -> dict[str, bytes | None]:
    """The files of a record."""
    return {path: None if text is None else text.encode() for path, text in record.files.items()}


def texts_of(contents: Contents) -> dict[str, str | None]:
    """Files as a record keeps them: configurations, plans and sources are all text."""
    return {
        path: None if content is None else content.decode() for path, content in contents.items()
    }


class Journal:
    """A directory beside a model repository: the revisions, the number of the live one, and the
    push in progress."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the deployment against other pushers. Raises `TritonRefused` while another holds
        it."""
        try:
            (self.directory / "revisions").mkdir(mode=0o700, parents=True, exist_ok=True)
            file = (self.directory / "lock").open("a+")
        except OSError as error:
            raise TritonError(f"{self.directory} cannot be written: {error.strerror}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise TritonRefused(
                    "another push to this deployment is in progress (process "
                    f"{file.read().strip() or 'unknown'})",
                    remedy="wait for it to end",
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def current(self) -> Record | None:
        """The live revision, or None before the first push."""
        number = _read(self.directory / "live.json", int)
        return None if number is None else self.record(number)

    def record(self, number: int) -> Record | None:
        return _read(self._path(number), Record)

    def numbers(self) -> list[int]:
        """All revisions on record, oldest first."""
        return sorted(int(path.stem) for path in (self.directory / "revisions").glob("*.json"))

    def save(self, record: Record) -> None:
        """Put a revision on record, or change its state, without making it live."""
        write_atomically(self._path(record.revision.number), msgspec.json.encode(record))

    def commit(self, record: Record) -> None:
        """Make a revision the live one: the moment a push counts."""
        self.save(record)
        write_atomically(self.directory / "live.json", msgspec.json.encode(record.revision.number))

    def make_live(self, record: Record) -> None:
        """Point at a revision that is on record, unless it is the live one anyway."""
        current = self.current()
        if current is None or current.revision.number != record.revision.number:
            write_atomically(
                self.directory / "live.json", msgspec.json.encode(record.revision.number)
            )

    def pending(self) -> Pending | None:
        return _read(self.directory / "pending.json", Pending)

    def begin(self, pending: Pending) -> None:
        write_atomically(self.directory / "pending.json", msgspec.json.encode(pending))

    def end(self) -> None:
        (self.directory / "pending.json").unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.directory / "revisions" / f"{number:06d}.json"


def journal_directory(repository: Path | None, url: str, state: Path) -> Path:
    """Beside the repository, so that whoever pushes to it finds the same; in `state` where that
    cannot be written."""
    if repository is not None:
        directory = repository.parent / f".{repository.name}.charter"
        if directory.is_dir() or os.access(repository.parent, os.W_OK):
            return directory
    name = hashlib.sha256(str(repository or url).encode()).hexdigest()[:16]
    return state / "deployments" / name


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise TritonError(
            f"{path} is damaged: {error}",
            remedy="move it away; what is live is then taken as revision 0",
        ) from None
