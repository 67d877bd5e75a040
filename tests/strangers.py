"""Another user of this machine, where the tests run as root and can become one."""

import os
from collections.abc import Callable

import pytest

STRANGER = 65534
"""The user `nobody` of most systems; nothing here belongs to it."""

needs_root = pytest.mark.skipif(
    os.getuid() != 0, reason="only root can become another user, to try what one can do"
)


def as_stranger(attempt: Callable[[], object]) -> str:
    """What `attempt` gives in a process of another user: its result as text, or its error's name.

    `attempt` must have imported what it needs: a stranger may be unable to read Python's library.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            os.setgroups([])
            os.setgid(STRANGER)
            os.setuid(STRANGER)
            outcome = str(attempt())
        except BaseException as error:
            outcome = type(error).__name__
        os.write(writer, outcome.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        outcome = said.read()
    os.waitpid(child, 0)
    return outcome
