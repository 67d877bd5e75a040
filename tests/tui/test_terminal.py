"""The console and its terminal: given back, taken again, slow, and plain."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest

from tests.tui.scene import GAUGES
from tests.tui.scripted import ScriptedEngine
from tests.tui.terminal import CLOSES, OPENS, Terminal, terminal, text_of

NO_MOUSE = b"\x1b[?1003l"
BYTES_A_SECOND = 10_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    """A scripted engine's socket, served from a thread."""
    path, started, stop = tmp_path / "engine.sock", Event(), Event()

    async def serve() -> None:
        scripted = ScriptedEngine(path, GAUGES)
        await scripted.start()
        started.set()
        await asyncio.to_thread(stop.wait)
        await scripted.stop()

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(60)
    yield path
    stop.set()
    thread.join()


def until_stopped(console: Terminal) -> None:
    deadline = time.monotonic() + 20
    while psutil.Process(console.process.pid).status() != psutil.STATUS_STOPPED:
        console.read(0.05)
        assert time.monotonic() < deadline


@pytest.mark.parametrize("stop", ["ctrl+z", "SIGSTOP"])
def test_a_console_that_comes_back_draws_its_whole_screen(
    tmp_path: Path, engine: Path, stop: str
) -> None:
    with terminal(tmp_path, "--attach", str(engine)) as console:
        console.until("validated")
        console.settle()
        if stop == "ctrl+z":
            console.press("\x1a")
            until_stopped(console)
            console.settle(0.1)  # what was written just before it stopped
            assert CLOSES in console.shown
        else:
            console.process.send_signal(signal.SIGSTOP)
            until_stopped(console)
        stopped_at = len(console.shown)
        console.process.send_signal(signal.SIGCONT)
        console.until("Quit", stopped_at)
        console.settle()
        again = text_of(console.shown[stopped_at:])
        for words in ("Charter", "entities", "validated", "classification", "Triton", "KV pool"):
            assert words in again
        console.press("q")
        assert console.process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_terminal_as_it_was(
    tmp_path: Path, engine: Path, number: signal.Signals
) -> None:
    with terminal(tmp_path, "--attach", str(engine)) as console:
        console.until("validated")
        console.process.send_signal(number)
        while console.process.poll() is None:
            console.read(0.1)
        console.settle()
        assert console.process.returncode == -number
        assert console.shown.count(OPENS) == console.shown.count(CLOSES) == 1
        assert NO_MOUSE in console.shown[console.shown.rindex(OPENS) :]


def test_thirty_moves_over_a_slow_line_are_through_within_three_seconds(
    tmp_path: Path, engine: Path
) -> None:
    with terminal(tmp_path, "--attach", str(engine), COLORTERM="truecolor") as console:
        console.until("validated")
        console.settle()
        begun = time.monotonic()
        for number in range(30):
            console.press("j" if number % 4 < 2 else "k")
        while data := console.read(0.5, 1000):
            time.sleep(len(data) / BYTES_A_SECOND)
            assert time.monotonic() - begun < 3.0


def test_the_help_is_less_than_twenty_thousand_bytes(tmp_path: Path, engine: Path) -> None:
    size = (120, 40)
    with terminal(tmp_path, "--attach", str(engine), size=size, COLORTERM="truecolor") as console:
        console.until("validated")
        console.settle()
        opened_at = len(console.shown)
        console.press("?")
        console.until("Everywhere", opened_at)
        console.settle()
        assert len(console.shown) - opened_at < 20_000


def test_a_locale_without_unicode_gets_nothing_but_ascii(tmp_path: Path, engine: Path) -> None:
    with terminal(tmp_path, "--attach", str(engine), LC_ALL="C", LANG="C") as console:
        console.until("validated")
        console.settle()
        assert console.shown.isascii()
        assert "=8.3 %" in text_of(console.shown)
        assert "enter Open" in text_of(console.shown)
        console.press("?")
        console.until("Everywhere")
        console.settle()
        assert console.shown.isascii()


def test_it_leaves_no_process_of_its_own_behind(tmp_path: Path, engine: Path) -> None:
    with terminal(tmp_path, "--attach", str(engine)) as console:
        console.until("validated")
        assert not psutil.Process(console.process.pid).children()
        os.kill(console.process.pid, signal.SIGTERM)
        assert console.process.wait(60) == -signal.SIGTERM
