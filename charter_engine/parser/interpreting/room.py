"""Memory for the frames of functions that call each other deeply.

Python keeps frames in pieces of 16 KiB. It asks the system for a piece where a call finds no room
on the last one, and gives it back as soon as that call returns: where a walk goes up and down
across the end of a piece, each step costs two system calls and fresh pages. A frame that says it
needs a large stack gets a piece of that size, on which those of all that it calls have room too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Done = TypeVar("Done")

WORDS = 1 << 16
"""Of the stack asked for. A piece is the next power of two, so as much again is free behind it,
which is more than the frames of a thousand calls take. Pages that nobody touches cost nothing."""


def with_room(work: Callable[Given, Done]) -> Callable[Given, Done]:
    """A function that has room for deep calls."""

    def roomy(*args: Given.args, **kwargs: Given.kwargs) -> Done:
        return work(*args, **kwargs)

    roomy.__code__ = roomy.__code__.replace(co_stacksize=WORDS)
    return update_wrapper(roomy, work)
