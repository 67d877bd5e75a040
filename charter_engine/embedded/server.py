"""A real Triton on this machine, without a GPU.

Starts it under a supervisor, and finds and stops the ones that run.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from charter_engine import children
from charter_engine.contracts.embedded import ServerState
from charter_engine.embedded import hidden_arguments, supervisor
from charter_engine.embedded.engine.blas import blas_environment
from charter_engine.embedded.install import Installation, locate
from charter_engine.embedded.log import error_lines
from charter_engine.errors import UsageError
from charter_engine.paths import (
    open_private,
    private_directory,
    state_directory,
    write_private,
)
from charter_engine.scrub import keep_secret
from charter_engine.triton.client import Connection
from charter_engine.triton.errors import TritonError
from charter_engine.triton.journals import Journals
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL
from charter_engine.triton.verify import PROBE_RUN

START_SECONDS = 60.0
STOP_SECONDS = 8.0
DOWN_SECONDS = STOP_SECONDS + 4
POLL_SECONDS = 0.02
KEY_BYTES = 32
KEY_FILE = "key"
KEY_NAME = "charter-key"
PROMPTS_KEY = "CHARTER_PROMPTS_KEY_SHA256"
"""What has `charter_bls` tell of recent prompts to holders of the key alone (bls/serving.py)."""
GRPC_KEY_HEADER = f"triton-grpc-protocol-{KEY_NAME}"
"""How Triton wants the key of a restricted protocol over gRPC; over HTTP the header is the name
alone."""
RESTRICTED = "model-repository,shared-memory,trace,logging"
"""What changes the server, or has it run or read what a caller names."""
RESTRICTED_WHERE_PRIVATE = f"{RESTRICTED},inference,statistics,model-config"
"""And what tells of the traffic, takes part in it, or reads the tap."""
PROBED = (ENGINE_MODEL, BLS_MODEL)
"""The models that must answer a request before a server counts as ready."""
INSTANCE_PREFIX = "instance-"
REPOSITORY_PREFIX = "repository-"
ALIASES_PREFIX = "charter-triton-"
INSTANCE_ALIAS, REPOSITORY_ALIAS = "instance", "models"
BACKENDS = "backends"
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
        key = Path(self.key_file).read_text()
        keep_secret(key)
        return ((GRPC_KEY_HEADER, key),)

    @property
    def connection(self) -> Connection:
        """How a client speaks to it with all rights."""
        return Connection(self.grpc_url, headers=dict(self.headers))


class EmbeddedTriton:
    """One embedded Triton serving `repository` (explicit model control). An async context manager.

    `models` are loaded at the start (None: all there are). A `detached` server outlives this
    process and is found again by `find(name)`; any other ends with it, however it ends.
    `environment` is added to that of the server and its models. A `private` one answers requests
    only to who has its key.
    """

    def __init__(
        self,
        repository: Path,
        models: Sequence[str] | None = None,
        *,
        name: str | None = None,
        detached: bool = False,
        ports: dict[str, int] | None = None,
        arguments: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        start_seconds: float = START_SECONDS,
        private: bool = False,
    ) -> None:
        self.repository = repository.resolve()
        self.models = tuple(models) if models is not None else models_in(self.repository)
        self.name = name
        self.detached = detached
        self.ports = ports
        self.arguments = tuple(arguments)
        self.environment = dict(environment or {})
        self.start_seconds = start_seconds
        self._restricted = RESTRICTED_WHERE_PRIVATE if private else RESTRICTED
        self.directory: Path | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def state(self) -> InstanceState:
        """The state as of now, read from the supervisor's file."""
        if self.directory is None:
            raise ServerFailed("the embedded Triton was not started", remedy="call start() first")
        return read_state(self.directory)

    async def start(self) -> InstanceState:
        """Start and wait until every model is ready.

        Raises `EmbeddedUnavailable` or `ServerFailed`.
        """
        installation = locate()
        self._launch(installation)
        try:
            return await self._until_ready()
        except BaseException:
            await self.stop()
            raise

    def _launch(self, installation: Installation) -> None:
        directory, lock = _new_instance(self.name)
        self.directory = directory
        try:
            spec = self._spec(installation, directory)
            key = secrets.token_urlsafe(KEY_BYTES)
            write_private(directory / KEY_FILE, key.encode())
            write_private(directory / "spec.json", json.dumps(spec).encode())
            with open_private(directory / "supervisor.log") as log:
                self._supervisor = subprocess.Popen(
                    [
                        sys.executable, "-I", "-S", "-c", supervisor.COMMAND,
                        children.OWN, str(directory / "spec.json"),
                    ],
                    env={
                        **self._environment(installation),
                        **restrictions(key, self._restricted),
                        PROMPTS_KEY: hashlib.sha256(key.encode()).hexdigest(),
                    },
                    stdin=subprocess.DEVNULL if self.detached else subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock,),
                    start_new_session=True,
                )  # fmt: skip
        finally:
            os.close(lock)

    async def stop(self) -> None:
        """Stop the server and remove its directory. Does nothing if it is not running."""
        if self._supervisor is not None:
            self._supervisor.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self._supervisor.wait)
            if self._supervisor.stdin is not None:
                self._supervisor.stdin.close()
            self._supervisor = None
        if self.directory is not None:
            _remove_instance(self.directory)
            self.directory = None

    async def _until_ready(self) -> InstanceState:
        assert self.directory is not None and self._supervisor is not None
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline:
            state = read_state(self.directory)
            if state.state == "ready":
                return state
            if state.state == "failed" or self._supervisor.poll() is not None:
                raise self._failure(
                    state.reason or (self.directory / "supervisor.log").read_text()[-500:]
                )
            await asyncio.sleep(POLL_SECONDS)
        raise self._failure(f"it was not ready within {self.start_seconds:.0f} s")

    def _failure(self, reason: str) -> ServerFailed:
        assert self.directory is not None
        lines = error_lines(self.directory / "server.log")
        quoted = "".join(f"\n  {line}" for line in lines)
        return ServerFailed(f"the embedded Triton did not start: {reason}{quoted}")

    def _spec(self, installation: Installation, directory: Path) -> dict[str, Any]:
        aliases = _aliases(directory, self.repository)
        repository = aliases / REPOSITORY_ALIAS if aliases else self.repository
        backends = _backend_directory(installation, directory, aliases)
        shm_prefix = memory_prefix(directory)
        return {
            "directory": str(directory),
            "state_file": str(directory / "state.json"),
            "log": str(directory / "server.log"),
            "repository": str(self.repository),
            "aliases": str(aliases or ""),
            "shm_prefix": shm_prefix,
            "detached": self.detached,
            "remove": not self.detached,
            "ports": self.ports,
            "probed": [model for model in PROBED if model in self.models],
            "probe_run": PROBE_RUN,
            "probe_key": [KEY_NAME, str(directory / KEY_FILE)],
            "stop_seconds": STOP_SECONDS,
            "command": [
                str(installation.server),
                f"--model-repository={repository}",
                f"--backend-directory={backends}",
                f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
                "--model-control-mode=explicit",
                *(f"--load-model={model}" for model in self.models),
                "--http-address=127.0.0.1", "--http-port={http}",
                "--grpc-address=127.0.0.1", "--grpc-port={grpc}",
                "--metrics-address=127.0.0.1", "--metrics-port={metrics}",
                "--metrics-interval-ms=500", "--allow-gpu-metrics=false",
                *(f"{hidden_arguments.SIGN}{variable}" for variable in restrictions("")),
                f"--exit-timeout-secs={int(STOP_SECONDS) - 3}",
                *self.arguments,
            ],
        }  # fmt: skip

    def _environment(self, installation: Installation) -> dict[str, str]:
        """The models run in the Python that runs this, and write nothing beside their sources."""
        libraries = [str(path) for path in installation.libraries]
        inherited = os.environ.get("LD_LIBRARY_PATH")
        return {
            **children.environment(),
            "LD_LIBRARY_PATH": os.pathsep.join([*libraries, *([inherited] if inherited else [])]),
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
            ),
            "PYTHONDONTWRITEBYTECODE": "1",
            **blas_environment(),
            **self.environment,
        }


def restrictions(key: str, groups: str = RESTRICTED) -> dict[str, str]:
    """The arguments that restrict these groups of calls to holders of the key, by the environment
    variables that bring them."""
    rule = f"{groups}:{KEY_NAME}={key}"
    return {
        "CHARTER_RESTRICT_HTTP": f"--http-restricted-api={rule}",
        "CHARTER_RESTRICT_GRPC": f"--grpc-restricted-protocol={rule}",
    }


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


def models_in(repository: Path) -> tuple[str, ...]:
    """The models of a repository: its directories that hold a configuration."""
    return tuple(sorted(path.parent.name for path in repository.glob("*/config.pbtxt")))


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
    """Stop a detached instance and wait for its end; whether there was one.

    Raises `ServerFailed` if it won't end.
    """
    state = find(name)
    if state is None:
        return False
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
    _remove_instance(Path(state.key_file).parent)
    return True


def read_state(directory: Path) -> InstanceState:
    """What the supervisor of the instance in `directory` last wrote.

    `starting` before it wrote anything.
    """
    try:
        raw: dict[str, Any] = json.loads((directory / "state.json").read_text())
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
        spec: dict[str, Any] = json.loads((directory / "spec.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return spec


def _name_of(directory: Path) -> str:
    return directory.name.removeprefix(INSTANCE_PREFIX)


def _new_instance(name: str | None) -> tuple[Path, int]:
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
        _remove_instance(directory)
    return alive


def memory_prefix(directory: Path) -> str:
    """How the shared memory of an instance's stubs begins.

    `/dev/shm` is one for the machine, while a name stands for an instance of one state directory
    only and may begin another's, so the prefix tells the directory whole.
    """
    whole = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()
    return f"{directory.name}-{whole[:8]}-"


def _remove_instance(directory: Path) -> None:
    """Remove what an instance whose supervisor is gone left: stubs, memory and files."""
    prefix = memory_prefix(directory)
    supervisor.end_orphans(read_state(directory).server, prefix)
    for path in Path("/dev/shm").glob(f"{prefix}????????-????-????-????-????????????"):
        path.unlink(missing_ok=True)
    supervisor.remove_scratch(_scratch_of(directory))
    spec = _read_spec(directory)
    aliases = Path(spec.get("aliases", ""))
    if aliases.name.startswith(ALIASES_PREFIX):
        shutil.rmtree(aliases, ignore_errors=True)
    repository = Path(spec.get("repository", ""))
    if repository.parent.name.startswith(REPOSITORY_PREFIX):
        with contextlib.suppress(OSError):
            Journals(state_directory()).retire_below(repository.parent)
        shutil.rmtree(repository.parent, ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _backend_directory(installation: Installation, directory: Path, aliases: Path | None) -> Path:
    """Triton wants the stub beside the backend's library: link both into one place."""
    python = directory / BACKENDS / "python"
    python.mkdir(parents=True)
    for part in (*installation.backend.iterdir(), installation.stub):
        (python / part.name).symlink_to(part)
    return (aliases / INSTANCE_ALIAS if aliases else directory) / BACKENDS


def _aliases(directory: Path, repository: Path) -> Path | None:
    """A directory with other names for the two, where a shell would take theirs apart: Triton has
    one start its stubs, and quotes nothing (stub_launcher.cc). None where they need none."""
    if all(shlex.quote(str(path)) == str(path) for path in (directory, repository)):
        return None
    aliases = Path(tempfile.mkdtemp(prefix=ALIASES_PREFIX))
    (aliases / INSTANCE_ALIAS).symlink_to(directory)
    (aliases / REPOSITORY_ALIAS).symlink_to(repository)
    return aliases
