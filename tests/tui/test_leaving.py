"""Leaving a console whose engine takes its time to end."""

import signal
import time
from pathlib import Path

from tests.tui.terminal import terminal
from tests.tui.test_crash import UNREACHABLE, engine_of, until_gone

AT_ONCE_SECONDS = 5.0
"""Far less than an engine is waited for."""


def test_what_is_waited_for_is_said_and_one_more_key_leaves_at_once(tmp_path: Path) -> None:
    with terminal(tmp_path, *UNREACHABLE) as console:
        console.until("No agent is open")
        engine = engine_of(console)
        engine.send_signal(signal.SIGSTOP)
        console.press("q")
        console.until("Waiting for the engine to end")
        console.until("q leaves at once")
        begun = time.monotonic()
        console.press("q")
        console.settle()
        assert console.process.wait(AT_ONCE_SECONDS) == 0
        assert time.monotonic() - begun < AT_ONCE_SECONDS
        assert engine.is_running()
        engine.send_signal(signal.SIGCONT)
        until_gone(engine)
