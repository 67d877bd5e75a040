"""Theme files: TOML with Textual's colour names.

`[variables]` holds the colours of Charter's own meanings. With `ansi`, a colour may be one of the
terminal's own, such as `ansi_default`.
"""

import contextlib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from textual.color import Color, ColorParseError
from textual.theme import Theme

VARIABLE_DEFAULTS: Final[dict[str, str]] = {
    "text-quiet": "#8a94a6",
    "label-measured": "#d7dde8",
    "label-derived": "#b9c6dc",
    "label-predicted": "#6cb6ff",
    "label-assumed": "#d9a13b",
    "draft": "#c792ea",
    "kv-cold": "#7a8599",
    "kv-cool": "#4fa3d1",
    "kv-warm": "#e0a84e",
    "kv-hot": "#ff8a4c",
    "retention-low": "#7a8599",
    "retention-default": "#b0bac9",
    "retention-high": "#5fd0a5",
    "segment-static": "#5fd0a5",
    "segment-variable": "#e0a84e",
    "segment-upstream": "#6cb6ff",
    "segment-unknown": "#7a8599",
}
"""What Charter's own variables are in a theme that does not name them."""

_ANSI_DEFAULTS: Final = {"ansi-background": "ansi_black", "ansi-foreground": "ansi_white"}
"""What Textual's own styles refer to in a theme of the terminal's colours."""

_COLOURS: Final = (
    "primary",
    "secondary",
    "accent",
    "success",
    "warning",
    "error",
    "foreground",
    "background",
    "surface",
    "panel",
    "boost",
)


class ThemeFolder:
    """A directory of themes that may be written while the console is open."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen = self._state()

    def changed(self) -> tuple[dict[str, Theme], list[str]] | None:
        """Its themes and what was wrong with the others, if a file changed since the last time."""
        state = self._state()
        if state == self._seen:
            return None
        self._seen = state
        return load_themes((self._directory,))

    def _state(self) -> tuple[tuple[str, int], ...]:
        found = []
        for path in sorted(self._directory.glob("*.toml")):
            with contextlib.suppress(OSError):
                found.append((path.name, path.stat().st_mtime_ns))
        return tuple(found)


class ThemeError(Exception):
    """A theme file that can't be used: which, and what is wrong with it."""


def load_themes(directories: Iterable[Path]) -> tuple[dict[str, Theme], list[str]]:
    """Every theme of those directories by name, and what was wrong with the others.

    Later directories win.
    """
    themes: dict[str, Theme] = {}
    warnings: list[str] = []
    for directory in directories:
        for path in sorted(directory.glob("*.toml")):
            try:
                theme = load_theme(path)
            except ThemeError as error:
                warnings.append(str(error))
            else:
                themes[theme.name] = theme
    return themes, warnings


def load_theme(path: Path) -> Theme:
    """The theme of one file, named as the file unless it says otherwise. Raises `ThemeError`."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ThemeError(f"{path}: {error}") from error
    variables = table.pop("variables", {})
    name, dark = table.pop("name", path.stem), table.pop("dark", True)
    ansi = table.pop("ansi", False)
    if not isinstance(variables, dict) or not isinstance(name, str):
        raise ThemeError(f"{path}: name must be text, variables a table")
    if not isinstance(dark, bool) or not isinstance(ansi, bool):
        raise ThemeError(f"{path}: dark and ansi must be true or false")
    if unknown := set(table) - set(_COLOURS):
        raise ThemeError(f"{path}: unknown key {min(unknown)!r}; known are {', '.join(_COLOURS)}")
    if "primary" not in table:
        raise ThemeError(f"{path}: primary is missing")
    for key, value in (*table.items(), *variables.items()):
        _check_colour(path, key, value)
    named = {**_ANSI_DEFAULTS, **variables} if ansi else variables
    return Theme(name=name, dark=dark, ansi=ansi, variables=named, **table)


def _check_colour(path: Path, key: str, value: object) -> None:
    try:
        Color.parse(value if isinstance(value, str) else "")
    except ColorParseError as error:
        raise ThemeError(f'{path}: {key} = {value!r} is not a colour such as "#5fd0a5"') from error
