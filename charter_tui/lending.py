"""Lends the terminal to another program, and takes it again behind it."""

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported

if TYPE_CHECKING:
    from textual.app import App


def lend(app: "App[Any]", command: Sequence[str], what: str) -> None:
    """Run a program on the console's terminal, and come back; the operator is told why not, and
    where it failed. `what` it is called."""
    try:
        with app.suspend():
            code = subprocess.run(command, check=False).returncode
        if code:
            app.notify(failed_words(what, code), severity="warning")
    except OSError as error:
        app.notify(str(error), severity="error")
    except SuspendNotSupported:
        app.notify("This terminal can't be lent to another program.", severity="error")


def failed_words(what: str, code: int) -> str:
    """That a program failed, by its exit code; of one that a signal ended it is that, negative."""
    if code < 0:
        return f"{what} was ended by signal {-code}."
    return f"{what} ended with exit code {code}."
