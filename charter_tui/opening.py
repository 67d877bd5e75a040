"""Opens the console on a terminal."""

from functools import partial

from charter_tui.actions import ACTIONS, clashes
from charter_tui.app import CharterApp
from charter_tui.config import Config, load_config, nearest
from charter_tui.connecting import connect
from charter_tui.options import Options
from charter_tui.paths import config_file, shipped_themes, user_themes
from charter_tui.theme import load_themes


class UnknownTheme(Exception):
    """`--theme` names a theme there is not."""


def open_console(options: Options) -> int:
    """Run the console until the operator leaves it; returns the exit code.

    Raises `UnknownTheme`.
    """
    app = make_app(options)
    app.run()
    return app.return_code or 0


def make_app(options: Options) -> CharterApp:
    """The app with the user's themes and configuration."""
    themes, warnings = load_themes((shipped_themes(), user_themes()))
    config = load_config(config_file(), {action.id for action in ACTIONS})
    told = (*config.warnings, *clashes(config.keymap), *warnings)
    config = Config(theme=config.theme, keymap=config.keymap, warnings=told)
    app = CharterApp(options, partial(connect, options), themes, config)
    if options.theme is not None and options.theme not in app.available_themes:
        known = ", ".join((*themes, *sorted(set(app.available_themes) - set(themes))))
        raise UnknownTheme(
            f"there is no theme {options.theme!r}{nearest(options.theme, app.available_themes)}\n"
            f"known: {known}"
        )
    return app
