"""What the console is configured to, where each value comes from, and what is wrong with it."""

import os
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from charter_engine.paths import (
    compile_cache_path,
    config_file,
    database_path,
    default_socket,
    engine_log_path,
    state_directory,
)
from charter_tui.actions import ACTIONS, clashes, shadowed
from charter_tui.alerts import EXAMPLE
from charter_tui.config import HOLD, OUTLIVE, Config, load_config
from charter_tui.paths import shipped_themes, user_themes
from charter_tui.terminal.ascii import ascii_only
from charter_tui.typed import nearest

DEFAULT_THEME: Final = "charter-dark"
BUILT_IN: Final = "default"
REMOTE_FPS: Final = "15"
"""Frames a second over SSH, where every frame is bytes on the wire."""
SERVERS_SCHEMA: Final = {
    "type": "array",
    "items": {"type": "string"},
    "examples": [["*.example.com:8001"]],
}
MODIFIERS: Final = frozenset(("ctrl", "alt", "shift", "meta", "super", "hyper"))
NAMED_KEYS: Final = frozenset(
    "up down left right home end pageup pagedown insert delete backspace tab enter escape space "
    "f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 slash backslash at minus plus underscore".split()
)
"""Keys by the names that Textual has for them; other characters go by their Unicode names."""
ASCII_NAMES: Final = frozenset(
    unicodedata.name(chr(code)).lower().replace("-", "_").replace(" ", "_")
    for code in range(ord("!"), ord("~") + 1)
)
"""Some of these names have hyphens, for which Textual has underscores, too: `less_than_sign`."""


@dataclass(frozen=True)
class Setting:
    """A value, and where it comes from: a file, a variable of the environment, or `default`."""

    key: str
    value: str
    source: str


@dataclass(frozen=True)
class Location:
    """A file or directory that Charter uses, and what decides where it is."""

    what: str
    path: str
    source: str
    exists: bool


def configured(path: Path) -> Config:
    """The configuration in a file."""
    return load_config(path, {action.id for action in ACTIONS})


def settings(
    config: Config, path: Path, environment: Mapping[str, str] = os.environ
) -> tuple[Setting, ...]:
    """Every value that the console goes by, keys of actions included."""
    file = str(path)
    keys = (
        Setting(f"keymap.{action.id}", config.keymap[action.id], file)
        if action.id in config.keymap
        else Setting(f"keymap.{action.id}", action.keys, BUILT_IN)
        for action in ACTIONS
    )
    theme = Setting("theme", config.theme or DEFAULT_THEME, file if config.theme else BUILT_IN)
    columns = Setting(
        "columns",
        " ".join(config.columns) or "by width",
        file if config.columns else BUILT_IN,
    )
    outlive = Setting(
        "outlive",
        OUTLIVE if config.outlive is None else f"{config.outlive:g}s",
        BUILT_IN if config.outlive is None else file,
    )
    unfocused = Setting(
        "unfocused",
        HOLD if config.unfocused is None else f"{config.unfocused:g}s",
        BUILT_IN if config.unfocused is None else file,
    )
    servers = tuple(
        Setting(name, ", ".join(listed) or "none", file if listed else BUILT_IN)
        for name, listed in (("production", config.production), ("read_only", config.read_only))
    )
    alerts = config.alerts
    watched = ", ".join(one.words for one in alerts.thresholds) or "none"
    alerting = (
        Setting("alerts.when", watched, file if alerts.thresholds else BUILT_IN),
        Setting("alerts.bell", str(alerts.bell).lower(), BUILT_IN if alerts.bell else file),
        Setting("alerts.command", alerts.command or "none", file if alerts.command else BUILT_IN),
    )
    told = (theme, columns, outlive, unfocused, *servers)
    return (*told, *alerting, *_of_environment(environment), *keys)


def _of_environment(environment: Mapping[str, str]) -> tuple[Setting, ...]:
    locale = next((name for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "")
    editor = next((name for name in ("VISUAL", "EDITOR") if environment.get(name)), "")
    colour = "none" if "NO_COLOR" in environment else "as the terminal can"
    signs = "ASCII" if ascii_only(environment) else "Unicode"
    return (
        _frames(environment),
        Setting("colour", colour, "NO_COLOR" if "NO_COLOR" in environment else BUILT_IN),
        Setting("signs", signs, locale or BUILT_IN),
        Setting("editor", environment.get(editor, "none"), editor or BUILT_IN),
    )


def is_remote(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what is drawn goes over SSH."""
    return "SSH_CONNECTION" in environment


def _frames(environment: Mapping[str, str]) -> Setting:
    if given := environment.get("TEXTUAL_FPS"):
        return Setting("frames a second", given, "TEXTUAL_FPS")
    if is_remote(environment):
        return Setting("frames a second", REMOTE_FPS, "SSH_CONNECTION")
    return Setting("frames a second", "60", BUILT_IN)


def problems(config: Config, themes: Collection[str], theme_warnings: Collection[str]) -> list[str]:
    """Sentences about what is wrong: in the file, between keys, and with themes."""
    return [
        *config.warnings,
        *unknown_theme(config, themes),
        *(said for keys in config.keymap.values() for said in _strange_keys(keys)),
        *clashes(config.keymap),
        *shadowed(config.keymap),
        *theme_warnings,
    ]


def unknown_theme(config: Config, themes: Collection[str]) -> list[str]:
    """A sentence where the configured theme is not there."""
    if config.theme is None or config.theme in themes:
        return []
    return [
        f"There is no theme {config.theme!r}{nearest(config.theme, themes)} "
        f"{DEFAULT_THEME} is used."
    ]


def _strange_keys(keys: str) -> list[str]:
    return [
        f"There is no key {key.strip()!r}{nearest(key.strip(), NAMED_KEYS)}"
        for key in keys.split(",")
        if not _is_key(key.strip())
    ]


def _is_key(key: str) -> bool:
    *modifiers, last = key.split("+")
    if not set(modifiers) <= MODIFIERS:
        return False
    return len(last) == 1 or last in NAMED_KEYS | ASCII_NAMES or _is_character(last)


def _is_character(name: str) -> bool:
    """Whether that is a character by its Unicode name, as Textual spells it: `question_mark`."""
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return True


def places(environment: Mapping[str, str] = os.environ) -> tuple[Location, ...]:
    """The files and directories that Charter uses."""

    def place(what: str, path: Callable[[], Path], *variables: str) -> Location:
        source = next((name for name in variables if environment.get(name)), BUILT_IN)
        found = path()
        return Location(what, str(found), source, found.exists())

    return (
        place("configuration", config_file, "XDG_CONFIG_HOME"),
        place("your own themes", user_themes, "XDG_CONFIG_HOME"),
        place("shipped themes", shipped_themes),
        place("socket", default_socket, "CHARTER_SOCKET", "XDG_RUNTIME_DIR"),
        place("state", state_directory, "CHARTER_STATE", "XDG_STATE_HOME"),
        place("database", database_path, "CHARTER_STATE", "XDG_STATE_HOME"),
        place("engine log", engine_log_path, "CHARTER_STATE", "XDG_STATE_HOME"),
        place("compilations", compile_cache_path, "CHARTER_CACHE", "XDG_CACHE_HOME"),
    )


def schema() -> dict[str, Any]:
    """What may stand in a configuration file, as a JSON Schema (draft 2020-12)."""
    keys = {
        action.id: {"type": "string", "description": action.about, "default": action.keys}
        for action in ACTIONS
    }
    alerts = {
        "when": {"type": "array", "items": {"type": "string"}, "examples": [[EXAMPLE]]},
        "bell": {"type": "boolean", "default": True},
        "command": {"type": "string"},
    }
    properties = {
        "theme": {"type": "string", "default": DEFAULT_THEME},
        "columns": {"type": "string", "examples": ["state computed trend"]},
        "outlive": {"type": "string", "default": OUTLIVE},
        "unfocused": {"type": "string", "default": HOLD},
        "production": SERVERS_SCHEMA,
        "read_only": SERVERS_SCHEMA,
        "alerts": _table_schema(alerts),
        "keymap": _table_schema(keys),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The console's configuration",
        **_table_schema(properties),
    }


def _table_schema(properties: Mapping[str, object]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def defaults_text() -> str:
    """A configuration file that says what is the case without one, to be edited."""
    lines = [
        "# The console's configuration. These are the defaults.",
        f'theme = "{DEFAULT_THEME}"',
        'columns = ""  # of the graph, such as "state computed trend"; empty: by width',
        f'outlive = "{OUTLIVE}"  # how long the engine of a killed console waits for another',
        f'unfocused = "{HOLD}"  # over SSH, or how often figures come without the focus: "5s"',
        'production = []  # servers on which a change takes a typed name, such as ["*.prod"]',
        "read_only = []  # servers that are only looked at, unless --write is given",
        "",
        "[alerts]",
        f'when = []  # such as ["{EXAMPLE}", "hit < 40 %", "pool > 95 % for 1m"]',
        "bell = true",
        'command = ""  # started with the words of the alert as its last argument',
        "",
        "[keymap]",
    ]
    scope = ""
    for action in ACTIONS:
        if action.scope != scope:
            scope = action.scope
            lines.append(f"# {scope}")
        lines.append(f'"{action.id}" = "{action.keys}"  # {action.about}')
    return "\n".join((*lines, ""))
