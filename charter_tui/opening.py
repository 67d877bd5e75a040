"""Opens the console on a terminal."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from functools import partial
from typing import Final

from textual.theme import BUILTIN_THEMES

from charter_tui.app import CharterApp
from charter_tui.config import OUTLIVE_SECONDS
from charter_tui.configuration import configured, problems
from charter_tui.connecting import connect
from charter_tui.link import Connect
from charter_tui.options import Options
from charter_tui.paths import config_file, shipped_themes, user_themes
from charter_tui.servers import given
from charter_tui.theme import ThemeFolder, load_themes
from charter_tui.typed import nearest

MOST_FAILURES: Final = 3
"""How often a failed console comes back before it is left."""


class UnknownTheme(Exception):
    """`--theme` names a theme there is not."""


def open_console(options: Options) -> int:
    """Run the console until the operator leaves it; returns the exit code.

    A console that fails comes back to the same engine, and says where its report is. Raises
    `UnknownTheme`.
    """
    code, ended_by = asyncio.run(_open(options))
    if ended_by is not None:
        signal.signal(ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), ended_by)
    return code


async def _open(options: Options) -> tuple[int, signal.Signals | None]:
    """The exit code, and the signal that ended the console if one did."""
    connecting: Connect | None = None
    told = ""
    for _ in range(MOST_FAILURES):
        app = make_app(options, connecting, told)
        await app.run_async()
        if not app.crash:
            return app.return_code or 0, app.ended_by
        connecting, told = app.reconnect, f"The console failed and came back; {app.crash}."
    await app.leave_engine()
    print(
        f"charter-tui: the console failed {MOST_FAILURES} times; {app.crash}.\n"
        "The engine goes on: start charter-tui again to watch it.",
        file=sys.stderr,
    )
    return 1, None


def make_app(options: Options, connecting: Connect | None = None, told: str = "") -> CharterApp:
    """The app with the user's themes and configuration. `told` is said when it is on screen."""
    themes, warnings = load_themes((shipped_themes(), user_themes()))
    config = configured(config_file())
    wrong = problems(config, {*themes, *BUILTIN_THEMES}, warnings)
    if not options.write and given(options, config.read_only):
        options = replace(options, read_only=True)
    warned = (*([told] if told else []), *wrong)
    config = replace(config, warnings=warned)
    outlive = OUTLIVE_SECONDS if config.outlive is None else config.outlive
    app = CharterApp(options, connecting or partial(connect, options, outlive), themes, config)
    app.theme_folder = ThemeFolder(user_themes())
    if options.theme is not None and options.theme not in app.available_themes:
        known = ", ".join((*themes, *sorted(set(app.available_themes) - set(themes))))
        raise UnknownTheme(
            f"there is no theme {options.theme!r}{nearest(options.theme, app.available_themes)}\n"
            f"known: {known}"
        )
    return app
