"""Records without a terminal.

It connects, asks the engine to record, and says on stderr what came of it.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from charter_engine.contracts.commands import Command, StartRecording, StartRun, StopRecording
from charter_engine.contracts.gauges import Event, Gauge, Nodes, Run, Triton
from charter_engine.contracts.live import NodeStats, TritonSample
from charter_engine.contracts.server_names import EVERY_SERVER, read_only_of
from charter_engine.errors import EXIT_CODE
from charter_engine.exit_codes import DONE, FAILED, INTERRUPTED, USAGE
from charter_engine.paths import config_file
from charter_engine.service.client import (
    ConnectionLost,
    EngineClient,
    EngineFailed,
    LinkState,
    RequestFailed,
)
from charter_tui.connecting import connect
from charter_tui.options import Options
from charter_tui.present.diagnostics import diagnostic_text
from charter_tui.present.figures import byte_size_text, clock_span, counted, percent_text
from charter_tui.servers import heeding, served
from charter_tui.state import Link, Snapshot, apply_events, apply_gauges, share

_ENDED: Final = ("done", "failed", "cancelled")
START_SECONDS: Final = 120.0
"""A deployment that takes longer to start is not waited for."""

READY_BEFORE_ASKING: Final = 2
"""Samples of a ready Triton after which an engine that runs its agent by itself would have
begun."""


RUN_IS_OVER: Final = (
    "the engine's run is over: what passes is recorded until ctrl+c; give --duration to end by "
    "itself, or the agent to have it run again"
)


class RecordingFailed(Exception):
    """The recording can't go on: what to say, and the exit code."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code


def record(options: Options) -> int:
    """Record until the end, and return the exit code.

    The end comes with the duration, with the end of the run, or by a signal.
    """
    read_only = () if options.write else _read_only()
    options = heeding(options, read_only)
    try:
        return asyncio.run(_record(options, Path(options.record_path), read_only))
    except RecordingFailed as error:
        _say(str(error))
        return error.code


def _read_only() -> tuple[str, ...]:
    path = config_file()
    try:
        return read_only_of(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        _say(f"{path}: {error}; servers are only looked at")
        return EVERY_SERVER


async def _record(options: Options, path: Path, read_only: Sequence[str]) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves SIGHUP
            loop.add_signal_handler(number, stopped.set)
    try:
        client = await connect(options)
    except (ConnectionLost, EngineFailed, OSError) as error:
        raise RecordingFailed(str(error)) from error
    recorder = HeadlessRecorder(client, path, options, read_only)
    try:
        interrupted = await recorder.run(stopped)
    finally:
        await recorder.close()
    _say(summary(recorder.snapshot, recorder.before, path))
    return INTERRUPTED if interrupted else recorder.exit_code()


class HeadlessRecorder:
    """One recording: starts it, follows the engine, and knows when it is over.

    Its duration counts from when the deployment is up, or known not to be: what is recorded before
    is its start. On servers that are `read_only` it runs no agent.
    """

    def __init__(
        self,
        client: EngineClient,
        path: Path,
        options: Options,
        read_only: Sequence[str] = (),
    ) -> None:
        self.snapshot = Snapshot()
        self.before = Snapshot()
        self._client = client
        self._path = path
        self._duration = options.duration
        self._read_only = read_only
        self._gives_orders = not options.records_from_start
        self._runs_agent = options.runs_by_itself
        self._seen_running = False
        self._measured = False
        self._ready_samples = 0
        self._asked_to_run = False
        self._up = asyncio.Event()

    async def run(self, stopped: asyncio.Event) -> bool:
        """Until the end; True if it was interrupted. Raises `RecordingFailed`."""
        following = asyncio.create_task(self._follow(self._client.messages()))
        others = {asyncio.create_task(stopped.wait()), asyncio.create_task(self._pass())}
        try:
            await asyncio.wait({following, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in others:
                task.cancel()
            following.cancel()
            outcome = (await asyncio.gather(following, return_exceptions=True))[0]
        if isinstance(outcome, Exception):
            raise outcome
        return stopped.is_set()

    async def _pass(self) -> None:
        """The duration; without one it does not end."""
        if self._duration is None:
            await asyncio.Event().wait()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._up.wait()
        await asyncio.sleep(self._duration)

    async def _follow(self, messages: AsyncIterator[Gauge | Event | LinkState]) -> None:
        async for message in messages:
            match message:
                case Gauge():
                    self.snapshot = apply_gauges(self.snapshot, (message,))
                    self._note(message)
                    await self._have_it_run()
                case Event():
                    self.snapshot = apply_events(self.snapshot, (message,))
                case LinkState(state, text):
                    await self._connection(state == "connected", text)
            self._check()
            if self._over():
                return

    async def _connection(self, connected: bool, text: str) -> None:
        before = self.snapshot.link
        link = Link(
            "connected" if connected else "lost", text, owned=self._client.child is not None
        )
        if connected and before.state != "connected":
            if self._gives_orders:
                await self._ask(StartRecording(path=str(self._path)))
            _say(f"recording to {self._path}")
        elif before.state == "connected":
            _say(text)
        self.snapshot = replace(self.snapshot, link=link)

    def _note(self, gauge: Gauge) -> None:
        """What an engine had measured before, and whether the deployment is up."""
        match gauge.payload:
            case Nodes() if self.before.nodes is None:
                self.before = replace(self.before, nodes=gauge.payload)
            case Run(progress) if self.before.run is None:
                self.before = replace(self.before, run=gauge.payload)
                if progress.state in _ENDED and not self._runs_agent and self._duration is None:
                    _say(RUN_IS_OVER)
            case Triton(sample):
                self._ready_samples += sample.health == "ready"
                if sample.health != "starting":
                    self._up.set()

    async def _have_it_run(self) -> None:
        """Have an engine that was there before run its agent: again, or for the first time."""
        run = self.before.run
        if run is None or not (self._runs_agent and self._gives_orders) or self._asked_to_run:
            return
        waits = run.progress.state == "none" and self._client.child is None
        begun = self._seen_running or self._ready_samples < READY_BEFORE_ASKING
        if run.progress.state in _ENDED or (waits and not begun):
            if self._read_only and self.snapshot.triton is None:
                return
            if place := served(self.snapshot, self._read_only):
                raise RecordingFailed(
                    f"{place} is read_only by the configuration: the agent is not run there; "
                    "record without naming it, or give --write",
                    USAGE,
                )
            self._asked_to_run = True
            await self._ask(StartRun())

    async def _ask(self, command: Command) -> None:
        try:
            await self._client.request(command)
        except RequestFailed as error:
            failure = error.failure
            text = f"{failure.message} {failure.remedy}".strip()
            raise RecordingFailed(text, EXIT_CODE.get(failure.kind, FAILED)) from error
        except (ConnectionLost, TimeoutError) as error:
            raise RecordingFailed(f"the engine went away: {error}") from error

    def _check(self) -> None:
        triton = self.snapshot.triton
        self._measured = self._measured or bool(triton and triton.sample.health == "ready")
        recording = self.snapshot.recording
        if recording and recording.error:
            raise RecordingFailed(recording.error)
        errors = (
            [item for item in self.snapshot.session.diagnostics if item.severity == "error"]
            if self.snapshot.session
            else []
        )
        if errors:
            raise RecordingFailed(diagnostic_text(errors[0]), USAGE)

    def _over(self) -> bool:
        """Without a duration, the end of the run is the end of the recording."""
        state = self.snapshot.run.progress.state if self.snapshot.run else "none"
        # A short run may be over before anything of it is read.
        is_another = _run_of(self.snapshot) != _run_of(self.before)
        self._seen_running = self._seen_running or state == "running" or is_another
        return self._duration is None and self._seen_running and state in _ENDED

    def exit_code(self) -> int:
        """1 where the run failed, or nothing was measured."""
        failed = self.snapshot.run is not None and self.snapshot.run.progress.state == "failed"
        return FAILED if failed or not self._measured else DONE

    async def close(self) -> None:
        """End the recording in order, and the engine if it is ours."""
        try:
            if self._client.connected and self._gives_orders:
                await self._client.request(StopRecording(), 10.0)
        except (RequestFailed, ConnectionLost, TimeoutError) as error:
            _say(f"the recording was not closed in order: {error}")
        await self._client.close()


def summary(snapshot: Snapshot, before: Snapshot, path: Path) -> str:
    """What was recorded, in one line. `before` is what the engine had measured until then."""
    requests, prompt, reused = measured_since(snapshot, before)
    hit = share(reused, prompt)
    size = (
        path.stat().st_size
        if path.exists()
        else snapshot.recording.bytes_written
        if snapshot.recording
        else 0
    )
    started = snapshot.recording.started_at if snapshot.recording else 0.0
    seconds = max(0.0, snapshot.as_of - started) if started else 0.0
    parts = [
        f"recorded {clock_span(seconds)} in {path} ({byte_size_text(size)})",
        f"{counted(requests)} of {counted(len(snapshot.calls), 'node')}",
        f"{prompt - reused:,} of {prompt:,} prompt tokens computed, "
        f"token hit rate {percent_text(hit)}, measured"
        if hit is not None
        else f"no request was measured meanwhile{why_nothing(snapshot)}",
    ]
    return "; ".join(parts)


def why_nothing(snapshot: Snapshot) -> str:
    """What kept the agent from being measured, behind a colon; empty where nothing is known to."""
    sample = snapshot.triton.sample if snapshot.triton else TritonSample(health="starting")
    if sample.health != "ready":
        return f": {sample.called} was {sample.health}"
    notice = snapshot.session.notice if snapshot.session and snapshot.session.agent else ""
    running = snapshot.run is not None and snapshot.run.progress.state == "running"
    if running:
        return ": the run's first requests were still on their way"
    return f": {notice}" if notice else ""


def measured_since(now: Snapshot, before: Snapshot) -> tuple[int, int, int]:
    """Requests, prompt tokens and reused tokens that were measured since: by the runs and by what
    others sent."""
    ran = _sums(now.nodes.nodes if now.nodes else ())
    if _run_of(now) == _run_of(before):
        ran = _less(ran, _sums(before.nodes.nodes if before.nodes else ()))
    passed = _sums(now.nodes.traffic if now.nodes else ())
    passed = _less(passed, _sums(before.nodes.traffic if before.nodes else ()))
    return ran[0] + passed[0], ran[1] + passed[1], ran[2] + passed[2]


def _run_of(snapshot: Snapshot) -> str:
    return snapshot.run.progress.run if snapshot.run else ""


def _sums(nodes: Iterable[NodeStats]) -> tuple[int, int, int]:
    counted = tuple(nodes)
    return (
        sum(node.requests for node in counted),
        sum(node.told_tokens for node in counted),
        sum(node.reused_tokens for node in counted),
    )


def _less(now: tuple[int, int, int], before: tuple[int, int, int]) -> tuple[int, int, int]:
    """The difference; all of it where the counters began anew meanwhile."""
    if now[0] < before[0]:
        return now
    return now[0] - before[0], now[1] - before[1], now[2] - before[2]


def _say(text: str) -> None:
    print(f"charter-tui: {text}", file=sys.stderr, flush=True)
