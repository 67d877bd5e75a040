"""The console's configuration file: `theme = "…"` and a `[keymap]` of action ids to keys.

A mistake never keeps the console from starting: it is told as a warning that names file and key,
and the default stands.
"""

import difflib
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_KNOWN = ("theme", "keymap")


@dataclass(frozen=True)
class Config:
    """What the file says. `warnings` are sentences for the operator."""

    theme: str | None = None
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
    keymap, mistakes = _keymap(path, table.get("keymap", {}), action_ids)
    return Config(theme=theme, keymap=keymap, warnings=(*warnings, *mistakes))


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


def nearest(word: str, known: Collection[str]) -> str:
    """A hint at the known word that `word` was probably meant to be, or nothing."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
