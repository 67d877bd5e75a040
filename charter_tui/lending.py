"""Lends the terminal to another program, and takes it again behind it."""

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported

if TYPE_CHECKING:
    from textual.app import App


def lend(app: "App[Any]", command: Sequence[str]) -> None:
    """Run a program on the console's terminal, and come back; the operator is told why not."""
    try:
        with app.suspend():
            subprocess.run(command, check=False)
    except OSError as error:
        app.notify(str(error), severity="error")
    except SuspendNotSupported:
        app.notify("This terminal can't be lent to another program.", severity="error")
