"""What was pushed to a deployment, and what a push in progress would have to take back."""

import contextlib
import fcntl
import getpass
import hashlib
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.plan import Plan
from charter_engine.files import write_atomically
from charter_engine.triton.errors import TritonError, TritonRefused
from charter_engine.triton.files import Contents, FileAttributes

T = TypeVar("T")
RECORD_NAME = re.compile(r"(\d{6,})\.json")
FOUND_COPY = "found.json"
"""A second copy of revision 0, which nothing else could give back."""


class Record(Struct, frozen=True, kw_only=True):
    """A revision with everything needed to go back to it, by repository path: texts (None: no such
    file), and the contents of files that are no UTF-8.

    `attributes` are those of the files and directories of a deployment as it was found.
    """

    revision: Revision
    files: dict[str, str | None]
    raw: dict[str, bytes] = {}
    attributes: dict[str, FileAttributes] = {}


class Pending(Struct, frozen=True, kw_only=True):
    """A push that has begun. `files` and `raw` are what the changed files held, `attributes` what
    they and their directories had; `token` is that of the staged files. `stamps` are what the
    deployment showed before, and would show after: any other is somebody else's push.
    """

    number: int
    parent: int
    files: dict[str, str | None]
    raw: dict[str, bytes] = {}
    attributes: dict[str, FileAttributes] = {}
    token: str = ""
    stamps: tuple[str | None, ...] = ()


class DeploymentRecord(Struct, frozen=True, kw_only=True):
    """What a deployment is known by: the id that its `charter_bls` shows, and its model repository
    as a resolved path ("": out of reach from here)."""

    id: str
    repository: str = ""


class Holder(Struct, frozen=True, kw_only=True):
    """Who holds a deployment against other pushers."""

    process: int
    account: str
    host: str
    since: float

    def __str__(self) -> str:
        since = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"process {self.process} of {self.account} on {self.host}, since {since}"


class _Sealed(Struct, frozen=True, kw_only=True):
    """A journal file's content and its SHA-256, by which damage is told."""

    checksum: str
    content: msgspec.Raw


class Damaged(TritonError):
    """A journal file that is not what was written."""


def contents_of(record: Record | Pending) -> dict[str, bytes | None]:
    """The files of a record."""
    texts = {path: None if text is None else text.encode() for path, text in record.files.items()}
    return {**texts, **record.raw}


def texts_of(contents: Contents) -> dict[str, str | None]:
    """The files that a record keeps as text: nearly all configurations, plans and sources are."""
    return {
        path: None if content is None else content.decode()
        for path, content in contents.items()
        if content is None or _is_text(content)
    }


def raw_of(contents: Contents) -> dict[str, bytes]:
    """The files that no text can hold."""
    return {
        path: content
        for path, content in contents.items()
        if content is not None and not _is_text(content)
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
                    f"another push to this deployment is in progress ({_holder(file.read())})",
                    remedy="wait for it to end",
                ) from None
            file.truncate(0)
            with contextlib.suppress(OSError):  # a full disk may be what is to be repaired
                file.write(msgspec.json.encode(_myself()).decode())
                file.flush()
            yield

    @property
    def is_held(self) -> bool:
        """Whether somebody is pushing at this moment."""
        try:
            with (self.directory / "lock").open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def deployment(self) -> DeploymentRecord | None:
        """Whose journal this is, where that was kept."""
        return _read(self.directory / "deployment.json", DeploymentRecord)

    def keep_deployment(self, deployment: DeploymentRecord) -> None:
        """Keep whose journal this is. Only while `locked`."""
        if self.deployment() != deployment:
            _write(self.directory / "deployment.json", deployment)

    def current(self) -> Record | None:
        """The live revision, or None before the first push. Raises `Damaged`."""
        number = self._live_number()
        record = None if number is None else self.record(number)
        return None if record is None else _as_live(record)

    def record(self, number: int) -> Record | None:
        """A revision with its files, if it is on record. Raises `Damaged`."""
        try:
            found = _read(self._path(number), Record)
        except Damaged:
            found = _read(self.directory / FOUND_COPY, Record) if number == 0 else None
            if found is None:
                raise
        return found

    def numbers(self) -> list[int]:
        """All revisions on record, oldest first; files that are no revisions are none of ours."""
        paths = (self.directory / "revisions").glob("*.json")
        matches = (RECORD_NAME.fullmatch(path.name) for path in paths)
        return sorted(int(match[1]) for match in matches if match)

    def history(self) -> list[Revision]:
        """All revisions on record, oldest first. One whose file is damaged is listed as that, and
        one whose push was cut short as pending."""
        pending, live = self.pending(), self._live_number()
        listed = [self._listed(number) for number in self.numbers()]
        return [
            replace(item, state="live")
            if item.number == live
            else replace(item, note=_cut_short(item.note))
            if pending is not None and item.number == pending.number and not self.is_held
            else item
            for item in listed
        ]

    def is_failed(self, number: int) -> bool:
        """Whether a revision on record never went live."""
        return self._listed(number).state == "failed"

    def save(self, record: Record) -> None:
        """Put a revision on record, or change its state, without making it live."""
        _write(self._path(record.revision.number), record)

    def keep_found(self, record: Record) -> None:
        """Put revision 0 on record and make it live. Raises `Damaged` where one was there."""
        if self.numbers():
            raise Damaged(
                f"{self.directory} knows revisions of this deployment, but not which one is live",
                remedy="put back a copy of its revisions; charter-engine history lists them",
            )
        _write(self.directory / FOUND_COPY, record)
        self.commit(record)

    def commit(self, record: Record) -> None:
        """Make a revision the live one: the moment a push counts is when its number is written."""
        if self.record(record.revision.number) is None:
            self.save(record)
        _write(self.directory / "live.json", record.revision.number)
        self.save(record)

    def make_live(self, record: Record) -> None:
        """Point at a revision that is on record, unless it is the live one anyway."""
        number = record.revision.number
        with contextlib.suppress(Damaged):
            if _read(self.directory / "live.json", int) == number:
                return
        _write(self.directory / "live.json", number)

    def pending(self) -> Pending | None:
        """The push in progress, or one that was cut short. Raises `Damaged`."""
        return _read(self.directory / "pending.json", Pending)

    def begin(self, pending: Pending, record: Record) -> None:
        """Journal what a push would have to take back, and put it on record as pending."""
        _write(self.directory / "pending.json", pending)
        self.save(replace(record, revision=replace(record.revision, state="pending")))

    def end(self) -> None:
        (self.directory / "pending.json").unlink(missing_ok=True)

    def _live_number(self) -> int | None:
        """As written; where that is lost, the latest that is on record as live."""
        try:
            number = _read(self.directory / "live.json", int)
        except Damaged:
            number = None
        if number is not None:
            return number
        live = (number for number in self.numbers() if self._listed(number).state == "live")
        return max(live, default=None)

    def _listed(self, number: int) -> Revision:
        try:
            record = self.record(number)
        except Damaged as damage:
            return _unreadable(number, damage.message)
        return record.revision if record else _unreadable(number, "its file is gone")

    def _path(self, number: int) -> Path:
        return self.directory / "revisions" / f"{number:06d}.json"


def _as_live(record: Record) -> Record:
    return replace(record, revision=replace(record.revision, state="live"))


def _cut_short(note: str) -> str:
    words = "its push was cut short, and the next command that reaches Triton takes it back"
    return f"{note}; {words}" if note else words


def _unreadable(number: int, why: str) -> Revision:
    return Revision(
        number=number, created_at=0.0, deployment="", agent="", plan=Plan(agent=""), note=why,
        state="failed",
    )  # fmt: skip


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _myself() -> Holder:
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = str(os.getuid())
    return Holder(
        process=os.getpid(), account=account, host=socket.gethostname(), since=time.time()
    )


def _holder(text: str) -> str:
    try:
        return str(msgspec.json.decode(text, type=Holder))
    except msgspec.DecodeError:
        return f"process {text.strip() or 'unknown'}"


def _write(path: Path, content: object) -> None:
    encoded = msgspec.json.encode(content)
    sealed = _Sealed(checksum=_checksum(encoded), content=msgspec.Raw(encoded))
    try:
        write_atomically(path, msgspec.json.encode(sealed))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _read(path: Path, kind: type[T]) -> T | None:
    """Journals of before there were checksums hold the content alone. Raises `Damaged`."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Damaged(f"{path} cannot be read: {error.strerror}") from None
    try:
        sealed = msgspec.json.decode(text, type=_Sealed)
    except msgspec.ValidationError:
        content = text
    except msgspec.DecodeError as error:
        raise _damage(path, str(error)) from None
    else:
        content = bytes(sealed.content)
        if _checksum(content) != sealed.checksum:
            raise _damage(path, "its content and its checksum differ")
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise _damage(path, str(error)) from None


def _damage(path: Path, how: str) -> Damaged:
    return Damaged(
        f"{path} is damaged: {how}",
        remedy="put back a copy of this file; the other revisions on record are not affected",
    )


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
