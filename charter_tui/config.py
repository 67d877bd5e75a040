"""The console's configuration file: `theme = "…"`, the graph's `columns = "…"`, how long its engine
may `outlive` it, thresholds under `[alerts]`, and a `[keymap]` of action ids to keys.

A mistake never keeps the console from starting: it is told as a warning that names file and key,
and the default stands.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from charter_engine.contracts.moments import Mistyped, parse_seconds
from charter_tui.alerts import EXAMPLE, AlertRules, Threshold, parse_threshold
from charter_tui.present.graph_columns import named_columns
from charter_tui.typed import nearest

_KNOWN = ("theme", "columns", "outlive", "alerts", "keymap")
_KNOWN_OF_ALERTS = ("when", "bell", "command")
NO_ALERTS: Final = AlertRules()
OUTLIVE: Final = "10m"
OUTLIVE_SECONDS: Final = parse_seconds(OUTLIVE)
"""How long an engine waits for another console once its own was killed or lost its terminal: time
to log in again, and not for ever."""


@dataclass(frozen=True)
class Config:
    """What the file says; `outlive` in seconds, None: nothing. `warnings` are sentences for the
    operator."""

    theme: str | None = None
    columns: tuple[str, ...] = ()
    outlive: float | None = None
    alerts: AlertRules = NO_ALERTS
    keymap: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def load_config(path: Path, action_ids: Collection[str]) -> Config:
    """The configuration in `path`; the defaults where there is none."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Config(warnings=(f"{path}: {error}; defaults are used",))
    warnings = [
        f"{path}: unknown key {key!r}{nearest(key, _KNOWN)}" for key in table if key not in _KNOWN
    ]
    theme = table.get("theme")
    if theme is not None and not isinstance(theme, str):
        warnings.append(f"{path}: theme must be a name in quotes")
        theme = None
    columns, unknown = _columns(path, table.get("columns", ""))
    outlive, no_time = _outlive(path, table.get("outlive"))
    alerts, wrong = _alerts(path, table.get("alerts", {}))
    keymap, mistakes = _keymap(path, table.get("keymap", {}), action_ids)
    told = (*warnings, *unknown, *no_time, *wrong, *mistakes)
    return Config(theme, columns, outlive, alerts, keymap, told)


def _columns(path: Path, text: object) -> tuple[tuple[str, ...], list[str]]:
    if not isinstance(text, str):
        return (), [f'{path}: columns must be names in quotes, such as "state computed hit"']
    try:
        return named_columns(text), []
    except Mistyped as error:
        return (), [f"{path}: columns: {error}"]


def _outlive(path: Path, text: object) -> tuple[float | None, list[str]]:
    if text is None:
        return None, []
    if not isinstance(text, str):
        return None, [f'{path}: outlive must be a time in quotes, such as "{OUTLIVE}"']
    try:
        return parse_seconds(text), []
    except Mistyped as error:
        return None, [f"{path}: outlive: {error}"]


def _alerts(path: Path, table: object) -> tuple[AlertRules, list[str]]:
    if not isinstance(table, dict):
        return NO_ALERTS, [f'{path}: alerts must be a table, such as when = ["{EXAMPLE}"]']
    warnings = [
        f"{path}: alerts: unknown key {key!r}{nearest(key, _KNOWN_OF_ALERTS)}"
        for key in table
        if key not in _KNOWN_OF_ALERTS
    ]
    when, bell, command = (table.get(key) for key in _KNOWN_OF_ALERTS)
    if not (when is None or (isinstance(when, list) and all(isinstance(x, str) for x in when))):
        warnings.append(f'{path}: alerts: when must be a list, such as ["{EXAMPLE}"]')
        when = None
    if not isinstance(bell, bool | None):
        warnings.append(f"{path}: alerts: bell must be true or false")
        bell = None
    if not isinstance(command, str | None):
        warnings.append(f'{path}: alerts: command must be text, such as "notify-send Charter"')
        command = None
    thresholds: list[Threshold] = []
    for text in when or ():
        try:
            thresholds.append(parse_threshold(text))
        except Mistyped as error:
            warnings.append(f"{path}: alerts: {error}")
    return AlertRules(tuple(thresholds), bell is not False, command or ""), warnings


def _keymap(
    path: Path, table: object, action_ids: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    if not isinstance(table, dict):
        return {}, [f"{path}: keymap must be a table of action ids to keys"]
    keymap: dict[str, str] = {}
    warnings: list[str] = []
    for action, keys in table.items():
        if action not in action_ids:
            warnings.append(f"{path}: keymap: no action {action!r}{nearest(action, action_ids)}")
        elif not isinstance(keys, str) or not keys.strip():
            warnings.append(f'{path}: keymap: {action} needs keys such as "f5" or "ctrl+r,r"')
        else:
            keymap[action] = keys
    return keymap, warnings
