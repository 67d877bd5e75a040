"""What commands tell on standard error: notes beside a result, and how far the work is."""

import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import complain

if TYPE_CHECKING:
    from charter_engine.api.progress import Progress
    from charter_engine.contracts.notes import Note


def print_notes(notes: "Iterable[Note]") -> None:
    """Each with what can be done about it."""
    for note in notes:
        complain(note.message, note.remedy)


class SettingsCounter:
    """Tells how many settings are predicted and the time left, where standard error is a terminal;
    what is not counted is told in a line of its own."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, progress: "Progress") -> None:
        if progress.total is not None:
            self._count(progress.done, progress.total)
        elif not progress.done:
            print(progress.stage, file=sys.stderr)

    def _count(self, done: int, total: int) -> None:
        if total == 1 or not sys.stderr.isatty():
            return
        left = (time.monotonic() - self._start) / max(done, 1) * (total - done)
        print(
            f"\r{done} of {total} settings, {left:.0f} s left ", end="", file=sys.stderr, flush=True
        )
        if done == total:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
