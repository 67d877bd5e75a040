"""The embedded Tritons of this account: where each keeps its files, which of them run, and what is
left of one whose supervisor is gone."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from charter_engine.contracts.embedded import ServerState
from charter_engine.embedded import supervisor
from charter_engine.embedded.keys import GRPC_KEY_HEADER, KEY_FILE, read_key
from charter_engine.errors import UsageError
from charter_engine.paths import private_directory, state_directory
from charter_engine.triton.client import Connection
from charter_engine.triton.errors import TritonError
from charter_engine.triton.journals import Journals

STOP_SECONDS = 8.0
"""Assumed: Triton lets running requests end by then; the supervisor kills it after that."""
DOWN_SECONDS = STOP_SECONDS + 4
POLL_SECONDS = 0.02
"""Nobody sees a fiftieth of a second."""
INSTANCE_PREFIX = "instance-"
REPOSITORY_PREFIX = "repository-"
ALIASES_PREFIX = "charter-triton-"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Of an instance: it goes into the names of files and of shared memory."""


class ServerFailed(TritonError):
    """The embedded Triton did not start or did not stay up; the message quotes its own log."""

    exit_code = 1


class InstanceState(ServerState, frozen=True, kw_only=True):
    """What the supervisor of an instance last said, with the way to it."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What a gRPC call carries to load models and to change the server. Raises `OSError` once
        the instance is gone."""
        return ((GRPC_KEY_HEADER, read_key(Path(self.key_file))),)

    @property
    def connection(self) -> Connection:
        """How a client speaks to it with all rights."""
        return Connection(self.grpc_url, headers=dict(self.headers))


def instances_directory() -> Path:
    """Where running instances keep their files, one directory each."""
    return private_directory(state_directory() / "triton")


def require_name(name: str) -> None:
    """Raises `UsageError` for what can be no instance's name."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"--name {name!r}: not a name",
            remedy="use letters, digits and `-_.`, at most 64, the first a letter or digit",
        )


def new_repository() -> Path:
    """A place for a model repository that is removed with the instance that serves it."""
    return Path(tempfile.mkdtemp(prefix=REPOSITORY_PREFIX, dir=instances_directory())) / "models"


def find(name: str) -> InstanceState | None:
    """The running instance of that name, or None."""
    return next((state for state in running() if state.name == name), None)


def running() -> list[InstanceState]:
    """All instances that run on this account. What crashed ones left is looked at by none but the
    next to start: it may hold the revisions of a deployment."""
    with _instances_locked() as root:
        return [read_state(directory) for directory in _instances(root) if _is_live(directory)]


def stop(name: str) -> bool:
    """Stop a detached instance and wait for its end; whether there was one, be it only what a
    killed one left.

    Raises `ServerFailed` if it won't end.
    """
    state = find(name)
    if state is None:
        return _clear(name)
    with contextlib.suppress(ProcessLookupError):
        os.kill(state.supervisor, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while find(name) is not None:
        if time.monotonic() > deadline:
            raise ServerFailed(
                f"Triton {name!r} (process {state.server}) did not stop within "
                f"{DOWN_SECONDS:.0f} s",
                remedy=f"kill -9 {state.supervisor}",
            )
        time.sleep(POLL_SECONDS)
    remove_instance(Path(state.key_file).parent)
    return True


def _clear(name: str) -> bool:
    """Remove what a killed instance of that name left; whether there was anything."""
    with _instances_locked() as root:
        left = [item for item in _instances(root) if _name_of(item) == name and not _is_live(item)]
        for directory in left:
            remove_instance(directory)
    return bool(left)


def read_state(directory: Path) -> InstanceState:
    """What the supervisor of the instance in `directory` last wrote.

    `starting` before it wrote anything.
    """
    try:
        raw = _document(directory / "state.json")
    except FileNotFoundError:
        raw = {"state": "starting", "reason": "", "log": str(directory / "server.log")}
    spec = _read_spec(directory)
    numbers = {
        key: int(raw.get(key, 0))
        for key in ("http", "grpc", "metrics", "server", "supervisor", "restarts")
    }
    return InstanceState(
        name=_name_of(directory),
        state=raw["state"],
        reason=raw["reason"],
        log=raw["log"],
        repository=str(spec.get("repository", "")),
        key_file=str(directory / KEY_FILE),
        **numbers,
    )


def _scratch_of(directory: Path) -> str:
    try:
        return str(json.loads((directory / "state.json").read_text())["scratch"])
    except (OSError, ValueError, KeyError):
        return ""


def _read_spec(directory: Path) -> dict[str, Any]:
    try:
        return _document(directory / "spec.json")
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _document(path: Path) -> dict[str, Any]:
    """What a file holds that is asked for every second and seldom written, and then replaced."""
    found = path.stat()
    return _parsed(path, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=16)
def _parsed(path: Path, *_written: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _name_of(directory: Path) -> str:
    return directory.name.removeprefix(INSTANCE_PREFIX)


def new_instance(name: str | None) -> tuple[Path, int]:
    """A fresh instance directory and its lock, held.

    Raises `ServerFailed` if one of that name runs.
    """
    with _instances_locked() as root:
        alive = [_name_of(directory) for directory in _sweep(root)]
        if name is None:
            directory = Path(tempfile.mkdtemp(prefix=INSTANCE_PREFIX, dir=root))
        elif name in alive:
            raise ServerFailed(
                f"an embedded Triton named {name!r} is already up",
                remedy=f"charter-engine triton down --name {name}, or choose another name",
            )
        else:
            directory = root / f"{INSTANCE_PREFIX}{name}"
            directory.mkdir(mode=0o700)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return directory, lock


@contextlib.contextmanager
def _instances_locked() -> Iterator[Path]:
    root = instances_directory()
    with (root / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield root


def _instances(root: Path) -> list[Path]:
    return sorted(root.glob(f"{INSTANCE_PREFIX}*"))


def _is_live(directory: Path) -> bool:
    return _is_held(directory / "lock")


def _sweep(root: Path) -> list[Path]:
    """The directories of live instances.

    Those whose supervisor is gone are removed with all that they left.
    """
    alive = []
    for directory in _instances(root):
        if _is_live(directory):
            alive.append(directory)
            continue
        remove_instance(directory)
    return alive


def memory_prefix(directory: Path) -> str:
    """How the shared memory of an instance's stubs begins.

    `/dev/shm` is one for the machine, while a name stands for an instance of one state directory
    only and may begin another's, so the prefix tells the directory whole.
    """
    whole = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()
    return f"{directory.name}-{whole[:8]}-"


def remove_instance(directory: Path) -> None:
    """Remove the memory and the files that an instance left whose supervisor is gone."""
    for path in Path("/dev/shm").glob(f"{memory_prefix(directory)}*"):
        path.unlink(missing_ok=True)
    supervisor.remove_scratch(_scratch_of(directory))
    spec = _read_spec(directory)
    aliases = Path(spec.get("aliases", ""))
    if aliases.name.startswith(ALIASES_PREFIX):
        shutil.rmtree(aliases, ignore_errors=True)
    _keep_revisions(Path(spec.get("repository", "")), _name_of(directory), spec)
    shutil.rmtree(directory, ignore_errors=True)


def _keep_revisions(repository: Path, name: str, spec: dict[str, Any]) -> None:
    """What was pushed can be looked at later. A repository of our own goes, somebody else's
    stays."""
    journals = Journals(state_directory())
    is_own = repository.parent.name.startswith(REPOSITORY_PREFIX)
    with contextlib.suppress(OSError):
        if is_own:
            journals.retire_below(repository.parent, name)
        elif spec.get("detached"):
            journals.keep_ended(repository, name)
    if is_own:
        shutil.rmtree(repository.parent, ignore_errors=True)


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
