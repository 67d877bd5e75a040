"""Kills one process after another under traffic, at random: a pusher, the engine process, the
server, the stubs of its models, a recorder.

After each, requests are answered again within 10 s, what `history` calls live is what answers, no
process is left over, and what was recorded can be read. Requests fail only while the server or a
stub is down.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil

from charter_engine.contracts.commands import GetSession
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.gauges import Session
from charter_engine.embedded.supervisor import CRASH_WINDOW_SECONDS, MAX_CRASHES
from charter_engine.service.client import ConnectionLost, EngineClient, RequestFailed
from charter_engine.store.recording_format import NotARecording
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonError
from charter_engine.triton.request import GenerateRequest
from tests.benchmarks.bench_deploy import is_stub_of
from tests.integration.service.engines import write_agent

PYTHON = (sys.executable, "-m")
BACK_SECONDS = 10.0
LOST_SECONDS = 2.0
"""Of a recording: the second that is not written yet, and the one being written."""
SENDERS = 2
PLAN = """\
agent: reader.py
nodes:
  Reader.read:summary:
    retention:
    - segments: [0, 0]
      priority: {priority}
"""


@dataclass
class Outcome:
    """What came of one kill."""

    kind: str
    back_seconds: float
    failed: int
    troubles: list[str] = field(default_factory=list)


@dataclass
class Site:
    """A deployment, an engine process on it, and what is sent to it."""

    directory: Path
    url: str = ""
    key_file: str = ""
    supervisor: int = 0
    engine: asyncio.subprocess.Process | None = None
    answered: int = 0
    failed: int = 0

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CHARTER_STATE": str(self.directory / "state"),
            "CHARTER_CACHE": str(self.directory / "cache"),
            "CHARTER_SOCKET": str(self.socket),
        }

    @property
    def socket(self) -> Path:
        return self.directory / "engine.sock"

    async def spawn(self, *arguments: str) -> asyncio.subprocess.Process:
        with (self.directory / "output.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *PYTHON, *arguments, cwd=self.directory, env=self.environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    async def command(self, *arguments: str) -> bytes:
        """What a command of `charter-engine` prints. Raises `RuntimeError` where it fails."""
        process = await asyncio.create_subprocess_exec(
            *PYTHON, "charter_engine.cli", *arguments, cwd=self.directory, env=self.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, complained = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{arguments[0]} ended with {process.returncode}: {complained!r}")
        return said

    async def start(self) -> None:
        write_agent(self.directory)
        state = json.loads(await self.command("triton", "up", "--json"))
        self.url = f"127.0.0.1:{state['grpc']}"
        self.key_file, self.supervisor = state["key_file"], state["supervisor"]
        await self.start_engine()

    async def start_engine(self) -> None:
        self.engine = await self.spawn(
            "charter_engine.cli", "serve", "--agent", "reader.py", "--triton", self.url
        )

    async def stop(self) -> None:
        if self.engine is not None and self.engine.returncode is None:
            self.engine.terminate()
            await self.engine.wait()
        await self.command("triton", "down")

    async def session(self) -> Session:
        """What the engine says of itself. Raises `ConnectionLost`, `RequestFailed`."""
        client = EngineClient(self.socket)
        try:
            await client.connect()
            session: Session = await client.request(GetSession(), 5.0)
            return session
        finally:
            await client.close()

    def server_process(self) -> int:
        (found,) = (
            item.pid
            for item in psutil.Process(self.supervisor).children()
            if item.name() == "tritonserver"
        )
        return found

    def stubs(self, model: str) -> list[int]:
        children = psutil.Process(self.supervisor).children(recursive=True)
        return [item.pid for item in children if is_stub_of(item, model)]


async def send_on(site: Site, client: TritonClient) -> None:
    """Send requests, one after the other, for ever."""
    while True:
        if await revision_of(client) is None:
            site.failed += 1
            await asyncio.sleep(0.02)
        else:
            site.answered += 1


async def revision_of(client: TritonClient) -> int | None:
    """The revision that answers now; None where nobody does."""
    request = GenerateRequest(text="You read notes with great care.", max_tokens=2)
    try:
        return (await client.generate(request, seconds=BACK_SECONDS)).revision
    except TritonError:
        return None


async def back_after(ready: Callable[[], Awaitable[bool]]) -> float:
    """Seconds until it is so, and no more than four times what it may take."""
    started = time.monotonic()
    while time.monotonic() - started < 4 * BACK_SECONDS:
        if await ready():
            return time.monotonic() - started
        await asyncio.sleep(0.05)
    return float("inf")


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process that may have ended."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


class Killer:
    """Kills, waits, and looks whether what is told is so."""

    def __init__(self, site: Site, client: TritonClient, draw: random.Random) -> None:
        self._site, self._client, self._draw = site, client, draw
        self._server_kills: list[float] = []
        self.kinds: dict[str, Callable[[], Awaitable[list[str]]]] = {
            "pusher": self._pusher,
            "engine": self._engine,
            "server": self._server,
            "stub of charter_bls": lambda: self._stub("charter_bls"),
            "stub of tensorrt_llm": lambda: self._stub("tensorrt_llm"),
            "recorder": self._recorder,
        }

    async def kill(self, kind: str) -> Outcome:
        failed = self._site.failed
        troubles = await self.kinds[kind]()
        back = await back_after(self._answers)
        outcome = Outcome(kind, back, self._site.failed - failed, troubles)
        if back > BACK_SECONDS:
            troubles.append(f"answers again after {back:.1f} s")
        troubles += [*await self._what_history_says(), *self._left_over()]
        return outcome

    async def _answers(self) -> bool:
        return await revision_of(self._client) is not None

    async def _pusher(self) -> list[str]:
        plan = self._site.directory / "plan.yaml"
        plan.write_text(PLAN.format(priority=self._draw.randrange(40, 100)))
        arguments = ("push", "plan.yaml", "--triton", self._site.url, "--force")
        pusher = await self._site.spawn("charter_engine.cli", *arguments)
        await asyncio.sleep(self._draw.uniform(0.1, 3.5))
        await _kill(pusher)
        return []

    async def _engine(self) -> list[str]:
        site = self._site
        assert site.engine is not None
        await _kill(site.engine)
        await site.start_engine()
        back = await back_after(self.engine_knows)
        return [f"the engine is back after {back:.1f} s"] if back > BACK_SECONDS else []

    async def engine_knows(self) -> bool:
        try:
            return (await self._site.session()).phase == "ready"
        except (ConnectionLost, RequestFailed, TimeoutError):
            return False

    async def _spare_the_supervisor(self) -> None:
        """It gives up on a server that ends too often; that is not what is tried here."""
        window = CRASH_WINDOW_SECONDS + BACK_SECONDS
        if len(self._server_kills) >= MAX_CRASHES:
            since = time.monotonic() - self._server_kills[-MAX_CRASHES]
            await asyncio.sleep(max(0.0, window - since))
        self._server_kills.append(time.monotonic())

    async def _server(self) -> list[str]:
        await self._spare_the_supervisor()
        psutil.Process(self._site.server_process()).kill()
        return []

    async def _stub(self, model: str) -> list[str]:
        await self._spare_the_supervisor()
        for stub in self._site.stubs(model):
            with suppress(psutil.NoSuchProcess):
                psutil.Process(stub).kill()
        return []

    async def _recorder(self) -> list[str]:
        """Whoever asked for a recording, and then the engine that goes on writing it."""
        path = self._site.directory / f"{time.time_ns()}.charter"
        asked_by = await self._site.spawn(
            "charter_tui.cli",
            "--attach",
            str(self._site.socket),
            "--record",
            str(path),
            "--headless",
        )
        await asyncio.sleep(self._draw.uniform(2.5, 4.0))
        await _kill(asked_by)
        await asyncio.sleep(1.0)
        killed_at = time.time()
        troubles = await self._engine()
        try:
            lost = killed_at - RecordingReader(path).end
        except (NotARecording, OSError) as error:
            return [*troubles, f"the recording: {error}"]
        return [*troubles, f"the recording lost {lost:.1f} s"] if lost > LOST_SECONDS else troubles

    async def _what_history_says(self) -> list[str]:
        """Where the revision that `history` or the engine calls live is not the one that
        answers."""
        said = await self._site.command("history", "--json", "--triton", self._site.url)
        revisions = msgspec.json.decode(said, type=tuple[Revision, ...])
        live = max((item.number for item in revisions if item.state == "live"), default=0)
        answers = await revision_of(self._client)
        if live != answers:
            return [f"history says that revision {live} is live, {answers} answers"]
        session = await back_after(lambda: self._engine_says(answers))
        if session > BACK_SECONDS:
            return [f"the engine does not say that revision {answers} is live"]
        return []

    async def _engine_says(self, revision: int | None) -> bool:
        try:
            return (await self._site.session()).revision == revision
        except (ConnectionLost, RequestFailed, TimeoutError):
            return False

    def _left_over(self) -> list[str]:
        """Processes of this site whose parent is gone."""
        troubles = []
        for process in psutil.process_iter(["pid", "ppid", "cmdline"]):
            command = " ".join(process.info["cmdline"] or ())
            ours = str(self._site.directory) in command
            if ours and process.info["ppid"] == 1 and process.info["pid"] != self._site.supervisor:
                troubles.append(f"process {process.info['pid']} is left over: {command[:80]}")
        return troubles


async def soak(directory: Path, count: int, seed: int) -> list[Outcome]:
    """That many kills; what came of each."""
    site = Site(directory)
    draw = random.Random(seed)
    outcomes = []
    async with AsyncExitStack() as stack:
        await site.start()
        stack.push_async_callback(site.stop)
        client = await stack.enter_async_context(TritonClient(site.url))
        for _ in range(SENDERS):
            sender = asyncio.create_task(send_on(site, client))
            stack.callback(sender.cancel)
        killer = Killer(site, client, draw)
        await back_after(killer.engine_knows)
        order = [kind for _ in range(count) for kind in killer.kinds][:count]
        draw.shuffle(order)
        for number, kind in enumerate(order, start=1):
            outcome = await killer.kill(kind)
            outcomes.append(outcome)
            told = "; ".join(outcome.troubles) or "as it should be"
            print(
                f"{number:>4} {kind}: back after {outcome.back_seconds:.2f} s, "
                f"{outcome.failed} requests failed: {told}",
                flush=True,
            )
        print(f"{site.answered:,} requests answered, {site.failed:,} failed")
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        outcomes = asyncio.run(soak(Path(directory), args.count, args.seed))
    by_kind = Counter(outcome.kind for outcome in outcomes)
    print("killed                 times  slowest back  most failed  troubles")
    for kind, times in by_kind.items():
        mine = [outcome for outcome in outcomes if outcome.kind == kind]
        slowest = max(outcome.back_seconds for outcome in mine)
        print(
            f"{kind:<22} {times:>5} {slowest:>11.2f} s {max(o.failed for o in mine):>12} "
            f"{sum(bool(o.troubles) for o in mine):>9}"
        )
    sys.exit(any(outcome.troubles for outcome in outcomes))


if __name__ == "__main__":
    main()
