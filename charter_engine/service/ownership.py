"""Whose an engine is that a console started: it ends when that console says so.

A console that is killed, or loses its terminal, says nothing. Its engine then waits a while for
another one.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from typing import Final

from charter_engine.service.hub import Hub
from charter_engine.service.protocol import STOP

LOOK_AGAIN_SECONDS: Final = 5.0
"""Between two looks at whether something still runs, once the wait for a console is over."""


class Ownership:
    """Stops the engine when standard input ends. `outlive` is how many seconds an engine that was
    not told to stop then waits for a console (None: not at all), longer while it `is_busy`.

    Meanwhile it is that of the console that has watched the longest, or of the next to come.
    """

    def __init__(
        self,
        hub: Hub,
        stop: Callable[[], None],
        outlive: float | None = None,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hub = hub
        self._stop = stop
        self._outlive = outlive
        self._is_busy = is_busy
        self._said = b""
        self._ending: asyncio.TimerHandle | None = None
        self._kept = False
        self._owner = ""
        hub.when_watchers_change = self._settle

    @property
    def reason(self) -> str:
        """Why the engine stops, for those who still watch."""
        return f"{self._owner} left and stopped it" if self._owner else "shutting down"

    def watch_stdin(self) -> None:
        """Wait for the end of standard input."""
        descriptor = sys.stdin.fileno()
        loop = asyncio.get_running_loop()

        def readable() -> None:
            with contextlib.suppress(BlockingIOError):
                said = os.read(descriptor, 4096)
                self._said += said
                if not said:
                    loop.remove_reader(descriptor)
                    self.left(self._said)

        loop.add_reader(descriptor, readable)

    def left(self, said: bytes = b"") -> None:
        """The console that started the engine is gone, and said that much."""
        if self._outlive is None or said.strip() == STOP:
            self._stop()
            return
        self._kept = True
        self._settle()

    def _settle(self) -> None:
        self._owner = self._hub.owner or self._owner
        if not self._kept:
            return
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if not self._hub.appoint_owner():
            self._wait()

    def _wait(self) -> None:
        assert self._outlive is not None
        self._ending = asyncio.get_running_loop().call_later(self._outlive, self._wait_is_over)
        told = (
            "the console is gone without ending this engine: the next charter-tui finds it "
            f"within {in_words(self._outlive)}, then it ends"
        )
        self._hub.event("engine", told, level="warning")

    def _wait_is_over(self) -> None:
        if self._is_busy():
            again = asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self._wait_is_over)
            self._ending = again
            return
        self._hub.event("engine", "no console came: this engine ends", level="warning")
        self._stop()


def in_words(seconds: float) -> str:
    """A length of time in the largest unit that divides it."""
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:g} s"
