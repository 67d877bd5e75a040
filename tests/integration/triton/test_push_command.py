"""`charter-engine push` as a process: who reads its output, and who ends it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from charter_engine.triton.client import TritonClient
from tests.integration.triton.conftest import Served
from tests.integration.triton.pushing import CALLS, deployer, plan_with
from tests.unit.api.agents import FACTS, write_agent, write_plan

PROGRAM = [sys.executable, "-m", "charter_engine.cli"]
UNREAD = 141
INTERRUPTED = 130


@pytest.fixture
def arguments(served: Served) -> list[str]:
    """Which Triton, as typed."""
    return ["--triton", served.state.grpc_url, "--repository", str(served.repository)]


def plan(directory: Path, priority: int) -> str:
    write_agent(directory)
    return str(write_plan(directory, "desk.py", f"\n  {FACTS}:\n    decode_priority: {priority}"))


async def live(client: TritonClient, served: Served) -> int:
    revision = await deployer(client, served.repository).live()
    return revision.number if revision else 0


@pytest.mark.parametrize("command", ["push", "rollback"])
async def test_output_that_nobody_reads_undoes_nothing(
    command: str, tmp_path: Path, served: Served, client: TritonClient, arguments: list[str]
) -> None:
    await deployer(client, served.repository).push(plan_with(70), CALLS, force=True)
    before = await live(client, served)
    given = ["push", plan(tmp_path, 21), "--force"] if command == "push" else ["rollback"]
    reader, writer = os.pipe()
    os.close(reader)
    done = await asyncio.to_thread(
        subprocess.run, [*PROGRAM, *given, *arguments], stdout=writer, stderr=writer, check=False
    )
    os.close(writer)
    assert await live(client, served) > before
    assert done.returncode == UNREAD


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_an_interrupted_push_is_taken_back(
    number: signal.Signals,
    tmp_path: Path,
    served: Served,
    client: TritonClient,
    arguments: list[str],
) -> None:
    await deployer(client, served.repository).push(plan_with(70), CALLS, force=True)
    before = await live(client, served)
    pusher = await asyncio.create_subprocess_exec(
        *(*PROGRAM, "push", plan(tmp_path, 30 + number), "--force", *arguments),
        stderr=asyncio.subprocess.PIPE,
    )
    assert pusher.stderr is not None
    while b"wrote" not in (line := await pusher.stderr.readline()):
        assert line
    pusher.send_signal(number)
    rest = (await pusher.stderr.read()).decode()
    assert await pusher.wait() == INTERRUPTED
    assert f"revision {before} is live again" in rest
    assert rest.endswith("interrupted\n")
    ready = deployer(client, served.repository)
    assert (await live(client, served), await ready.foreign_changes()) == (before, ())
    assert ready.history()[-1].note == "interrupted"


async def test_a_relative_tokenizer_is_resolved_where_it_is_typed(
    tmp_path: Path, served: Served, client: TritonClient
) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [
            *PROGRAM,
            *("push", plan(tmp_path, 22), "--force", "--triton", served.state.grpc_url),
            *("--repository", served.repository.name, "--tokenizer", "engine-tpb32"),
        ],
        cwd=served.repository.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("is live again")) == (0, 0)


async def test_what_is_typed_and_not_there_is_refused_before_anything_is_asked(
    tmp_path: Path, arguments: list[str]
) -> None:
    for option in ("--tokenizer", "--repository"):
        done = await asyncio.to_thread(
            subprocess.run,
            [*PROGRAM, "push", plan(tmp_path, 23), *arguments, option, "no/such/place"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert f"{option} no/such/place: there is no such" in done.stderr


async def test_a_deployment_file_is_applied_once_and_then_there_is_nothing_to_do(
    tmp_path: Path, served: Served, client: TritonClient
) -> None:
    ready = deployer(client, served.repository)
    await ready.push(plan_with(70), CALLS, force=True)
    await ready.rollback(0)
    plan(tmp_path, 41)
    file = tmp_path / "charter.yaml"
    where = f"triton: {served.state.grpc_url}\nrepository: {served.repository}\n"
    file.write_text(f"{where}plan: plan.yaml\nwhy: from the pipeline\n")

    async def applied(*more: str) -> int:
        command = [*PROGRAM, "apply", str(file), *more]
        return (await asyncio.to_thread(subprocess.run, command, check=False)).returncode

    before = await live(client, served)
    assert (await applied("--plan-only"), await live(client, served)) == (2, before)
    assert await applied() == 0
    assert ready.history()[-1].note == "from the pipeline"
    assert await applied("--plan-only") == 0
    assert (await applied(), await live(client, served)) == (0, before + 1)
