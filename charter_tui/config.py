"""The console's configuration file: `theme = "…"`, the graph's `columns = "…"`, thresholds under
`[alerts]`, and a `[keymap]` of action ids to keys.

A mistake never keeps the console from starting: it is told as a warning that names file and key,
and the default stands.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from charter_tui.alerts import EXAMPLE, AlertRules, Threshold, parse_threshold
from charter_tui.present.graph_columns import named_columns
from charter_tui.typed import Mistyped, nearest

_KNOWN = ("theme", "columns", "alerts", "keymap")
_KNOWN_OF_ALERTS = ("when", "bell", "command")
NO_ALERTS: Final = AlertRules()


@dataclass(frozen=True)
class Config:
    """What the file says. `warnings` are sentences for the operator."""

    theme: str | None = None
    columns: tuple[str, ...] = ()
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
    alerts, wrong = _alerts(path, table.get("alerts", {}))
    keymap, mistakes = _keymap(path, table.get("keymap", {}), action_ids)
    return Config(theme, columns, alerts, keymap, (*warnings, *unknown, *wrong, *mistakes))


def _columns(path: Path, text: object) -> tuple[tuple[str, ...], list[str]]:
    if not isinstance(text, str):
        return (), [f'{path}: columns must be names in quotes, such as "state computed hit"']
    try:
        return named_columns(text), []
    except Mistyped as error:
        return (), [f"{path}: columns: {error}"]


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
