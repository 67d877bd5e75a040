"""Where sockets, logs, the database and the user's configuration live.

Sockets, logs and the database are in the user's runtime and state directories, for the user alone.
"""

import errno
import os
import stat
import warnings
from pathlib import Path
from typing import BinaryIO

import platformdirs

APPLICATION = "charter"
SOCKET_NAME = "engine.sock"
MAX_SOCKET_PATH_BYTES = 107
"""Linux, unix(7): `sun_path` holds 108 bytes with the closing zero."""


class UnsafeDirectory(OSError):
    """A directory that must be the user's alone is not, or can't be made."""

    def __init__(self, directory: Path, why: str, variable: str, number: int = errno.EPERM) -> None:
        """`variable` of the environment puts it elsewhere."""
        what_to_do = f"or set {variable} to a directory of yours"
        super().__init__(number, f"{why}, {what_to_do}", str(directory))

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


def runtime_directory() -> Path:
    """The directory for sockets: created with mode 0700.

    Raises `UnsafeDirectory` if it is someone else's.
    """
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR a directory below /tmp serves as well; nobody needs to hear of it
        # at each start.
        warnings.simplefilter("ignore")
        directory = Path(platformdirs.user_runtime_dir(APPLICATION, appauthor=False))
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.parent.stat().st_uid not in (0, os.getuid()):
        raise UnsafeDirectory(
            directory.parent, "belongs to another user; remove it", "XDG_RUNTIME_DIR"
        )
    return private_directory(directory, "XDG_RUNTIME_DIR")


def state_directory() -> Path:
    """The directory for the database and logs (`CHARTER_STATE` overrides it)."""
    override = os.environ.get("CHARTER_STATE")
    directory = (
        Path(override)
        if override
        else Path(platformdirs.user_state_dir(APPLICATION, appauthor=False))
    )
    return private_directory(directory)


def default_socket() -> Path:
    """Where an engine listens unless told otherwise (`CHARTER_SOCKET` overrides it)."""
    override = os.environ.get("CHARTER_SOCKET")
    return Path(override) if override else runtime_directory() / SOCKET_NAME


def private_socket() -> Path:
    """A socket for an engine that belongs to this process."""
    return runtime_directory() / f"engine-{os.getpid()}.sock"


def private_sockets() -> tuple[Path, ...]:
    """Where engines of consoles may listen beside the default socket."""
    return tuple(sorted(runtime_directory().glob("engine-*.sock")))


def database_path() -> Path:
    """Where sessions and revisions are kept."""
    return state_directory() / "charter.db"


def user_config() -> Path:
    """The user's configuration directory (`XDG_CONFIG_HOME` moves it)."""
    return Path(platformdirs.user_config_dir(APPLICATION, appauthor=False))


def config_file() -> Path:
    """The console's configuration, of which commands heed what servers are `read_only`."""
    return user_config() / "console.toml"


def compile_cache_path() -> Path:
    """Where compilations are kept between runs (`CHARTER_CACHE` overrides its directory)."""
    override = os.environ.get("CHARTER_CACHE")
    directory = Path(override) if override else platformdirs.user_cache_path(APPLICATION)
    return directory / "compile.sqlite3"


def engine_log_path() -> Path:
    """The log of engines started by a console."""
    return state_directory() / "engine.log"


def private_directory(directory: Path, variable: str = "XDG_STATE_HOME") -> Path:
    """`directory`, created if missing, checked to belong to this user, and closed to others.

    Raises `UnsafeDirectory`, which names the `variable` that puts it elsewhere.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = f"can't be made ({error.strerror}); see to it"
        raise UnsafeDirectory(directory, why, variable, error.errno or errno.EIO) from error
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeDirectory(directory, "is not a directory; remove it", variable)
    if status.st_uid != os.getuid():
        raise UnsafeDirectory(directory, "belongs to another user; remove it", variable)
    if status.st_mode & 0o077:
        directory.chmod(0o700)
    return directory


def open_private(path: Path, append: bool = False) -> BinaryIO:
    """A file for writing, from its beginning or its end, closed to other users from the start.

    Raises `OSError`, and for a symbolic link too: whoever could place one could not open the file.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    flags |= os.O_APPEND if append else os.O_TRUNC
    file = os.fdopen(os.open(path, flags, 0o600), "ab" if append else "wb")
    os.fchmod(file.fileno(), 0o600)
    return file


def read_bounded(path: Path, limit: int) -> bytes:
    """A file's content. Raises `OSError`, and for more than `limit` bytes, a device or a pipe: one
    may have no end, the other no writer."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        content = opened.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit >> 20} MiB", str(path))
    return content


def make_private(path: Path) -> None:
    """See to it that the file is there and its user's alone, for those that open it themselves.
    Raises `OSError`."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(file, 0o600)
    finally:
        os.close(file)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that other users cannot read. Raises `OSError`."""
    with open_private(path) as file:
        file.write(content)
