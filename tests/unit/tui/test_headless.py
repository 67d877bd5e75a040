"""The headless recorder: when it has the agent run, when it is over, and what it says then."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from charter_engine.contracts.commands import Command, StartRecording, StartRun
from charter_engine.contracts.gauges import Gauge, Nodes, Payload, Run, Session, Triton
from charter_engine.contracts.graph import Diagnostic
from charter_engine.contracts.live import Health, RunProgress, TritonSample
from charter_engine.service.client import EngineClient, LinkState
from charter_tui.headless import HeadlessRecorder, RecordingFailed, record, summary
from charter_tui.options import Options

CONNECTED = LinkState("connected", "")
NEVER = Run(RunProgress(state="none"))
RUNNING = Run(RunProgress(run="r1", state="running"))
DONE = Run(RunProgress(run="r1", state="done"))
Message = Payload | LinkState


def up(health: Health = "ready") -> Triton:
    return Triton(TritonSample(health=health))


class Engine:
    """Says what it is given, then nothing; notes what it is asked."""

    def __init__(self, said: Sequence[Message], *, is_child: bool = False) -> None:
        self.said = said
        self.asked: list[Command] = []
        self.told = asyncio.Event()
        self.child = object() if is_child else None

    async def messages(self) -> AsyncIterator[Gauge | LinkState]:
        for message in self.said:
            if isinstance(message, LinkState):
                yield message
            else:
                yield Gauge(at=1.0, payload=message)
        self.told.set()
        await asyncio.Event().wait()

    async def request(self, command: Command, *_: Any) -> None:
        self.asked.append(command)

    @property
    def runs(self) -> int:
        return sum(isinstance(command, StartRun) for command in self.asked)


def recorder_of(engine: Engine, **options: Any) -> HeadlessRecorder:
    return HeadlessRecorder(cast(EngineClient, engine), Path("/x"), Options(record="/x", **options))


async def recorded(engine: Engine, **options: Any) -> HeadlessRecorder:
    """A recording that ends by itself."""
    recorder = recorder_of(engine, **options)
    async with asyncio.timeout(60):
        assert not await recorder.run(asyncio.Event())
    return recorder


async def recorded_for_ever(engine: Engine, **options: Any) -> HeadlessRecorder:
    """A recording that would not end, stopped when all was said."""
    recorder, stopped = recorder_of(engine, **options), asyncio.Event()
    running = asyncio.create_task(recorder.run(stopped))
    await engine.told.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not running.done()
    stopped.set()
    assert await running
    return recorder


async def test_an_engine_of_its_own_runs_by_itself_and_its_run_ends_the_recording() -> None:
    engine = Engine((CONNECTED, NEVER, up(), up(), up(), RUNNING, DONE), is_child=True)
    assert (await recorded(engine, agent="a.py")).exit_code() == 0
    assert engine.asked == [StartRecording(path="/x")]


async def test_an_engine_that_ran_already_runs_again() -> None:
    engine = Engine((CONNECTED, DONE, up(), RUNNING, DONE))
    await recorded(engine, agent="a.py")
    assert engine.runs == 1


async def test_an_engine_that_never_ran_the_agent_is_asked_to_once_it_would_have_begun() -> None:
    engine = Engine((CONNECTED, NEVER, up("starting"), up(), up(), up(), RUNNING, DONE))
    await recorded(engine, agent="a.py")
    assert engine.runs == 1


async def test_an_engine_that_is_running_the_agent_is_not_asked_again() -> None:
    engine = Engine((CONNECTED, RUNNING, up(), up(), up(), DONE))
    await recorded(engine, agent="a.py")
    assert engine.runs == 0


async def test_the_run_that_goes_on_when_one_attaches_ends_the_recording() -> None:
    engine = Engine((CONNECTED, RUNNING, up(), DONE))
    await recorded(engine, attach="/s")
    assert engine.runs == 0


async def test_where_the_run_is_over_and_no_agent_was_named_one_is_told_how_it_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await recorded_for_ever(Engine((CONNECTED, DONE, up())), attach="/s")
    told = capsys.readouterr().err
    assert "the engine's run is over" in told
    assert "--duration" in told


async def test_the_duration_counts_from_when_the_deployment_is_up() -> None:
    waiting = Engine((CONNECTED, NEVER, up("starting")))
    await recorded_for_ever(waiting, agent="a.py", duration=0.0)
    ready = Engine((CONNECTED, NEVER, up("starting"), up()))
    assert (await recorded(ready, agent="a.py", duration=0.0)).exit_code() == 0


async def test_a_deployment_that_is_not_there_is_not_waited_for() -> None:
    recorder = await recorded(Engine((CONNECTED, up("unreachable"))), triton="h:1", duration=0.0)
    assert recorder.exit_code() == 1
    said = summary(recorder.snapshot, recorder.before, Path("/x"))
    assert "no request was measured meanwhile: Triton was unreachable" in said


async def test_an_agent_that_cannot_run_is_told_with_what_it_needs() -> None:
    notice = "no inputs: write a.inputs.jsonl beside the agent to run it"
    session = Session(engine_version="1", agent="a.py", notice=notice)
    engine = Engine((CONNECTED, session, NEVER, Nodes(()), up()), is_child=True)
    recorder = await recorded(engine, agent="a.py", duration=0.0)
    assert summary(recorder.snapshot, recorder.before, Path("/x")).endswith(notice)


async def test_a_folder_of_several_programs_ends_it_with_their_names() -> None:
    wrong = Diagnostic(path="desk", message="it has 2 entry points: a.py, b.py", remedy="name one")
    engine = Engine(
        (CONNECTED, Session(engine_version="1", agent="desk", diagnostics=(wrong,))), is_child=True
    )
    with pytest.raises(RecordingFailed, match=r"2 entry points: a\.py, b\.py") as raised:
        await recorded(engine, agent="desk")
    assert raised.value.code == 2


async def test_an_attached_engine_runs_nothing_on_a_server_that_is_read_only() -> None:
    engine = Engine((CONNECTED, DONE, Triton(TritonSample(health="ready", url="prod-1:8001"))))
    recorder = HeadlessRecorder(
        cast(EngineClient, engine), Path("/x"), Options(record="/x", agent="a.py"), ("prod-*",)
    )
    with pytest.raises(RecordingFailed, match="prod-1:8001 is read_only") as failed:
        await recorder.run(asyncio.Event())
    assert failed.value.code == 2
    assert engine.runs == 0


@pytest.fixture
def asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """With what options it is recorded; the configuration is looked for below the test's folder."""
    told: list[Options] = []

    async def note(options: Options, *_: object) -> int:
        told.append(options)
        return 0

    monkeypatch.setattr("charter_tui.headless._record", note)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "charter").mkdir()
    return told


def test_a_headless_recording_of_such_a_server_is_one_that_only_looks(
    tmp_path: Path, asked_for: list[Options]
) -> None:
    (tmp_path / "charter" / "console.toml").write_text('read_only = ["prod-*"]')
    for write in (False, True):
        assert record(Options(record="/x", triton="prod-1:8001", headless=True, write=write)) == 0
    assert [options.records_from_start for options in asked_for] == [True, False]


def test_a_headless_recording_only_looks_where_the_configuration_cannot_be_read(
    tmp_path: Path, asked_for: list[Options], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "charter" / "console.toml").write_text("read_only = [")
    assert record(Options(record="/x", triton="test-1:8001", headless=True)) == 0
    assert asked_for[0].read_only
    assert "servers are only looked at" in capsys.readouterr().err
