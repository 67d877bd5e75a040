"""`charter-tui` as a command: exit codes, streams, terminals, and recording without one."""

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.contracts.commands import StartRecording, StartRun, StopRecording
from charter_engine.contracts.gauges import Nodes, Recording, Run, Session
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.live import NodeStats, RunProgress
from charter_tui.headless import summary
from charter_tui.options import Options
from charter_tui.state import Snapshot
from tests.tui.scene import CALLS, ENTITIES, GAUGES, START
from tests.tui.scripted import ScriptedEngine

SECONDS = 60.0


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[ScriptedEngine]:
    engine = ScriptedEngine(tmp_path / "s", GAUGES)
    await engine.start()
    yield engine
    await engine.stop()


async def console(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `charter-tui` without a terminal."""
    process = await started(*arguments, **environment)
    out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def started(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "charter_tui.cli",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )


async def recording(process: asyncio.subprocess.Process) -> None:
    """Wait until it says that it records: it knows by then what the engine had told before."""
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS):
        while line := await process.stderr.readline():
            if b"recording to" in line:
                return
    raise AssertionError("it ended without recording")


class Terminal:
    """`charter-tui` in a pseudo-terminal."""

    def __init__(self, *arguments: str, term: str = "xterm-256color") -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "TERM": term}
            os.execve(
                sys.executable, [sys.executable, "-m", "charter_tui.cli", *arguments], environment
            )
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.set_blocking(self.master, False)
        self.seen = ""

    async def until(self, wanted: str) -> None:
        async with asyncio.timeout(SECONDS):
            while wanted not in self.seen:
                with contextlib.suppress(BlockingIOError):
                    self.seen += os.read(self.master, 65536).decode(errors="replace")
                await asyncio.sleep(0.01)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    async def exit_code(self) -> int:
        os.set_blocking(self.master, True)
        with contextlib.suppress(OSError):
            while data := await asyncio.wait_for(
                asyncio.to_thread(os.read, self.master, 65536), SECONDS
            ):
                self.seen += data.decode(errors="replace")
        _, status = await asyncio.to_thread(os.waitpid, self.pid, 0)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--headless"], "--headless needs --record FILE"),
        (["--record", "x", "--headless", "--duration", "soon"], "such as 30s"),
        (["--record", "x", "--headless", "--duration", "-5s"], "--duration: '-5s' is negative"),
        (["--duration", "5s"], "--duration goes with --headless"),
        (["--keep", "3"], "--keep goes with --max-size or --max-age"),
        (["--max-size", "1M", "--attach", "s"], "--max-size is for an engine of one's own"),
        (["/nope.py"], "/nope.py: there is no such file or folder"),
        ([f"{'x' * 300}.py"], "x.py: there is no such file or folder"),
        (["--replay", f"{'x' * 300}"], "there is no recording xxx"),
        (["--replay", "x", "agent.py"], "takes no agent"),
        (["--attach", "s", "--triton", "h:1"], "--attach watches an engine as it is"),
        (["--replay", "no-such.charter"], "there is no recording no-such.charter"),
        (["--nonsense"], "unrecognized arguments"),
        ([], "are no terminals"),
    ],
)
async def test_wrong_usage_ends_with_2_and_says_why_on_stderr(
    arguments: list[str], said: str
) -> None:
    code, out, err = await console(*arguments)
    assert code == 2
    assert said in err
    assert not out


async def test_wrong_usage_is_told_in_two_lines_that_no_name_drives_the_terminal_by() -> None:
    _, _, err = await console("\x1b[31mred.py")
    usage, said = err.splitlines()
    assert usage == "usage: charter-tui [option …] [AGENT | COMMAND …]"
    assert said == "charter-tui: error: [31mred.py: there is no such file or folder"


async def test_version_and_help_go_to_stdout() -> None:
    code, out, _ = await console("--version")
    assert (code, out.split()[0]) == (0, "charter-tui")
    code, out, _ = await console("--help")
    assert code == 0
    assert "Exit codes" in out


async def test_a_dumb_terminal_is_told_what_to_set() -> None:
    terminal = Terminal(term="dumb")
    assert await terminal.exit_code() == 2
    assert "TERM=dumb" in terminal.seen


async def test_an_unknown_theme_ends_with_2_and_the_names_there_are() -> None:
    terminal = Terminal("--theme", "charter-drak")
    assert await terminal.exit_code() == 2
    assert "did you mean 'charter-dark'?" in terminal.seen


async def test_the_console_opens_in_a_terminal_and_ends_with_0(engine: ScriptedEngine) -> None:
    terminal = Terminal("--attach", str(engine.server.path))
    await terminal.until("entities")
    terminal.press("q")
    assert await terminal.exit_code() == 0


async def test_what_is_no_recording_ends_with_2_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CHARTER_SOCKET", str(tmp_path / "default.sock"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    recording = tmp_path / "x.charter"
    recording.write_text("this is not a recording")
    terminal = Terminal("--replay", str(recording))
    assert await terminal.exit_code() == 2
    assert "is not a recording" in " ".join(terminal.seen.split())


async def test_attaching_to_nobody_ends_with_1_and_names_the_socket(tmp_path: Path) -> None:
    terminal = Terminal("--attach", str(tmp_path / "nobody"))
    assert await terminal.exit_code() == 1
    assert "no engine listens" in terminal.seen.replace("\r\n", "")


async def test_without_colour_the_console_still_tells_figures_apart(engine: ScriptedEngine) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        terminal = Terminal("--attach", str(engine.server.path))
        await terminal.until("=8.3 %")
        await terminal.until("? assumed")
        terminal.press("q")
        assert await terminal.exit_code() == 0


async def test_recording_without_a_terminal_runs_for_its_duration(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    target = tmp_path / "x.charter"
    code, out, err = await console(
        "--record",
        str(target),
        "--headless",
        "--duration",
        "300ms",
        "--attach",
        str(engine.server.path),
    )
    assert code == 0, err
    assert not out
    assert "recording to" in err
    assert "0 requests of 3 nodes; no request was measured meanwhile" in err
    assert engine.commands == [StartRecording(path=str(target)), StopRecording()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_recording_stops_in_order_on_ctrl_c_and_when_the_session_ends(
    engine: ScriptedEngine, tmp_path: Path, number: signal.Signals
) -> None:
    process = await started(
        "--record", str(tmp_path / "x"), "--headless", "--attach", str(engine.server.path)
    )
    await recording(process)
    process.send_signal(number)
    _, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 130
    assert "recorded" in err.decode()
    assert engine.asked(StopRecording)


async def test_a_recording_of_an_agent_ends_with_its_run(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    process = await started(
        "agent.py",
        "--record",
        str(tmp_path / "x"),
        "--headless",
        "--attach",
        str(engine.server.path),
    )
    await recording(process)
    engine.hub.publish(
        Run(RunProgress(run="r1", state="failed", items_done=3, items_total=12, started_at=START))
    )
    _, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 1, err


async def test_an_engine_that_ran_already_runs_again_to_be_recorded_however_short_the_run(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    ran = RunProgress(run="r1", state="done", items_done=12, items_total=12, started_at=START)
    engine.hub.publish(Run(ran))
    target = str(tmp_path / "x")
    process = await started(
        "agent.py", "--record", target, "--headless", "--attach", str(engine.server.path)
    )
    await asyncio.wait_for(engine.until_asked(StartRun), SECONDS)
    node = NodeStats(
        node=ENTITIES, requests=2, prompt_tokens=100, told_tokens=100, reused_tokens=25
    )
    engine.hub.publish(Nodes((node,)))
    engine.hub.publish(Run(replace(ran, run="r2")))
    _, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 0, err
    assert b"2 requests of 3 nodes; 75 of 100 prompt tokens computed" in err


def test_one_request_of_one_node_is_told_as_one(tmp_path: Path) -> None:
    stats = NodeStats(
        node=ENTITIES, requests=1, prompt_tokens=100, told_tokens=100, reused_tokens=25
    )
    session = Session(engine_version="1", compiled=CompiledFile(path="a.py", calls=CALLS[:1]))
    now = Snapshot(session=session, nodes=Nodes((stats,)))
    told = summary(now, Snapshot(), tmp_path / "one.charter")
    assert "1 request of 1 node; " in told


async def test_a_refused_recording_ends_with_2_and_the_remedy(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.refuse(StartRecording, "that file exists already", "choose another name")
    code, _, err = await console(
        "--record", str(tmp_path / "x"), "--headless", "--attach", str(engine.server.path)
    )
    assert code == 2
    assert "that file exists already" in err
    assert "choose another name" in err


async def test_a_recording_that_breaks_off_ends_with_1_and_the_reason(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.hub.publish(Recording(path="/x", error="the disk is full"))
    code, _, err = await console(
        "--record", str(tmp_path / "x"), "--headless", "--attach", str(engine.server.path)
    )
    assert code == 1
    assert "the disk is full" in err


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        (Options(agent="a.py"), True),
        (Options(agent="a.py", triton="h:8001"), False),
        (Options(agent="a.py", triton="h:8001", run=True), True),
        (Options(agent="a.py", server="http://h:8000"), False),
        (Options(agent="a.py", server="http://h:8000", run=True), True),
        (Options(agent="a.py", run=True, read_only=True), False),
        (Options(), False),
    ],
)
def test_nothing_is_run_by_itself_on_a_given_server(options: Options, runs: bool) -> None:
    assert options.runs_by_itself is runs
    assert ("--run" in options.engine_arguments()) is options.run


def test_what_an_engine_of_our_own_is_told() -> None:
    options = Options(
        triton="h:8001",
        triton_header=("a=b", "c=d"),
        inputs="-x.jsonl",
        read_only=True,
        canary=90.0,
        no_text=True,
    )
    assert options.engine_arguments() == [
        "--triton=h:8001",
        "--inputs=-x.jsonl",
        "--canary=90s",
        "--triton-header=a=b",
        "--triton-header=c=d",
        "--read-only",
        "--no-text",
    ]


def test_an_engine_of_our_own_is_told_how_much_of_a_recording_is_kept() -> None:
    options = Options(record="r.charter", max_size="100M", keep="3")
    assert options.engine_arguments() == ["--max-size=100M", "--keep=3"]


def test_an_engine_on_another_server_is_told_which_and_how_to_reach_it() -> None:
    options = Options(
        server="http://h:8000", server_key="env:KEY", gateway="127.0.0.1:8090", drain=True
    )
    assert options.engine_arguments() == [
        "--server=http://h:8000",
        "--server-key=env:KEY",
        "--gateway=127.0.0.1:8090",
        "--drain",
    ]


def test_an_engine_of_our_own_that_only_watches_records_by_itself(tmp_path: Path) -> None:
    options = Options(read_only=True, record=str(tmp_path / "r.charter"))
    assert options.engine_arguments() == [f"--record={tmp_path / 'r.charter'}", "--read-only"]
    assert not Options(read_only=True, record="r", attach="s").records_from_start
