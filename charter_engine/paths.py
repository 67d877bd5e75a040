"""Where sockets, logs and the database live.

They are in the user's runtime and state directories, for the user alone.
"""

import os
import stat
import warnings
from pathlib import Path

import platformdirs

APPLICATION = "charter"
SOCKET_NAME = "engine.sock"
MAX_SOCKET_PATH_BYTES = 107
"""Linux, unix(7): `sun_path` holds 108 bytes with the closing zero."""


class UnsafeDirectory(OSError):
    """A directory that must be the user's alone is not."""


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
            f"{directory.parent} belongs to another user; "
            "set XDG_RUNTIME_DIR to a directory of yours"
        )
    return private_directory(directory)


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


def compile_cache_path() -> Path:
    """Where compilations are kept between runs (`CHARTER_CACHE` overrides its directory)."""
    override = os.environ.get("CHARTER_CACHE")
    directory = Path(override) if override else platformdirs.user_cache_path(APPLICATION)
    return directory / "compile.sqlite3"


def engine_log_path() -> Path:
    """The log of engines started by a console."""
    return state_directory() / "engine.log"


def private_directory(directory: Path) -> Path:
    """`directory`, created if missing, checked to belong to this user, and closed to others."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeDirectory(f"{directory} is not a directory; remove it")
    if status.st_uid != os.getuid():
        raise UnsafeDirectory(
            f"{directory} belongs to another user; "
            "remove it or set XDG_RUNTIME_DIR to a directory of yours"
        )
    if status.st_mode & 0o077:
        directory.chmod(0o700)
    return directory
