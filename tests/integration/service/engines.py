"""Real engines for tests: `charter-engine serve` in a process of its own, on a small agent."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from charter_engine.contracts.gauges import (
    TOPIC_OF,
    Draft,
    Event,
    Gauge,
    Payload,
    Session,
    Topic,
)
from charter_engine.service.client import EngineClient, LinkState, Message

AGENT = '''"""Two calls, the second reading what the first wrote."""


class Reader:
    SYSTEM = "You read notes with great care, and you answer in one line. " * 8

    def __init__(self, client):
        self.client = client

    def read(self, note):
        summary = self.client.generate(
            f"{self.SYSTEM}\\n\\nNote:\\n{note}\\n\\nSummary:", max_tokens=8
        )
        verdict = self.client.generate(
            f"{self.SYSTEM}\\n\\nNote:\\n{note}\\n\\nSummary: {summary}\\n\\nVerdict:", max_tokens=8
        )
        return summary, verdict
'''
NOTES = [
    "The bridge opens at six.",
    "Rain until noon, then wind from the west.",
    "Three boxes are missing.",
]
START_SECONDS = 60.0


def write_agent(directory: Path, *, max_tokens: int = 8) -> Path:
    """A small agent with its inputs beside it."""
    path = directory / "reader.py"
    path.write_text(AGENT.replace("max_tokens=8", f"max_tokens={max_tokens}"))
    path.with_name("reader.inputs.jsonl").write_text(
        "".join(json.dumps({"note": note}) + "\n" for note in NOTES)
    )
    return path


def environment(directory: Path) -> dict[str, str]:
    """Sockets, logs and the database of this test alone."""
    return {
        **os.environ,
        "CHARTER_STATE": str(directory / "state"),
        "CHARTER_SOCKET": str(directory / "engine.sock"),
    }


@contextmanager
def serving(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """An engine on `directory`'s socket that ends with the test."""
    command = [sys.executable, "-m", "charter_engine.cli", "serve", "--stop-with-stdin", *arguments]
    with (directory / "engine.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment(directory)
        )
    try:
        _until_it_listens(process, directory)
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_it_listens(process: subprocess.Popen[bytes], directory: Path) -> None:
    """The socket is there a moment before anybody listens on it."""
    deadline = time.monotonic() + START_SECONDS
    while not _listens(directory / "engine.sock"):
        assert process.poll() is None, (directory / "engine.log").read_text()
        assert time.monotonic() < deadline, "the engine does not listen"
        time.sleep(0.02)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as trying:
        return trying.connect_ex(str(path)) == 0


def tritons_of(directory: Path) -> list[psutil.Process]:
    """Every tritonserver that serves a repository under `directory`."""
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if process.info["name"] == "tritonserver" and str(directory) in words:
            found.append(process)
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


@dataclass
class Watch:
    """A client that remembers the latest of each topic and every event."""

    client: EngineClient
    latest: dict[Topic, Payload] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    connections: list[LinkState] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self) -> None:
        async for message in self.client.messages():
            self._remember(message)
            self._changed.set()

    def _remember(self, message: Message) -> None:
        if isinstance(message, Gauge):
            self.latest[TOPIC_OF[type(message.payload)]] = message.payload
        elif isinstance(message, Event):
            self.events.append(message)
        else:
            self.connections.append(message)

    async def until(self, condition: Callable[["Watch"], object], seconds: float = 60.0) -> None:
        """Wait until it holds; on time out, fail with what was seen."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            texts = [event.text for event in self.events[-8:]]
            phase = getattr(self.latest.get("session"), "phase", None)
            raise AssertionError(
                f"did not come about; phase {phase!r}, {self.connections[-1:]}, {texts}"
            ) from None


@asynccontextmanager
async def watching(directory: Path) -> AsyncIterator[Watch]:
    """A watching client of the engine on `directory`'s socket."""
    client = EngineClient(directory / "engine.sock")
    await client.connect()
    watch = Watch(client)
    following = asyncio.create_task(watch.follow())
    try:
        yield watch
    finally:
        await client.close()
        await asyncio.gather(following, return_exceptions=True)


def session(watch: Watch) -> Session:
    payload = watch.latest.get("session")
    return payload if isinstance(payload, Session) else Session(engine_version="")


def draft(watch: Watch) -> Draft:
    payload = watch.latest.get("draft")
    return payload if isinstance(payload, Draft) else Draft()
