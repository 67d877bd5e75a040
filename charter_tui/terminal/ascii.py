"""Signs for terminals that know nothing beyond ASCII: each as wide as what it stands for."""

import os
from collections.abc import Mapping
from typing import Final

from rich.cells import cell_len

from charter_tui.present.spans import Line, Span, text_of

UNKNOWN: Final = "_"
"""For what has no sign of its own; a question mark would say that a figure is assumed."""
_SIGNS: Final = {
    **dict.fromkeys("●◆•", "*"),
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
    "░": "-",
    "▒": ":",
    "▓": "%",
    "▚": "&",
    "▞": '"',
    "▦": "$",
    "▩": ";",
    **dict(zip("▁▂▃▄▅▆▇", "__..--=", strict=True)),
    **dict.fromkeys("─━╌╴╶╸▔▀▄", "-"),
    "═": "=",
    **dict.fromkeys("│┃", "|"),
    "┊": ":",
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛", "+"),
    "⋯": ".",
    **{chr(0x2800 + dots): " .:-=+*#@"[dots.bit_count()] for dots in range(256)},
}
_TABLE: Final = str.maketrans(_SIGNS)
ENDLESS: Final = "∞"
SPELT: Final = "inf"


def in_ascii(text: str) -> str:
    """`text` in ASCII, cell for cell."""
    known = text.translate(_TABLE)
    if known.isascii():
        return known
    return "".join(
        character if character.isascii() else UNKNOWN * cell_len(character) for character in known
    )


def spelt(spans: Line) -> Line:
    """The line with a word for ∞, whose every stand-in of one cell means something else; blanks
    beside it make room, all but one."""
    text = text_of(spans)
    if ENDLESS not in text:
        return spans
    signs = [Span(sign, span.tone) for span in spans for sign in span.text]
    for at in (at for at in reversed(range(len(text))) if text[at] == ENDLESS):
        begin, end = at, at + 1
        if text[end : end + 3] in ("   ", "  "):
            end += 2
        elif text[max(0, begin - 3) : begin] == "   ":
            begin -= 2
        signs[begin:end] = [Span(SPELT, signs[at].tone)]
    return tuple(signs)


def ascii_only(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale says that the terminal shows nothing but ASCII.

    A locale that is not set says nothing (POSIX, "Environment Variables": LC_ALL, LC_CTYPE, LANG).
    """
    named = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next((value for value in named if value), "").upper().replace("-", "")
    return bool(locale) and "UTF8" not in locale
