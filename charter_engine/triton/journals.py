"""Which journal is a deployment's: one for each, however it is reached."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonError
from charter_engine.triton.journal import Journal
from charter_engine.triton.model_config import parameters_of
from charter_engine.triton.release import DEPLOYMENT_PARAMETER, REVISION_PARAMETER
from charter_engine.triton.request import BLS_MODEL
from charter_engine.triton.sealed import Damaged

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
LOOK_SECONDS = 2.0
"""Two samples' time: the next look asks again."""
UNINSTALLED, ENDED = "uninstalled", "ended"
"""Where the journals lie of deployments that Charter was taken out of, and of embedded ones that
are gone."""


@dataclass(frozen=True)
class Shown:
    """What a deployment shows of itself: its id, and the number of the revision that is live."""

    id: str | None = None
    revision: str | None = None


async def shown_by(client: TritonClient) -> Shown:
    """What the deployment shows; nothing where it does not answer, or serves no `charter_bls`."""
    try:
        parameters = parameters_of(await client.config(BLS_MODEL, LOOK_SECONDS))
    except TritonError:
        return Shown()
    return Shown(parameters.get(DEPLOYMENT_PARAMETER), parameters.get(REVISION_PARAMETER))


class Journals:
    """The journals that this account knows, below its state directory: directories, or links to
    those beside the repositories."""

    def __init__(self, state: Path) -> None:
        self._root = state / "deployments"

    def of(self, repository: Path | None, url: str, shown: Shown | None = None) -> Journal:
        """The journal of a deployment: beside its repository, else the one of the id that it shows,
        else the one of its address. One that an earlier release kept elsewhere is moved there."""
        shown = shown or Shown()
        journal = Journal(self._directory(repository, url, shown))
        if not journal.numbers():
            for earlier in self._earlier(repository, url, shown):
                if _moved(earlier, journal.directory):
                    break
        return journal

    def remember(self, journal: Journal, url: str) -> None:
        """Find this journal again by the deployment's id and address, also where no repository is
        given."""
        deployment = journal.deployment()
        names = [self._by_address(url), *([self._by_id(deployment.id)] if deployment else [])]
        with contextlib.suppress(OSError):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in names:
                _point(name, journal.directory)

    def retire(self, journal: Journal) -> Path:
        """Put away the journal of a deployment that has nothing of Charter any more; where to.
        Raises `OSError`."""
        return self._put_away(journal, UNINSTALLED, _digest(str(journal.directory)))

    def _put_away(self, journal: Journal, among: str, name: str) -> Path:
        kept = self._root / among / f"{time.time_ns()}-{name}"
        directory = journal.directory.resolve()
        for path in self._root.glob("*"):
            if path.is_symlink() and path.resolve() == directory:
                path.unlink()
        kept.mkdir(mode=0o700, parents=True)
        for item in directory.iterdir():
            shutil.move(item, kept / item.name)
        with contextlib.suppress(OSError):  # a mount point stays
            directory.rmdir()
        if journal.directory.is_symlink():
            journal.directory.unlink()
        return kept

    def retire_below(self, directory: Path, name: str) -> None:
        """Put away the journals beside embedded repositories in a directory that is about to be
        removed. `name` is that of the embedded deployment."""
        for beside in directory.glob(".*.charter"):
            journal = Journal(beside)
            if max(journal.numbers(), default=0) > 0:
                self._put_away(journal, ENDED, name)

    def keep_ended(self, repository: Path, name: str) -> None:
        """Find the journal of a repository that stays also by the name of the embedded deployment
        that served it and ended."""
        journal = self.of(repository, "")
        if max(journal.numbers(), default=0) == 0:
            return
        for earlier in _put_away_in(self._root / ENDED, name):
            if earlier.is_symlink():
                earlier.unlink()
        (self._root / ENDED).mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._root / ENDED / f"{time.time_ns()}-{name}").symlink_to(journal.directory)

    def ended(self, name: str | None = None) -> Journal | None:
        """The journal of the embedded deployment that ended last: of those of that name, or of
        all."""
        kept = [path for path in _put_away_in(self._root / ENDED, name) if path.is_dir()]
        return Journal(kept[-1]) if kept else None

    def uninstalled(self, journal: Journal) -> Journal | None:
        """The journal that lay in the place of this one when Charter was last taken out of its
        deployment."""
        kept = _put_away_in(self._root / UNINSTALLED, _digest(str(journal.directory)))
        return Journal(kept[-1]) if kept else None

    def _directory(self, repository: Path | None, url: str, shown: Shown) -> Path:
        if repository is not None:
            resolved, beside = repository.resolve(), place_beside(repository)
            if beside.is_dir() or os.access(resolved.parent, os.W_OK):
                return beside
            return self._root / _digest(str(resolved))
        if shown.id is not None and self._by_id(shown.id).is_dir():
            return self._by_id(shown.id).resolve()
        known = self._by_address(url)
        if shown.id is not None and _id_of(known) not in (None, shown.id):
            return self._by_id(shown.id)
        return known.resolve()

    def _by_id(self, identity: str) -> Path:
        return self._root / f"id-{_digest(identity)}"

    def _by_address(self, url: str) -> Path:
        return self._root / _digest(_canonical(url))

    def _earlier(self, repository: Path | None, url: str, shown: Shown) -> Iterator[Path]:
        """Where the journal may lie that an earlier release kept. An address may have been
        another's then: its journal counts only if the deployment shows its revision."""
        if repository is not None:
            yield self._root / _digest(str(repository))
            yield self._root / _digest(str(repository.resolve()))
            yield repository.absolute().parent / f".{repository.name}.charter"
            yield repository / "..charter"
        if shown.id is not None:
            yield self._by_id(shown.id)
        for spelled in _spellings(url):
            candidate = self._root / _digest(spelled)
            if _id_of(candidate) in (None, shown.id) and _shows_live(candidate, shown):
                yield candidate


def _put_away_in(directory: Path, name: str | None) -> list[Path]:
    """The journals that were put away there, the earliest first."""
    return sorted(
        path for path in directory.glob("*-*") if name in (None, path.name.partition("-")[2])
    )


def place_beside(repository: Path) -> Path:
    """Where the journal of a repository lies whose parent directory can be written."""
    resolved = repository.resolve()
    return resolved.parent / f".{resolved.name}.charter"


def new_identity() -> str:
    """An id for a deployment that has none."""
    return secrets.token_hex(16)


def _moved(earlier: Path, directory: Path) -> bool:
    """Move a journal to its place, or let the place lead to it where that is another disk. What is
    found by a link is left: that is the place of another name."""
    if earlier.is_symlink() or not (earlier / "revisions").is_dir():
        return False
    if earlier.resolve() == directory.resolve():
        return False
    try:
        if directory.is_dir() and not any((directory / "revisions").glob("*")):
            _remove_empty(directory)
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _bring(earlier, directory)
    except OSError as error:
        raise TritonError(
            f"{directory} cannot take over {earlier}: {error.strerror}",
            remedy="move it there: it holds this deployment's revisions",
        ) from None
    return True


def _bring(earlier: Path, directory: Path) -> None:
    try:
        earlier.rename(directory)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        directory.symlink_to(earlier)


def _remove_empty(directory: Path) -> None:
    """A journal that was opened and never written holds its lock and nothing else."""
    (directory / "lock").unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        (directory / "revisions").rmdir()
    directory.rmdir()


def _point(name: Path, directory: Path) -> None:
    """Let a name lead to a directory, unless it is one itself."""
    if name == directory or (name.is_dir() and not name.is_symlink()):
        return
    if name.is_symlink() and name.readlink() == directory:
        return
    fresh = name.with_name(f".{name.name}.{secrets.token_hex(8)}")
    fresh.symlink_to(directory)
    fresh.replace(name)


def _id_of(directory: Path) -> str | None:
    try:
        deployment = Journal(directory).deployment()
    except Damaged:
        return None
    return deployment.id if deployment else None


def _shows_live(directory: Path, shown: Shown) -> bool:
    """Whether the deployment shows the revision that a journal says is live."""
    try:
        record = Journal(directory).current()
    except Damaged:
        return False
    return record is not None and str(record.revision.number) == shown.revision


def _canonical(url: str) -> str:
    host, separator, port = url.rpartition(":")
    return f"{LOOPBACK[1]}{separator}{port}" if host in LOOPBACK else url


def _spellings(url: str) -> tuple[str, ...]:
    """The address as anybody may have typed it."""
    host, _, port = url.rpartition(":")
    return tuple(f"{name}:{port}" for name in LOOPBACK) if host in LOOPBACK else (url,)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
