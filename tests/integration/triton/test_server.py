"""The embedded Triton's life: it starts, survives what it can, and never leaves anything behind."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from charter_engine.embedded import supervisor
from charter_engine.embedded.instances import (
    ServerFailed,
    find,
    instances_directory,
    memory_prefix,
    running,
)
from charter_engine.embedded.ports import free_ports
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonError, Unreachable
from charter_engine.triton.journals import Journals
from charter_engine.triton.release import BLS_PLAN
from charter_engine.triton.transaction import restore_files
from tests.integration.triton import pushing
from tests.integration.triton.conftest import Served, serving
from tests.integration.triton.pushing import CALLS, ask, deployer, leftovers, plan_with

COMEBACK_SECONDS = 60.0
LATE_SECONDS = 0.5

ON_TAKEN_PORT_ONCE = """
import os, pathlib, sys
tried, port, *command = sys.argv[1:]
if not pathlib.Path(tried).exists():
    pathlib.Path(tried).touch()
    command = [
        f"--grpc-port={port}" if item.startswith("--grpc-port") else item for item in command
    ]
os.execv(command[0], command)
"""

OWNER = """
import asyncio, sys
from pathlib import Path
from charter_engine.embedded.server import EmbeddedTriton

async def main():
    server = EmbeddedTriton(Path(sys.argv[1]), name="owned")
    state = await server.start()
    print(state.supervisor, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Under a path that a shell would take apart."""
    return write_embedded_repository(tmp_path_factory.mktemp("life") / "my models (old)")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("served"))


def descendants(process: int) -> list[psutil.Process]:
    return psutil.Process(process).children(recursive=True)


def is_stub_of(process: psutil.Process, model: str) -> bool:
    try:
        command = process.cmdline()
    except psutil.ZombieProcess:
        return False
    return bool(command) and "backend_stub" in command[0] and any(model in item for item in command)


async def eventually(condition: Callable[[], bool], seconds: float = COMEBACK_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


async def answers_again(client: TritonClient) -> None:
    deadline = time.monotonic() + COMEBACK_SECONDS
    while True:
        try:
            await ask(client)
        except TritonError:
            assert time.monotonic() < deadline, "it did not come back in time"
            await asyncio.sleep(0.05)
        else:
            return


@asynccontextmanager
async def slow_line_to(port: int) -> AsyncIterator[int]:
    """The port of a line to another one that takes its time to pass on what comes first."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(LATE_SECONDS)
        behind, before = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, before), pass_on(behind, writer))

    line = await asyncio.start_server(connected, "127.0.0.1", *free_ports(1))
    async with line:
        yield line.sockets[0].getsockname()[1]


def shared_memory(name: str) -> list[Path]:
    directory = instances_directory() / f"instance-{name}"
    return list(Path("/dev/shm").glob(f"{memory_prefix(directory)}*"))


async def test_tritonserver_killed_is_restarted_on_its_ports(served: Served) -> None:
    before = served.state
    async with TritonClient(before.connection) as client:
        await ask(client)
        os.kill(before.server, signal.SIGKILL)
        await answers_again(client)
    after = served.state
    assert (after.grpc, after.http, after.metrics) == (before.grpc, before.http, before.metrics)
    assert after.restarts == before.restarts + 1
    assert after.server != before.server
    assert "restarted" in after.reason


async def test_a_server_behind_a_slow_line_is_reached(served: Served) -> None:
    async with slow_line_to(served.state.grpc) as port:
        url = f"127.0.0.1:{port}"
        async with TritonClient(replace(served.state.connection, url=url)) as client:
            assert await client.is_ready()


@pytest.mark.parametrize("model", ["charter_bls", "tensorrt_llm"])
async def test_a_killed_stub_process_is_replaced(model: str, served: Served) -> None:
    async with TritonClient(served.state.connection) as client:
        await ask(client)
        stubs = [item for item in descendants(served.state.supervisor) if is_stub_of(item, model)]
        assert stubs
        for stub in stubs:
            stub.kill()
        await answers_again(client)


async def test_a_request_in_flight_when_the_server_dies_fails_as_unreachable(
    served: Served,
) -> None:
    async with TritonClient(served.state.connection) as client:
        waiting = [asyncio.create_task(ask(client)) for _ in range(8)]
        await asyncio.sleep(0)
        os.kill(served.state.server, signal.SIGKILL)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(
            isinstance(item, Unreachable) for item in outcomes if isinstance(item, BaseException)
        )
        await answers_again(client)


async def test_a_killed_owner_leaves_no_process_no_shared_memory_and_no_directory(
    repository: Path,
) -> None:
    owner = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, "-c", OWNER, str(repository)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    line = await asyncio.to_thread(owner.stdout.readline)
    supervisor = int(line)
    family = [psutil.Process(supervisor), *descendants(supervisor)]
    assert len(family) >= 4
    assert shared_memory("owned")
    owner.kill()
    owner.wait()
    await eventually(
        lambda: not any(item.is_running() and item.status() != "zombie" for item in family)
    )
    assert find("owned") is None
    assert shared_memory("owned") == []
    assert not (instances_directory() / "instance-owned").exists()


async def test_a_killed_supervisor_takes_triton_with_it_and_the_rest_is_swept(
    repository: Path,
) -> None:
    server = EmbeddedTriton(repository, name="supervised")
    state = await server.start()
    family = descendants(state.supervisor)
    os.kill(state.supervisor, signal.SIGKILL)
    await eventually(
        lambda: not any(item.is_running() and item.status() != "zombie" for item in family)
    )
    assert running() == [item for item in running() if item.name != "supervised"]
    await server.stop()
    assert shared_memory("supervised") == []


@pytest.mark.parametrize("end", ["stop", "kill the supervisor"])
async def test_the_python_backends_directory_is_removed(repository: Path, end: str) -> None:
    for _ in range(5):
        server = EmbeddedTriton(repository)
        await server.start()
        scratch = scratch_of(server)
        if end == "kill the supervisor":
            os.kill(server.state.supervisor, signal.SIGKILL)
        await server.stop()
        if scratch is not None:
            assert not scratch.exists()
            return
    pytest.fail("each time another server was started at the same moment")


def scratch_of(server: EmbeddedTriton) -> Path | None:
    """The directory of a running server's Python backend.

    None where it can't be told from that of another.
    """
    assert server.directory is not None
    name = json.loads((server.directory / "state.json").read_text())["scratch"]
    assert not name or Path(name).is_dir()
    return Path(name) if name else None


def test_a_directory_that_something_was_unpacked_into_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SCRATCH_PREFIX", f"{tmp_path}/python_env_")
    for name in ("python_env_empty", "python_env_full"):
        (tmp_path / name).mkdir()
    (tmp_path / "python_env_full" / "bin").mkdir()
    for name in supervisor.scratch_directories():
        supervisor.remove_scratch(name)
    assert [path.name for path in tmp_path.iterdir()] == ["python_env_full"]


async def test_two_serve_side_by_side(served: Served, repository: Path) -> None:
    async with EmbeddedTriton(repository) as other:
        assert other.state.grpc != served.state.grpc
        for state in (served.state, other.state):
            async with TritonClient(state.connection) as client:
                await ask(client)


async def test_a_port_taken_between_choice_and_start_is_exchanged(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specification = EmbeddedTriton._spec

    def starting_on_a_taken_port(self: EmbeddedTriton, *arguments: Any) -> dict[str, Any]:
        given = specification(self, *arguments)
        command = [
            sys.executable,
            "-c",
            ON_TAKEN_PORT_ONCE,
            str(tmp_path / "tried"),
            str(port),
            *given["command"],
        ]
        return {**given, "command": command}

    monkeypatch.setattr(EmbeddedTriton, "_spec", starting_on_a_taken_port)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with EmbeddedTriton(repository) as server:
            assert (tmp_path / "tried").exists()
            async with TritonClient(server.state.connection) as client:
                await ask(client)


async def test_ports_asked_for_and_taken_are_an_error_that_names_them(repository: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerFailed, match=str(port)):
            await EmbeddedTriton(repository, ports={"http": port, "grpc": 1, "metrics": 2}).start()


async def test_a_model_that_does_not_load_is_reported_in_its_own_words(tmp_path: Path) -> None:
    repository = write_embedded_repository(tmp_path / "models")
    (repository / "charter_bls" / "1" / "plan.json").write_text("{")
    with pytest.raises(ServerFailed, match=r"plan\.json line 1"):
        await EmbeddedTriton(repository).start()
    assert running() == [item for item in running() if item.repository != str(repository)]


def charter_engine(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "charter_engine.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_up_status_push_and_down_from_a_script(tmp_path: Path) -> None:
    agent = tmp_path / "agent.py"
    agent.write_text(
        "class Agent:\n"
        "    def __init__(self, client): self.client = client\n"
        "    def run(self, report):\n"
        "        return self.client.generate('You summarise reports.\\n' + report + '\\nSummary:', "
        "max_tokens=5)\n"
    )
    up = charter_engine("triton", "up", "--name", "script", "--json")
    assert up.returncode == 0, up.stderr
    assert json.loads(up.stdout)["state"] == "ready"
    compiled = charter_engine("compile", str(agent), "--json")
    (call,) = json.loads(compiled.stdout)["files"][0]["calls"]
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"agent: {agent}\nnodes:\n  '{call['id']}':\n    retention: "
        f"[{{first: 0, last: 0, priority: 80}}]\n"
    )
    pushed = charter_engine("push", str(plan), "--name", "script", "--json")
    assert pushed.returncode == 0, pushed.stderr
    assert json.loads(pushed.stdout)["ok"] is True
    again = charter_engine("triton", "up", "--name", "script")
    assert (again.returncode, "is up already" in again.stderr) == (1, True)
    profile = charter_engine("triton", "profile", "--name", "script", "--json")
    assert json.loads(profile.stdout)["retention"] is True
    (tmp_path / "profile.json").write_text(profile.stdout)
    fitted = charter_engine(
        "plan", str(agent), "--profile", str(tmp_path / "profile.json"), "--json"
    )
    assert fitted.returncode == 0, fitted.stderr
    assert charter_engine("history", "--name", "script").returncode == 0
    assert charter_engine("rollback", "--name", "script").returncode == 0
    assert charter_engine("triton", "down", "--name", "script").returncode == 0
    status = charter_engine("triton", "status", "--name", "script", "--json")
    assert (status.returncode, json.loads(status.stdout)["state"]) == (3, "stopped")
    kept = charter_engine("history", "--name", "script", "--json")
    assert [item["number"] for item in json.loads(kept.stdout)] == [2, 1, 0]
    assert charter_engine("push", str(plan), "--name", "script").returncode == 3
    assert charter_engine("push", str(plan), "--triton", "127.0.0.1:1").returncode == 3


def test_a_name_that_is_a_path_is_wrong_usage() -> None:
    up = charter_engine("triton", "up", "--name", "../mine")
    assert (up.returncode, "not a name" in up.stderr) == (2, True)


def test_building_an_engine_with_an_illegal_block_size_is_wrong_usage(tmp_path: Path) -> None:
    built = charter_engine("triton", "build", str(tmp_path / "engine"), "--tokens-per-block", "48")
    assert built.returncode == 2
    assert "power of two" in built.stderr


async def test_a_push_cut_short_together_with_its_server_is_undone_at_the_next_start(
    tmp_path: Path,
) -> None:
    repository = write_embedded_repository(tmp_path / "models")
    async with (
        EmbeddedTriton(repository) as server,
        TritonClient(server.state.connection) as client,
    ):
        await deployer(client, repository).push(plan_with(70), CALLS)
        died = await asyncio.to_thread(
            subprocess.run,
            [
                sys.executable,
                "-m",
                pushing.__name__,
                server.state.grpc_url,
                str(repository),
                "80",
                f"wrote {BLS_PLAN}",
            ],
            check=False,
        )
        assert died.returncode == -signal.SIGKILL
    journal = Journals(tmp_path).of(repository, "")
    assert restore_files(journal, repository)
    async with (
        EmbeddedTriton(repository) as server,
        TritonClient(server.state.connection) as client,
    ):
        assert (await ask(client)).revision == 1
        assert "cut short" in await deployer(client, repository).repair()
        assert leftovers(repository) == []
