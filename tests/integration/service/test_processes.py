"""Engines and consoles as processes: who ends with whom, and what is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from charter_engine.contracts.commands import (
    ControlReplay,
    EditServer,
    GetSession,
    SeekReplay,
    StartRun,
)
from charter_engine.contracts.gauges import Nodes, Replay, Session
from charter_engine.service.client import EngineClient, RequestFailed, connect_or_start
from charter_engine.store.recording_writer import RecordingWriter
from tests.integration.service.engines import (
    Watch,
    draft,
    environment,
    serving,
    session,
    tritons_of,
    wait_until,
    watching,
    write_agent,
)
from tests.unit.store.test_recording import second

CONSOLE = """
import asyncio, sys
from charter_engine.service.client import connect_or_start
async def main():
    agent, outlive, *arguments = sys.argv[1:]
    client = await connect_or_start(agent, arguments=arguments, outlive=eval(outlive))
    async for message in client.messages():
        print(message, flush=True)
asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHARTER_STATE", "CHARTER_SOCKET"):
        monkeypatch.setenv(name, environment(tmp_path)[name])


def started(agent: Path, outlive: float | None, *arguments: str) -> subprocess.Popen[bytes]:
    """A console in a process of its own."""
    command = [sys.executable, "-c", CONSOLE, str(agent), repr(outlive), *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def test_a_killed_starter_takes_its_engine_and_triton_along(tmp_path: Path) -> None:
    console = started(write_agent(tmp_path), None, "--no-run")
    try:
        assert wait_until(lambda: bool(tritons_of(tmp_path)))
        children = psutil.Process(console.pid).children(recursive=True)
    finally:
        console.kill()
        console.wait()
    assert wait_until(lambda: not tritons_of(tmp_path))
    assert wait_until(lambda: not any(child.is_running() for child in children))
    assert not (tmp_path / "engine.sock").exists()


async def test_a_killed_consoles_engine_is_found_by_the_next_with_its_draft(
    tmp_path: Path,
) -> None:
    agent, arguments = write_agent(tmp_path), ("--no-run", "--triton", "127.0.0.1:1")
    console = started(agent, 60.0, *arguments)
    try:
        assert wait_until((tmp_path / "engine.sock").exists)
        async with watching(tmp_path) as watch:
            await watch.until(lambda w: session(w).compiled)
            await watch.client.request(
                EditServer(
                    key="tokens_per_block", value="32", base_revision=session(watch).revision
                )
            )
    finally:
        console.kill()
        console.wait()
    client = await connect_or_start(str(agent), arguments=arguments, outlive=60.0)
    watch = Watch(client)
    following = asyncio.create_task(watch.follow())
    try:
        await watch.until(lambda w: "draft" in w.latest and client.owns_engine)
        assert client.child is None
        diff = draft(watch).diff
        assert diff is not None
        assert [change.new for change in diff.changes] == ["32"]
        assert any("the next charter-tui finds it" in event.text for event in watch.events)
    finally:
        await client.close()
        await asyncio.gather(following, return_exceptions=True)
    assert wait_until(lambda: not (tmp_path / "engine.sock").exists())


def test_a_killed_consoles_engine_ends_by_itself_when_nobody_comes(tmp_path: Path) -> None:
    console = started(write_agent(tmp_path), 0.1, "--triton", "127.0.0.1:1")
    try:
        assert wait_until((tmp_path / "engine.sock").exists)
        children = psutil.Process(console.pid).children(recursive=True)
    finally:
        console.kill()
        console.wait()
    assert wait_until(lambda: not any(child.is_running() for child in children))
    assert not (tmp_path / "engine.sock").exists()


def test_a_killed_engine_leaves_no_triton(tmp_path: Path) -> None:
    with serving(tmp_path, "--agent", str(write_agent(tmp_path)), "--no-run") as engine:
        assert wait_until(lambda: bool(tritons_of(tmp_path)))
        engine.kill()
        engine.wait()
        assert wait_until(lambda: not tritons_of(tmp_path))


def test_a_terminated_engine_stops_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-run") as engine:
        assert wait_until(lambda: bool(tritons_of(tmp_path)))
        engine.send_signal(signal.SIGTERM)
        assert engine.wait(60) == 0
    assert not tritons_of(tmp_path)
    assert not (tmp_path / "engine.sock").exists()


async def test_a_console_starts_its_killed_engine_again_and_says_so(tmp_path: Path) -> None:
    client = await connect_or_start(str(write_agent(tmp_path)), arguments=["--no-run"])
    watch = Watch(client)
    following = asyncio.create_task(watch.follow())
    try:
        await watch.until(lambda w: "session" in w.latest)
        assert client.child is not None and client.child.process_id is not None
        os.kill(client.child.process_id, signal.SIGKILL)
        await watch.until(lambda w: any(item.state == "lost" for item in w.connections))
        await watch.until(lambda w: "started anew" in w.connections[-1].text)
    finally:
        await client.close()
        await asyncio.gather(following, return_exceptions=True)
    assert not tritons_of(tmp_path)


async def test_a_second_console_of_the_same_agent_attaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charter_engine.service.client.GREETING_SECONDS", 60.0)
    agent = write_agent(tmp_path)
    with serving(tmp_path, "--agent", str(agent), "--no-run"):
        client = await connect_or_start(str(agent))
        assert client.child is None
        await client.close()


async def test_two_consoles_that_start_at_once_both_get_an_engine(tmp_path: Path) -> None:
    agents = [write_agent(tmp_path), tmp_path / "other.py"]
    agents[1].write_text(agents[0].read_text())
    arguments = ["--no-run", "--triton", "127.0.0.1:1"]
    clients = await asyncio.gather(
        *(connect_or_start(str(agent), arguments=arguments) for agent in agents)
    )
    try:
        sessions = [await client.request(GetSession(), 30.0) for client in clients]
    finally:
        await asyncio.gather(*(client.close() for client in clients))
    assert all(client.child is not None for client in clients)
    assert len({client.path for client in clients}) == 2
    assert all(isinstance(session, Session) for session in sessions)
    assert not list(tmp_path.glob("*.lock"))


def test_a_second_engine_on_the_same_socket_ends_with_2(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-run", "--triton", "127.0.0.1:1"):
        second_one = subprocess.run(
            [sys.executable, "-m", "charter_engine.cli", "serve"],
            capture_output=True, text=True, env=environment(tmp_path), check=False, timeout=30,
        )  # fmt: skip
    assert second_one.returncode == 2
    assert "already listens" in second_one.stderr


async def test_an_unreachable_triton_is_said_and_the_engine_serves_on(tmp_path: Path) -> None:
    with serving(tmp_path, "--agent", str(write_agent(tmp_path)), "--triton", "127.0.0.1:1"):
        async with watching(tmp_path) as watch:
            await watch.until(lambda w: phase(w) == "Triton is unreachable" and compiled(w))
            with pytest.raises(RequestFailed) as caught:
                await watch.client.request(StartRun())
    assert caught.value.failure.kind == "unreachable"


async def test_a_read_only_engine_refuses_to_run(tmp_path: Path) -> None:
    arguments = ("--agent", str(write_agent(tmp_path)), "--read-only", "--triton", "127.0.0.1:1")
    with serving(tmp_path, *arguments):
        async with watching(tmp_path) as watch:
            await watch.until(lambda w: "session" in w.latest)
            with pytest.raises(RequestFailed) as caught:
                await watch.client.request(StartRun())
            shown = watch.latest["session"]
    assert caught.value.failure.kind == "read-only"
    assert isinstance(shown, Session) and shown.read_only


async def test_a_replay_plays_pauses_and_seeks(tmp_path: Path) -> None:
    recording = tmp_path / "demo.charter"
    writer = RecordingWriter(recording)
    for number in range(60):
        writer.write(second(number))
    writer.close()
    before = recording.read_bytes()
    with serving(tmp_path, "--replay", str(recording)):
        async with watching(tmp_path) as watch:
            await watch.until(lambda w: position(w) > 1000.3)
            await watch.client.request(ControlReplay(paused=True))
            await watch.client.request(SeekReplay(to=1030.6))
            await watch.until(lambda w: position(w) == 1030.6 and requests_of(w) == 30)
            await watch.client.request(SeekReplay(by=-10.0))
            await watch.until(lambda w: abs(position(w) - 1020.6) < 0.01 and requests_of(w) == 20)
            await watch.client.request(SeekReplay(to=9e9))
            await watch.until(lambda w: requests_of(w) == 59)
            with pytest.raises(RequestFailed, match="nothing can be changed"):
                await watch.client.request(StartRun())
    assert recording.read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"not a recording at all, but long enough"])
def test_what_is_no_recording_is_refused_with_2(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.charter"
    if content is not None:
        path.write_bytes(content)
    ended = subprocess.run(
        [sys.executable, "-m", "charter_engine.cli", "serve", "--replay", str(path)],
        capture_output=True, text=True, env=environment(tmp_path), check=False, timeout=30,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "x.charter" in ended.stderr and "Traceback" not in ended.stderr


def phase(watch: Watch) -> str:
    payload = watch.latest.get("session")
    return payload.phase if isinstance(payload, Session) else ""


def compiled(watch: Watch) -> bool:
    payload = watch.latest.get("session")
    return isinstance(payload, Session) and payload.compiled is not None


def position(watch: Watch) -> float:
    payload = watch.latest.get("replay")
    return payload.position if isinstance(payload, Replay) else 0.0


def requests_of(watch: Watch) -> int | None:
    payload = watch.latest.get("nodes")
    return payload.nodes[0].requests if isinstance(payload, Nodes) else None


def test_a_client_needs_no_engine_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # measuring would bring sqlite3
    heavy = ("grpc", "numpy", "aiohttp", "sqlite3")
    code = (
        "import sys, charter_engine.service.client; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
    assert isinstance(EngineClient(tmp_path / "x"), EngineClient)
