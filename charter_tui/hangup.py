"""Ending with the terminal the console stands in.

A hang-up is sent to the process that leads the terminal's session. Where that is not this one and
lives on, as `make` does while it waits for what it started, nobody passes it on, and Textual goes
on reading a terminal that is gone.
"""

import errno
import os
import signal
import sys
import termios
from typing import Final

CHECK_SECONDS: Final = 1.0
"""A lost terminal costs a processor while it is not noticed, and one look a second nothing that is
measured."""


def hung_up() -> bool:
    """Whether standard input is a terminal at whose other end nobody is any more."""
    try:
        termios.tcgetattr(sys.__stdin__.fileno() if sys.__stdin__ else -1)
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    return False


def end_if_hung_up() -> None:
    """Die of the hang-up, as programs do that are told of it.

    An engine of ours waits for another console then.
    """
    if hung_up():
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGHUP)
