"""What both programs make of their words before they read them, and of their streams."""

import io
import os
import re
import sys
from collections.abc import Callable, Sequence

from charter_engine.exit_codes import FAILED, UNREAD

_BELOW_NOUGHT = re.compile(r"-\.?\d.*")


def with_values(words: Sequence[str]) -> list[str]:
    """The words with what looks like a number below nought joined to the option before it.

    argparse takes `-5s` for an option, and would say of `--duration -5s` only that something is
    missing.
    """
    joined: list[str] = []
    for word in words:
        option = joined[-1] if joined else ""
        if option.startswith("--") and "=" not in option and _BELOW_NOUGHT.fullmatch(word):
            joined[-1] = f"{option}={word}"
        else:
            joined.append(word)
    return joined


def prepare_streams() -> None:
    """Have something to read from and to write to, and whatever is printed be written.

    Whoever starts a program may close its standard streams; the next file that is opened would
    take their place. What a locale such as Latin-1 has no sign for is written as its escape.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def printed(run: Callable[[], int], complain: Callable[[str], None]) -> int:
    """The exit code of what prints, once all of it is written.

    141 where whoever read it left, and 1 where it can't be written, which `complain` says.
    """
    try:
        try:
            return run()
        finally:  # also where argparse ends the program behind `--help`
            sys.stdout.flush()
    except BrokenPipeError:
        _give_up_output()
        return UNREAD
    except OSError as error:
        complain(f"{error.filename or 'output'}: {error.strerror or error}")
        if error.filename is None:
            _give_up_output()
        return FAILED


def _give_up_output() -> None:
    """Nobody takes our output any more; Python would complain again while flushing at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
