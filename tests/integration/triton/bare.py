"""A tritonserver without Charter's supervisor, in any of its model control modes: what an operator
starts on the repository of a deployment."""

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from charter_engine.embedded.install import locate
from charter_engine.embedded.ports import free_ports

READY_SECONDS = 40.0
STOP_SECONDS = 20.0
MODES = {
    "none": (),
    "poll": ("--model-control-mode=poll", "--repository-poll-secs=1"),
    "explicit": ("--model-control-mode=explicit",),
    "all": ("--model-control-mode=explicit", "--load-model=*"),
}


@dataclass(frozen=True)
class Bare:
    """A server that was started; `ready` is False for one that ended instead."""

    ready: bool
    process: int
    url: str
    log: Path


@contextlib.contextmanager
def tritonserver(
    repository: Path, scratch: Path, mode: str, models: Sequence[str] = ()
) -> Iterator[Bare]:
    """Start one on a repository, loading `models`, and wait until it is ready or ends."""
    installation = locate()
    python = scratch / "backends" / "python"
    python.mkdir(parents=True)
    for part in (*installation.backend.iterdir(), installation.stub):
        (python / part.name).symlink_to(part)
    http, grpc, metrics = free_ports(3)
    log = scratch / "server.log"
    command = [
        str(installation.server),
        f"--model-repository={repository}",
        f"--backend-directory={python.parent}",
        f"--backend-config=python,shm-region-prefix-name=bare-{os.getpid()}-{grpc}-",
        "--http-address=127.0.0.1",
        f"--http-port={http}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={grpc}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={metrics}",
        "--allow-gpu-metrics=false",
        "--exit-timeout-secs=5",
        *MODES[mode],
        *(f"--load-model={model}" for model in models),
    ]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=_environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield Bare(_is_ready(server, http), server.pid, f"127.0.0.1:{grpc}", log)
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _environment() -> dict[str, str]:
    """As the embedded server's, but for what keeps Python from compiling beside the sources."""
    paths = [path for path in sys.path if path and Path(path).is_dir()]
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join(str(path) for path in locate().libraries),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _is_ready(server: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=2).close()
            return True
        time.sleep(0.1)
    return False
