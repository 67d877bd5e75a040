"""What was pushed to a deployment, and what a push in progress would have to take back."""

import contextlib
import fcntl
import getpass
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from charter_engine.contracts.deploy import Revision, ServedFigures
from charter_engine.contracts.plan import Plan
from charter_engine.triton.errors import TritonError, TritonRefused
from charter_engine.triton.journal_records import (
    DeploymentRecord,
    Pending,
    Record,
    contents_of,
    lineage_of,
    raw_of,
    texts_of,
)
from charter_engine.triton.sealed import Damaged, read_sealed, write_sealed

T = TypeVar("T")
RECORD_NAME = re.compile(r"(\d{6,})\.json(?:\.damaged)?")
TAKES_IT_BACK = "charter-engine history repair takes it back, as does the next push"
CUT_SHORT = f"its push was cut short: {TAKES_IT_BACK}"
FOUND_COPY = "found.json"
"""A second copy of revision 0, which nothing else could give back."""


class Holder(Struct, frozen=True, kw_only=True):
    """Who holds a deployment against other pushers."""

    process: int
    account: str
    host: str
    since: float

    def __str__(self) -> str:
        since = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"process {self.process} of {self.account} on {self.host}, since {since}"


class Journal:
    """A directory beside a model repository: the revisions, the number of the live one, and the
    push in progress."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the deployment against other pushers. Raises `TritonRefused` while another holds
        it, and `TritonError` where a file cannot be written meanwhile. A journal in which nothing
        that was pushed stands afterwards is none."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.directory / "revisions").mkdir(mode=0o700, exist_ok=True)
            file = (self.directory / "lock").open("ab+", buffering=0)
        except OSError as error:
            raise TritonError(f"{self.directory} cannot be written: {error.strerror}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A file that its last holder removed meanwhile would guard nothing.
                if os.fstat(file.fileno()).st_nlink == 0:
                    raise BlockingIOError
            except BlockingIOError:
                file.seek(0)
                holder = _holder(file.read().decode())
                raise TritonRefused(
                    f"another push to this deployment is in progress ({holder})",
                    remedy="wait for it to end",
                ) from None
            file.truncate(0)
            with contextlib.suppress(OSError):  # a full disk may be what is to be repaired
                file.write(msgspec.json.encode(_myself()))
            try:
                yield
            except OSError as error:
                if error.errno is None:  # of no file: what took too long
                    raise
                raise TritonError(
                    f"{error.filename or self.directory}: {error.strerror or error}",
                    remedy="make room there, or look at its permissions, and try again",
                ) from error
            finally:
                if self._is_blank:
                    shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _is_blank(self) -> bool:
        """Whether nothing was ever pushed, and none of its files says otherwise."""
        live, there = self.directory / "live.json", {item.name for item in self.directory.iterdir()}
        if self.numbers() == [0]:
            return "pending.json" not in there and _readable(live, int) == 0
        return there <= {"lock", "revisions"} and not self.numbers()

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
        return read_sealed(self.directory / "deployment.json", DeploymentRecord)

    def keep_deployment(self, deployment: DeploymentRecord) -> None:
        """Keep whose journal this is. Only while `locked`."""
        if self.deployment() != deployment:
            write_sealed(self.directory / "deployment.json", deployment)

    def current(self) -> Record | None:
        """The live revision, or None before the first push. Raises `Damaged`."""
        number = self._live_number()
        record = None if number is None else self.record(number)
        return None if record is None else _as_live(record)

    def record(self, number: int) -> Record | None:
        """A revision with its files, if it is on record. Raises `Damaged`."""
        try:
            found = read_sealed(self._path(number), Record)
        except Damaged:
            found = read_sealed(self.directory / FOUND_COPY, Record) if number == 0 else None
            if found is None:
                raise
        return found

    def numbers(self) -> list[int]:
        """The numbers of all revisions that were ever on record, oldest first; files that are no
        revisions are none of ours."""
        paths = (self.directory / "revisions").glob("*.json*")
        matches = (RECORD_NAME.fullmatch(path.name) for path in paths)
        return sorted({int(match[1]) for match in matches if match})

    def history(self) -> list[Revision]:
        """All revisions on record, oldest first. One whose file is damaged is listed as that, one
        whose push was cut short as pending, and one whose parent is not on record as it was when
        this was pushed says so."""
        live = self._live_number()
        cut_short = None if self.is_held else self._cut_short()
        lineages: dict[int, str] = {}
        listed = []
        for number in self.numbers():
            item = self._listed(number, lineages)
            if number == live:
                item = replace(item, state="live")
            elif number == cut_short:
                item = _with_note(item, CUT_SHORT)
            if item.parent_checksum and lineages.get(item.parent or 0) != item.parent_checksum:
                item = _with_note(item, f"revision {item.parent} is not the one it was pushed on")
            listed.append(item)
        return listed

    def is_failed(self, number: int) -> bool:
        """Whether a revision on record never went live."""
        return self._listed(number).state == "failed"

    def save(self, record: Record) -> None:
        """Put a revision on record, or change its state, without making it live."""
        write_sealed(self._path(record.revision.number), record)

    def keep_figures(self, number: int, after: ServedFigures) -> None:
        """Keep what requests came to under a revision, where it is on record."""
        self._change(number, after=after)

    def keep_note(self, number: int, note: str) -> None:
        """Add to what is noted of a revision, where it is on record."""
        record = self.record(number)
        if record is not None:
            self._change(number, note=_with_note(record.revision, note).note)

    def _change(self, number: int, **changes: object) -> None:
        with contextlib.suppress(Damaged):
            record = self.record(number)
            if record is not None:
                self.save(replace(record, revision=replace(record.revision, **changes)))

    def keep_found(self, record: Record) -> None:
        """Put revision 0 on record and make it live. Raises `Damaged` where one was there."""
        if self.numbers():
            raise Damaged(
                f"{self.directory} knows revisions of this deployment, but not which one is live",
                remedy="charter-engine history repair reads it back from the deployment",
            )
        write_sealed(self.directory / FOUND_COPY, record)
        self.commit(record)

    def commit(self, record: Record) -> None:
        """Make a revision the live one: the moment a push counts is when its number is written."""
        if self.record(record.revision.number) is None:
            self.save(record)
        write_sealed(self.directory / "live.json", record.revision.number)
        self.save(record)

    def make_live(self, record: Record) -> None:
        """Point at a revision that is on record, unless it is the live one anyway."""
        number = record.revision.number
        with contextlib.suppress(Damaged):
            if read_sealed(self.directory / "live.json", int) == number:
                return
        write_sealed(self.directory / "live.json", number)

    def pending(self) -> Pending | None:
        """The push in progress, or one that was cut short. Raises `Damaged`."""
        return read_sealed(self.directory / "pending.json", Pending)

    def interrupted(self) -> Pending | None:
        """As `pending`; where its own file is damaged, put together from the revisions on record:
        the one that was being pushed, and the one that was live."""
        try:
            return self.pending()
        except Damaged:
            return self._rebuilt()

    def _cut_short(self) -> int | None:
        """The number of a push that was cut short, as far as anybody can tell."""
        try:
            pending = self.interrupted()
        except Damaged:
            return max(self.numbers(), default=None)
        return pending.number if pending is not None else None

    def _rebuilt(self) -> Pending:
        live = self.current()
        pushed = [
            record
            for number in self.numbers()
            if self._listed(number).state == "pending" and (record := self.record(number))
        ]
        if live is None and pushed:
            raise Damaged(
                f"{self.directory} knows of a push that was cut short, but not what was live",
                remedy="charter-engine history repair reads it back from the deployment",
            )
        before = contents_of(live) if live is not None else {}
        meant = contents_of(pushed[-1]) if pushed else {}
        changed = {path: before.get(path) for path in meant if meant[path] != before.get(path)}
        return Pending(
            number=pushed[-1].revision.number if pushed else max(self.numbers(), default=0) + 1,
            parent=live.revision.number if live is not None else 0,
            files=texts_of(changed),
            raw=raw_of(changed),
        )

    def begin(self, pending: Pending, record: Record) -> None:
        """Journal what a push would have to take back, and put it on record as pending."""
        write_sealed(self.directory / "pending.json", pending)
        self.save(replace(record, revision=replace(record.revision, state="pending")))

    def end(self) -> None:
        (self.directory / "pending.json").unlink(missing_ok=True)

    @property
    def lost_live(self) -> bool:
        """Whether there are revisions on record, and the live one is none of them."""
        try:
            return bool(self.numbers()) and self.current() is None
        except Damaged:
            return True

    def mend(self) -> Iterator[str]:
        """Set aside what is damaged, and write again what a second copy or the other files tell;
        what was done, file by file. Only while `locked`."""
        found, copy = self._path(0), self.directory / FOUND_COPY
        for broken, whole in ((found, copy), (copy, found)):
            if _is_damaged(broken, Record) and (record := _readable(whole, Record)) is not None:
                write_sealed(broken, record)
                yield f"{broken.name} was written again from {whole.name}"
        for number in self.numbers():
            path = self._path(number)
            if _is_damaged(path, Record):
                path.replace(path.with_name(f"{path.name}.damaged"))
                yield f"{path.name} was damaged, and is set aside"
        if _is_damaged(self.directory / "deployment.json", DeploymentRecord):
            (self.directory / "deployment.json").unlink()
            yield "deployment.json was damaged: the next push writes it again"
        if _is_damaged(self.directory / "live.json", int):
            live = self._live_number()
            (self.directory / "live.json").unlink()
            if live is not None:
                write_sealed(self.directory / "live.json", live)
            yield "live.json was damaged, and is written again from the revisions on record"

    def _live_number(self) -> int | None:
        """As written; where that is lost, the latest that is on record as live."""
        try:
            number = read_sealed(self.directory / "live.json", int)
        except Damaged:
            number = None
        if number is not None:
            return number
        live = (number for number in self.numbers() if self._listed(number).state == "live")
        return max(live, default=None)

    def _listed(self, number: int, lineages: dict[int, str] | None = None) -> Revision:
        try:
            record = self.record(number)
        except Damaged as damage:
            return _unreadable(number, damage.message)
        if record is None:
            return _unreadable(number, "its file was damaged, and is set aside")
        if lineages is not None:
            lineages[number] = lineage_of(record)
        return record.revision

    def _path(self, number: int) -> Path:
        return self.directory / "revisions" / f"{number:06d}.json"


def _readable(path: Path, kind: type[T]) -> T | None:
    try:
        return read_sealed(path, kind)
    except Damaged:
        return None


def _is_damaged(path: Path, kind: type) -> bool:
    return path.exists() and _readable(path, kind) is None


def _as_live(record: Record) -> Record:
    return replace(record, revision=replace(record.revision, state="live"))


def _with_note(item: Revision, words: str) -> Revision:
    return replace(item, note=f"{item.note}; {words}" if item.note else words)


def _unreadable(number: int, why: str) -> Revision:
    return Revision(
        number=number, created_at=0.0, deployment="", agent="", plan=Plan(agent=""), note=why,
        state="failed",
    )  # fmt: skip


def account_here() -> str:
    """Who this process belongs to."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _myself() -> Holder:
    return Holder(
        process=os.getpid(), account=account_here(), host=socket.gethostname(), since=time.time()
    )


def _holder(text: str) -> str:
    try:
        return str(msgspec.json.decode(text, type=Holder))
    except msgspec.DecodeError:
        return f"process {text.strip() or 'unknown'}"
