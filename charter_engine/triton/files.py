"""Changes to files of a model repository that are made as one, also after a power cut, also on a
full disk, and that can be taken back without a trace."""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from glob import escape
from pathlib import Path

from msgspec import Struct

from charter_engine.files import sync_directory
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.originals import Originals

NEW_SUFFIX = ".charter-new"
OLD_SUFFIX = ".charter-old"
COMPILED = "__pycache__"
"""What Python leaves beside the sources of a model that it has loaded."""

Contents = Mapping[str, bytes | None]
"""Files by path relative to a root; None: there is none."""


class FileAttributes(Struct, frozen=True, kw_only=True):
    """What a file or directory is besides its content. Times are in nanoseconds since the epoch."""

    mode: int
    owner: int
    group: int
    modified_ns: int


def read_files(root: Path, paths: Iterable[str]) -> dict[str, bytes | None]:
    """The contents as they are now. Raises `InvalidInput` for what is no regular file inside the
    root."""
    contents: dict[str, bytes | None] = {}
    for path in paths:
        try:
            contents[path] = target_of(root, path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            contents[path] = None
    return contents


def target_of(root: Path, path: str) -> Path:
    """The file that a path names, through links that stay inside the root. Raises `InvalidInput`
    for any other."""
    target = (root / path).resolve()
    if not target.is_relative_to(root.resolve()):
        raise InvalidInput(
            f"{root / path} leads out of the repository, to {target}",
            remedy="a push only writes inside the repository: put the model there itself",
        )
    if target.exists() and not target.is_file():
        raise InvalidInput(f"{root / path} is not a regular file")
    return target


def attributes_of(root: Path, paths: Iterable[str]) -> dict[str, FileAttributes]:
    """The attributes of the files that exist, and of the directories on the way to them; "." is the
    root."""
    found = {}
    for place in sorted({place for path in paths for place in _places(path)}):
        with contextlib.suppress(FileNotFoundError):
            status = (root / place).stat()
            found[place] = FileAttributes(
                mode=stat.S_IMODE(status.st_mode),
                owner=status.st_uid,
                group=status.st_gid,
                modified_ns=status.st_mtime_ns,
            )
    return found


def set_attributes(root: Path, attributes: Mapping[str, FileAttributes]) -> None:
    """Give files and directories back what they had, as far as this account may; directories last,
    since what happens in them is their change."""
    for path in sorted(attributes, key=lambda path: -len(_places(path))):
        place, wanted = root / path, attributes[path]
        with contextlib.suppress(OSError):
            status = place.stat()
            if (status.st_uid, status.st_gid) != (wanted.owner, wanted.group):
                os.chown(place, wanted.owner, wanted.group)
            if stat.S_IMODE(status.st_mode) != wanted.mode:
                place.chmod(wanted.mode)
            os.utime(place, ns=(status.st_atime_ns, wanted.modified_ns))


def why_not_writable(root: Path, paths: Iterable[str]) -> str:
    """Why the files at these paths cannot be replaced from here; empty if they can."""
    for path in paths:
        target = target_of(root, path)
        directory = target.parent
        while not directory.exists():
            directory = directory.parent
        if not os.access(directory, os.W_OK | os.X_OK):
            return f"{directory} cannot be written by this account"
        if target.exists() and os.geteuid() not in (0, target.stat().st_uid):
            return f"{target} is another account's, and would not stay so"
    return ""


def files_below(root: Path, directory: str) -> tuple[str, ...]:
    """The paths of all files below a directory of the root, but for what Python compiled."""
    return tuple(
        sorted(
            str(path.relative_to(root))
            for path in (root / directory).rglob("*")
            if COMPILED not in path.parts and not path.is_dir()
        )
    )


def forget_compiled(directory: Path) -> None:
    """Remove what Python compiled of the sources below a directory: half of it may have been
    written, on a full disk."""
    for compiled in directory.rglob(COMPILED):
        shutil.rmtree(compiled, ignore_errors=True)


def token_beside(root: Path, paths: Iterable[str]) -> str:
    """The token of a change whose staged files lie beside the targets; empty where there is none,
    or more than one."""
    tokens = set()
    for path in paths:
        target = target_of(root, path)
        for suffix in (NEW_SUFFIX, OLD_SUFFIX):
            for staged in target.parent.glob(f".{escape(target.name)}.*{suffix}"):
                tokens.add(staged.name[len(target.name) + 2 : -len(suffix)])
    return tokens.pop() if len(tokens) == 1 else ""


class StagedFiles:
    """One change below a root. `token` makes the names beside the targets: nobody can guess them,
    and whoever knows it can finish or take back what another process began."""

    def __init__(self, root: Path, token: str, originals: Originals | None = None) -> None:
        self.root = root
        self.token = token
        self._originals = originals

    def stage(self, contents: Contents) -> None:
        """Put everything the change needs on disk beside its target: the new contents, and links to
        the old files.

        From here on the change, and its way back, are renames that need no space. Raises `OSError`
        with nothing changed.
        """
        try:
            for path, content in contents.items():
                target = target_of(self.root, path)
                if content is not None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._stage_new(path, target, content)
                with contextlib.suppress(FileNotFoundError):
                    _link(target, self._beside(target, OLD_SUFFIX))
        except BaseException:
            self.clean(contents)
            raise

    def _stage_new(self, path: str, target: Path, content: bytes) -> None:
        new = self._beside(target, NEW_SUFFIX)
        original = self._originals.original(path, content) if self._originals else None
        if original is None:
            _write_new(new, content, like=target)
        else:
            new.hardlink_to(original)

    def settle(self, paths: Iterable[str]) -> None:
        """Once a change is there to stay: files with several names that it replaced are kept, and
        those that it gave back are let go."""
        if self._originals is None:
            return
        for path in paths:
            target = target_of(self.root, path)
            self._originals.release(path, target)
            self._originals.take(path, self._beside(target, OLD_SUFFIX))

    def apply(self, path: str, content: bytes | None) -> None:
        """Make one staged change."""
        target = target_of(self.root, path)
        if content is None:
            target.unlink(missing_ok=True)
        else:
            self._beside(target, NEW_SUFFIX).replace(target)
        sync_directory(target.parent)

    def restore(self, before: Contents) -> None:
        """Take staged changes back; also right when only some were made, and when done twice."""
        for path, content in before.items():
            target = target_of(self.root, path)
            old = self._beside(target, OLD_SUFFIX)
            if _is_file(old):
                self._link_over(old, target)
            elif content is None:
                target.unlink(missing_ok=True)
            elif not target.exists() or target.read_bytes() != content:
                target.parent.mkdir(parents=True, exist_ok=True)
                fresh = self._beside(target, NEW_SUFFIX)
                fresh.unlink(missing_ok=True)
                _write_new(fresh, content, like=target)
                fresh.replace(target)
            if target.parent.is_dir():
                sync_directory(target.parent)

    def clean(self, paths: Iterable[str]) -> None:
        """Remove what staging left beside the targets, and directories that hold nothing now, or
        only what Python compiled."""
        for path in paths:
            target = target_of(self.root, path)
            for suffix in (NEW_SUFFIX, OLD_SUFFIX):
                with contextlib.suppress(NotADirectoryError):
                    self._beside(target, suffix).unlink(missing_ok=True)
            for directory in self._directories_to(target):
                if {entry.name for entry in _entries(directory)} == {COMPILED}:
                    shutil.rmtree(directory / COMPILED, ignore_errors=True)
                try:
                    directory.rmdir()
                except OSError:
                    break

    def _directories_to(self, target: Path) -> Iterator[Path]:
        """From the target's own up to, and without, the root."""
        root = self.root.resolve()
        return (place for place in target.parents if place != root and place.is_relative_to(root))

    def _beside(self, target: Path, suffix: str) -> Path:
        return target.with_name(f".{target.name}.{self.token}{suffix}")

    def _link_over(self, source: Path, target: Path) -> None:
        """Let `target` be what `source` is, keeping `source` so that this can be repeated."""
        if target.exists() and target.samefile(source):
            return
        fresh = self._beside(target, NEW_SUFFIX)
        fresh.unlink(missing_ok=True)
        _link(source, fresh)
        fresh.replace(target)


def _places(path: str) -> tuple[str, ...]:
    """The path and the directories on the way to it."""
    parents = Path(path).parents
    return (path, *(str(parent) for parent in parents)) if path != "." else (path,)


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    """Whether it is a file itself, not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _write_new(path: Path, content: bytes, *, like: Path) -> None:
    """Create a file that nobody made before, with the owner and mode of another if that exists.
    Raises `OSError` naming the file."""
    try:
        with path.open("xb") as file:
            with contextlib.suppress(FileNotFoundError):
                _take_after(file.fileno(), like.stat())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _take_after(descriptor: int, wanted: os.stat_result) -> None:
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (wanted.st_uid, wanted.st_gid):
        os.fchown(descriptor, wanted.st_uid, wanted.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(wanted.st_mode))


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError:  # a file system without hard links
        _write_new(target, source.read_bytes(), like=source)
        status = source.stat()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
