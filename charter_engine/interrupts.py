"""Ctrl-C while a program starts and ends.

Imported before anything else: until its handler is set, Python answers with a traceback.
"""

# `signal` loads `enum`, which takes longer than all else here.
import _signal as signal  # type: ignore[import-not-found]
import os

from charter_engine.exit_codes import INTERRUPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def end_at_interrupts() -> None:
    """Have Ctrl-C end this process at once and without a word, unless whoever started it has it
    ignore that: for as long as nothing is begun that would have to be ended in order."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def guarded(run: "Callable[[], int]") -> int:
    """The exit code of a program; Ctrl-C, where it does not heed that itself, ends it with 130."""
    try:
        if signal.getsignal(signal.SIGINT) is _end:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run()
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        end_at_interrupts()


def _end(_number: int, _frame: object) -> None:
    os._exit(INTERRUPTED)
