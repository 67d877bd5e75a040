"""Ties a program, and all that it starts, to the process that starts it: the kernel kills them with
it.

A parent-death signal (prctl(2), `PR_SET_PDEATHSIG`) reaches the program alone. Triton's stubs end
by themselves, but for one that is handing a request over when its server dies: it waits for an
answer for ever, and holds Python's lock meanwhile, so nothing inside can end it.

Hence a pipe, whose reading end the program inherits. Once nobody holds the writing end the kernel
tells the owner of the reading end, with the signal that was asked for (fcntl(2), `F_SETOWN` and
`F_SETSIG`): here the program's whole process group, with `SIGKILL`.

Standard library only: the supervisor runs without installed packages.
"""

import fcntl
import os
import signal


class Lifeline:
    """Of one program, which leads a process group of its own."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe2(os.O_CLOEXEC)

    def tie(self) -> None:
        """Tie the calling process to the one that made the lifeline, just before it becomes the
        program. `reader` must stay open in the program.

        Should the other die before that, the last writing end is the program's own, which closes as
        it starts.
        """
        fcntl.fcntl(self.reader, fcntl.F_SETOWN, -os.getpid())
        fcntl.fcntl(self.reader, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(self.reader, fcntl.F_SETFL, os.O_ASYNC)

    def cut(self) -> None:
        """Kill what is left of the program and of what it started."""
        os.close(self._writer)
        os.close(self.reader)
