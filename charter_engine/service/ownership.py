"""Whose an engine is that a console started: it ends with that console, unless it is kept."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from typing import Final

from charter_engine.service.hub import Hub
from charter_engine.service.protocol import KEEP

KEPT_SECONDS: Final = 600.0
"""How long a kept engine waits for a console to come."""


class Ownership:
    """Stops the engine when standard input ends, however its console went.

    An engine that was told to be kept becomes that of the console that has watched the longest, or
    of the next to come.
    """

    def __init__(self, hub: Hub, stop: Callable[[], None], seconds: float = KEPT_SECONDS) -> None:
        self._hub = hub
        self._stop = stop
        self._seconds = seconds
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
                    self.left()

        loop.add_reader(descriptor, readable)

    def left(self) -> None:
        """The console that started the engine is gone."""
        if self._said.strip() != KEEP:
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
            self._ending = asyncio.get_running_loop().call_later(self._seconds, self._stop)
