"""A failure of the view: the engine goes on, and the operator learns where the report is."""

import re
import signal
import time
from pathlib import Path

import psutil
import pytest

from charter_tui.crash import report, scrubbed, write_report
from tests.small_disk import fill, small_disk
from tests.tui.terminal import OPENS, Terminal, terminal, text_of

FAILS_ON_HELP = """
import sys
from charter_tui.cli import main
from charter_tui.screens.help import HelpScreen
def compose(self):
    raise ValueError("cannot show 'a prompt of the agent'")
HelpScreen.compose = compose
sys.exit(main(sys.argv[1:]))
"""
UNREACHABLE = ("--triton", "127.0.0.1:1")


def engine_of(console: Terminal) -> psutil.Process:
    (engine,) = psutil.Process(console.process.pid).children()
    return engine


def until_gone(engine: psutil.Process) -> None:
    gone_by = time.monotonic() + 60
    while engine.is_running() and engine.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < gone_by, "the engine goes on"
        time.sleep(0.05)


def until_quit(console: Terminal, engine: psutil.Process) -> None:
    """Leave a console by its key: it ends well, and the engine that is its own with it."""
    console.press("q")
    console.settle()
    assert console.process.wait(60) == 0
    until_gone(engine)


def test_a_failed_console_comes_back_to_its_engine_and_names_its_report(tmp_path: Path) -> None:
    with terminal(tmp_path, *UNREACHABLE, program=FAILS_ON_HELP) as console:
        console.until("No agent is open")
        engine = engine_of(console)
        failed_at = len(console.shown)
        console.press("?")
        console.until("failed and came back", failed_at)
        assert engine_of(console) == engine
        (written,) = (tmp_path / "state").glob("console-*.txt")
        assert written.stat().st_mode & 0o777 == 0o600
        assert "ValueError" in written.read_text()
        assert "prompt of the agent" not in written.read_text()
        assert "prompt of the agent" not in text_of(console.shown)
        console.press("q")
        assert console.process.wait(60) == 0
        assert not engine.is_running()


def test_a_console_that_keeps_failing_leaves_its_engine_for_the_next_start(tmp_path: Path) -> None:
    with terminal(tmp_path, *UNREACHABLE, program=FAILS_ON_HELP, outlive="1m") as console:
        console.until("No agent is open")
        engine = engine_of(console)
        for opened in (2, 3):
            console.press("?")
            console.until_opened(opened)
            console.until("failed and came back", console.shown.rindex(OPENS))
        console.press("?")
        console.until("start charter-tui again")
        assert console.process.wait(60) == 1
        assert engine.is_running()
    with terminal(tmp_path) as following:
        following.until("No agent is open")
        assert not psutil.Process(following.process.pid).children()
        until_quit(following, engine)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_the_engine_of_a_console_that_was_killed_or_hung_up_on_is_found_by_the_next(
    tmp_path: Path, number: signal.Signals
) -> None:
    with terminal(tmp_path, *UNREACHABLE, outlive="1m") as console:
        console.until("No agent is open")
        engine = engine_of(console)
        console.process.send_signal(number)
        assert console.process.wait(60) == -number
    with terminal(tmp_path, *UNREACHABLE, outlive="1m") as following:
        following.until("this console's now")
        assert not psutil.Process(following.process.pid).children()
        until_quit(following, engine)


def test_a_console_that_is_asked_to_end_takes_its_engine_along(tmp_path: Path) -> None:
    with terminal(tmp_path, *UNREACHABLE, outlive="1m") as console:
        console.until("No agent is open")
        engine = engine_of(console)
        console.process.terminate()
        assert console.process.wait(60) == -signal.SIGTERM
        until_gone(engine)


def test_a_report_names_places_and_scrubs_what_errors_quote() -> None:
    try:
        raise KeyError("You are an expert analyst")
    except KeyError as error:
        text = report(error)
    assert re.search(r"test_crash\.py:\d+ test_a_report", text)
    assert "KeyError: '…'" in text
    assert scrubbed("no node \"a\" in 'b'\nsecond line") == "no node '…' in '…'"


def test_a_report_that_finds_no_room_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        fill(disk)
        with pytest.raises(OSError, match="No space left on device"):
            write_report(KeyError("any"), disk)
        assert [item.name for item in disk.iterdir()] == ["filled"]
