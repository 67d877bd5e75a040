"""A real Triton on this machine, without a GPU, started under a supervisor."""

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from charter_engine import children
from charter_engine.embedded import hidden_arguments, room, supervisor
from charter_engine.embedded.engine.blas import blas_environment
from charter_engine.embedded.install import Installation, locate
from charter_engine.embedded.instances import (
    ALIASES_PREFIX,
    POLL_SECONDS,
    STOP_SECONDS,
    InstanceState,
    ServerFailed,
    memory_prefix,
    new_instance,
    read_state,
    remove_instance,
)
from charter_engine.embedded.keys import (
    KEY_FILE,
    KEY_NAME,
    RESTRICTED,
    RESTRICTED_WHERE_PRIVATE,
    key_environment,
    new_key,
    restrictions,
)
from charter_engine.embedded.log import error_lines
from charter_engine.paths import open_private, write_private
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL
from charter_engine.triton.verify import PROBE_RUN

START_SECONDS = 60.0
"""Assumed: Triton with its models is up in seconds; a busy machine takes several times that."""
PROBED = (ENGINE_MODEL, BLS_MODEL)
"""The models that must answer a request before a server counts as ready."""
INSTANCE_ALIAS, REPOSITORY_ALIAS = "instance", "models"
BACKENDS = "backends"


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
        try:
            self._launch(installation)
            return await self._until_ready()
        except OSError as error:
            await self.stop()
            raise room.unwritten(error) from None
        except BaseException:
            await self.stop()
            raise

    def _launch(self, installation: Installation) -> None:
        directory, lock = new_instance(self.name)
        self.directory = directory
        try:
            spec = self._spec(installation, directory)
            key = new_key(directory)
            write_private(directory / "spec.json", json.dumps(spec).encode())
            with open_private(directory / "supervisor.log") as log:
                self._supervisor = subprocess.Popen(
                    [
                        sys.executable, "-I", "-S", "-c", supervisor.COMMAND,
                        children.OWN, str(directory / "spec.json"),
                    ],
                    env={
                        **self._environment(installation),
                        **key_environment(key, self._restricted),
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
            remove_instance(self.directory)
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
        message = f"the embedded Triton did not start: {reason}{quoted}"
        if found := room.full(room.places(self.directory)):
            names = " and ".join(map(str, found))
            return ServerFailed(f"{message}\n  no room is left in {names}", remedy=room.REMEDY)
        return ServerFailed(message)

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


def models_in(repository: Path) -> tuple[str, ...]:
    """The models of a repository: its directories that hold a configuration."""
    return tuple(sorted(path.parent.name for path in repository.glob("*/config.pbtxt")))


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
