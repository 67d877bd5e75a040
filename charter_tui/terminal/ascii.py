"""Signs for terminals that know nothing beyond ASCII: each as wide as what it stands for."""

import os
from collections.abc import Mapping
from typing import Final

from rich.cells import cell_len

UNKNOWN: Final = "_"
"""For what has no sign of its own; a question mark would say that a figure is assumed."""
_SIGNS: Final = {
    **dict.fromkeys("●◆", "*"),
    **dict.fromkeys("○◌◇", "o"),
    **dict.fromkeys("▶▸", ">"),
    "▾": "v",
    "▲": "^",
    "★": "*",
    "÷": "/",
    "✗": "x",
    "❚": "|",
    "⚿": "L",
    "◷": "@",
    "↻": "@",
    "↺": "&",
    "⇉": "|",
    "⏎": "<",
    "→": ">",
    "←": "<",
    "↑": "^",
    "↓": "v",
    "∞": "-",
    "…": ".",
    "·": ".",
    **dict.fromkeys("–—−‐‑", "-"),
    "×": "x",
    "°": " ",
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”„", '"'),
    "█": "#",
    **dict.fromkeys("▉▊▋▌▐", "#"),
    **dict.fromkeys("▍▎▏", ":"),
    "░": ".",
    "▒": ":",
    **dict.fromkeys("▓▩", "%"),
    **dict.fromkeys("▚▞▦", "&"),
    **dict(zip("▁▂▃▄▅▆▇", "__..--=", strict=True)),
    **dict.fromkeys("─━╌╴╶▔▀▄", "-"),
    "═": "=",
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛", "+"),
    "⋯": ".",
    **{chr(0x2800 + dots): " .:-=+*#@"[dots.bit_count()] for dots in range(256)},
}
_TABLE: Final = str.maketrans(_SIGNS)


def in_ascii(text: str) -> str:
    """`text` in ASCII, cell for cell."""
    known = text.translate(_TABLE)
    if known.isascii():
        return known
    return "".join(
        character if character.isascii() else UNKNOWN * cell_len(character) for character in known
    )


def ascii_only(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale says that the terminal shows nothing but ASCII.

    A locale that is not set says nothing (POSIX, "Environment Variables": LC_ALL, LC_CTYPE, LANG).
    """
    named = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next((value for value in named if value), "").upper().replace("-", "")
    return bool(locale) and "UTF8" not in locale
