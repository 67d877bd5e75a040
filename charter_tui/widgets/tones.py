"""Tones as terminal styles.

Each has a colour in the theme and, where it matters without colour, an attribute.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, get_args

from rich.style import Style
from textual.color import Color, ColorParseError

from charter_tui.present.spans import Tone

VARIABLE_OF: Final[dict[Tone, str]] = {
    "text": "foreground",
    "muted": "text-quiet",
    "strong": "foreground",
    "title": "primary",
    "accent": "accent",
    "good": "success",
    "warning": "warning",
    "bad": "error",
    "measured": "label-measured",
    "predicted": "label-predicted",
    "assumed": "label-assumed",
}
_BOLD: Final = frozenset(("strong", "title", "bad", "draft"))


def tone_styles(variables: Mapping[str, str]) -> dict[Tone, Style]:
    """A style for every tone, from a theme's variables.

    Tones not in `VARIABLE_OF` are variables by their name.
    """
    return {
        tone: _style(variables.get(VARIABLE_OF.get(tone, tone), ""), tone in _BOLD)
        for tone in get_args(Tone)
    }


@lru_cache(maxsize=256)
def _style(colour: str, bold: bool) -> Style:
    try:
        return Style(color=Color.parse(colour).rich_color, bold=bold or None)
    except ColorParseError:
        return Style(bold=bold or None)
