"""The console's configuration file: `theme = "…"`, the graph's `columns = "…"`, how long its engine
may `outlive` it, how often it draws `unfocused`, which servers are `production`, and which
`read_only`, thresholds under `[alerts]`, and a `[keymap]` of action ids to keys.

A mistake never keeps the console from starting: it is told as a warning that names file, line and
key, and the default stands.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from charter_engine.contracts.moments import Mistyped, parse_seconds
from charter_tui.alerts import EXAMPLE, AlertRules, Threshold, parse_threshold
from charter_tui.present.graph_columns import named_columns
from charter_tui.typed import nearest

_KNOWN = (
    *("theme", "columns", "outlive", "unfocused"),
    *("production", "read_only", "alerts", "keymap"),
)
_KNOWN_OF_ALERTS = ("when", "bell", "command")
_HEADER = re.compile(r"\s*\[([^\[\]]+)\]")
_KEY = re.compile(r"\s*([\"']?)([^\"'=]+?)\1\s*=")
NO_ALERTS: Final = AlertRules()
OUTLIVE: Final = "10m"
OUTLIVE_SECONDS: Final = parse_seconds(OUTLIVE)
"""How long an engine waits for another console once its own was killed or lost its terminal: time
to log in again, and not for ever."""

HOLD: Final = "hold"
"""How often a console over SSH draws while its terminal has not the focus: not at all."""


@dataclass(frozen=True)
class Config:
    """What the file says; `outlive` in seconds, None: nothing. `unfocused` is how many seconds lie
    between two pictures over SSH while the terminal has not the focus, None: none comes.
    `production` and `read_only` are addresses or hosts, with `*` for any part. `warnings` are
    sentences for the operator."""

    theme: str | None = None
    columns: tuple[str, ...] = ()
    outlive: float | None = None
    unfocused: float | None = None
    production: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    alerts: AlertRules = NO_ALERTS
    keymap: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class _File(NamedTuple):
    """A file, and what stands in it."""

    path: Path
    text: str

    def at(self, key: str, table: str = "") -> str:
        """Where a key of a table is given its value, or begins if it is one: `path:line`."""
        inside = ""
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := _HEADER.match(line):
                inside = header[1].strip()
                if not table and inside == key:
                    return f"{self.path}:{number}"
            elif inside == table and (named := _KEY.match(line)) and named[2] == key:
                return f"{self.path}:{number}"
        return str(self.path)


def load_config(path: Path, action_ids: Collection[str]) -> Config:
    """The configuration in `path`; the defaults where there is none."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Config(warnings=(f"{path}: {error}; defaults are used",))
    file = _File(path, text)
    warnings = [
        f"{file.at(key)}: unknown key {key!r}{nearest(key, _KNOWN)}"
        for key in table
        if key not in _KNOWN
    ]
    theme = table.get("theme")
    if theme is not None and not isinstance(theme, str):
        warnings.append(f"{file.at('theme')}: theme must be a name in quotes")
        theme = None
    columns, unknown = _columns(file.at("columns"), table.get("columns", ""))
    outlive, no_time = _outlive(file.at("outlive"), table.get("outlive"))
    unfocused, no_pace = _unfocused(file.at("unfocused"), table.get("unfocused", HOLD))
    production, no_list = _servers(file, "production", table)
    read_only, none_either = _servers(file, "read_only", table)
    alerts, wrong = _alerts(file, table.get("alerts", {}))
    keymap, mistakes = _keymap(file, table.get("keymap", {}), action_ids)
    told = (*warnings, *unknown, *no_time, *no_pace, *no_list, *none_either, *wrong, *mistakes)
    return Config(theme, columns, outlive, unfocused, production, read_only, alerts, keymap, told)


def _columns(place: str, text: object) -> tuple[tuple[str, ...], list[str]]:
    if not isinstance(text, str):
        return (), [f'{place}: columns must be names in quotes, such as "state computed hit"']
    try:
        return named_columns(text), []
    except Mistyped as error:
        return (), [f"{place}: columns: {error}"]


def _outlive(place: str, text: object) -> tuple[float | None, list[str]]:
    if text is None:
        return None, []
    if not isinstance(text, str):
        return None, [f'{place}: outlive must be a time in quotes, such as "{OUTLIVE}"']
    try:
        return parse_seconds(text), []
    except Mistyped as error:
        return None, [f"{place}: outlive: {error}"]


def _unfocused(place: str, text: object) -> tuple[float | None, list[str]]:
    if text == HOLD:
        return None, []
    try:
        seconds = parse_seconds(text) if isinstance(text, str) else 0.0
    except Mistyped as error:
        return None, [f"{place}: unfocused: {error}"]
    if seconds > 0:
        return seconds, []
    return None, [f'{place}: unfocused must be "{HOLD}" or a time in quotes, such as "5s"']


def _servers(
    file: _File, key: str, table: Mapping[str, object]
) -> tuple[tuple[str, ...], list[str]]:
    listed = table.get(key, [])
    if isinstance(listed, list) and all(isinstance(one, str) for one in listed):
        return tuple(listed), []
    return (), [f'{file.at(key)}: {key} must be a list of servers, such as ["*.example.com:8001"]']


def _alerts(file: _File, table: object) -> tuple[AlertRules, list[str]]:
    if not isinstance(table, dict):
        place = file.at("alerts")
        return NO_ALERTS, [f'{place}: alerts must be a table, such as when = ["{EXAMPLE}"]']
    warnings = [
        f"{file.at(key, 'alerts')}: alerts: unknown key {key!r}{nearest(key, _KNOWN_OF_ALERTS)}"
        for key in table
        if key not in _KNOWN_OF_ALERTS
    ]

    def wrong(key: str, why: str) -> None:
        warnings.append(f"{file.at(key, 'alerts')}: alerts: {why}")

    when, bell, command = (table.get(key) for key in _KNOWN_OF_ALERTS)
    if not (when is None or (isinstance(when, list) and all(isinstance(x, str) for x in when))):
        wrong("when", f'when must be a list, such as ["{EXAMPLE}"]')
        when = None
    if not isinstance(bell, bool | None):
        wrong("bell", "bell must be true or false")
        bell = None
    if not isinstance(command, str | None):
        wrong("command", 'command must be text, such as "notify-send Charter"')
        command = None
    thresholds: list[Threshold] = []
    for text in when or ():
        try:
            thresholds.append(parse_threshold(text))
        except Mistyped as error:
            wrong("when", str(error))
    return AlertRules(tuple(thresholds), bell is not False, command or ""), warnings


def _keymap(
    file: _File, table: object, action_ids: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    if not isinstance(table, dict):
        return {}, [f"{file.at('keymap')}: keymap must be a table of action ids to keys"]
    keymap: dict[str, str] = {}
    warnings: list[str] = []
    for action, keys in table.items():
        place = file.at(action, "keymap")
        if action not in action_ids:
            warnings.append(f"{place}: keymap: no action {action!r}{nearest(action, action_ids)}")
        elif not isinstance(keys, str) or not keys.strip():
            warnings.append(f'{place}: keymap: {action} needs keys such as "f5" or "ctrl+r,r"')
        else:
            keymap[action] = keys
    return keymap, warnings
