"""Textual's driver for a terminal that may be slow, be taken away, and be given back."""

import asyncio
import sys
from collections.abc import Callable
from typing import IO, Any, cast

from textual.drivers.linux_driver import LinuxDriver

from charter_tui.terminal.ascii import ascii_only
from charter_tui.terminal.canvas import Canvas


class PacedFile:
    """The terminal's file. Each text is written out at once, and then counted."""

    def __init__(self, file: IO[str], when_written: Callable[[], None]) -> None:
        self._file = file
        self._when_written = when_written

    def write(self, text: str) -> None:
        """Write `text`, however long the terminal takes for it."""
        self._file.write(text)
        self._file.flush()
        self._when_written()

    def flush(self) -> None:
        """Everything is written already."""

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._file.fileno()


class Terminal(LinuxDriver):
    """Knows whether the terminal lags behind, and what it shows."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.canvas = Canvas(ascii_only())
        self._sent = self._written = 0
        self._loop = asyncio.get_running_loop()
        self._waiting: Callable[[], None] | None = None
        assert sys.__stderr__ is not None
        # All that Textual's writing thread needs of a file.
        self._file = cast("Any", PacedFile(sys.__stderr__, self._one_written))

    @property
    def lags(self) -> bool:
        """Whether something sent has not gone out to the terminal yet."""
        return self._written < self._sent

    def write(self, data: str) -> None:
        """Send `data` to the terminal."""
        self._sent += 1
        super().write(data)

    def when_ready(self, act: Callable[[], None]) -> None:
        """Call `act` once everything sent has gone out; a later one replaces an earlier."""
        self._waiting = act

    def _one_written(self) -> None:
        self._written += 1
        if not self.lags and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ready)

    def _ready(self) -> None:
        if self._waiting is not None and not self.lags:
            act, self._waiting = self._waiting, None
            act()

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal again, also after a stop that nobody announced (SIGSTOP)."""
        if self._auto_restart and not self._must_signal_resume:
            self.suspend_application_mode()
            self._must_signal_resume = True
        super()._sigcont_application()
