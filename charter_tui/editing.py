"""Opens the operator's editor at a place in the agent's source."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from charter_tui.lending import lend

if TYPE_CHECKING:
    from charter_engine.contracts.graph import Call
    from charter_tui.console import Console

BY_COLON: Final = frozenset({"hx", "helix", "subl", "zed", "micro"})
"""Editors that take the line behind the file's name."""
BY_GOTO: Final = frozenset({"code", "codium", "cursor"})
"""Editors that take it behind `--goto`; they are waited for."""


class NoEditor(Exception):
    """No editor was named; the message says where to name one."""


def edit(app: "Console", call: "Call") -> None:
    """Edit the source at a call, and come back to the console."""
    try:
        command = editor_command(os.environ, call.path, call.line)
        if not Path(call.path).is_file():
            raise NoEditor(f"{call.path} is not on this machine.")
    except NoEditor as error:
        app.notify(str(error), severity="error")
    else:
        lend(app, command, f"The editor {command[0]}")


def editor_command(environment: Mapping[str, str], path: str, line: int) -> list[str]:
    """The command that opens the editor at a line. Raises `NoEditor`."""
    wanted = environment.get("VISUAL") or environment.get("EDITOR") or ""
    try:
        named = shlex.split(wanted)
    except ValueError as error:
        raise NoEditor(f"The editor {wanted} is no command: {error}.") from error
    if not named:
        raise NoEditor("Set EDITOR, for example EDITOR=vim, to edit the source from here.")
    program = PurePath(named[0]).name
    if program in BY_GOTO:
        return [*named, "--wait", "--goto", f"{path}:{line}"]
    if program in BY_COLON:
        return [*named, f"{path}:{line}"]
    return [*named, f"+{line}", path]
