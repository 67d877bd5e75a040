"""Tones as terminal styles.

Each has a colour in the theme and, where it matters without colour, an attribute.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, get_args

from rich._palettes import STANDARD_PALETTE
from rich.color import Color as RichColor
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
    "derived": "label-derived",
    "predicted": "label-predicted",
    "assumed": "label-assumed",
}
_BOLD: Final = frozenset(("strong", "title", "bad", "draft"))


SIXTEEN: Final[dict[Tone, tuple[int, int]]] = {
    "text": (15, 0),
    "muted": (7, 8),
    "strong": (15, 0),
    "title": (14, 4),
    "accent": (14, 6),
    "good": (10, 2),
    "warning": (11, 3),
    "bad": (9, 1),
    "measured": (15, 0),
    "derived": (15, 0),
    "predicted": (12, 4),
    "assumed": (13, 5),
    "draft": (6, 6),
    "kv-cold": (7, 8),
    "kv-cool": (15, 0),
    "kv-warm": (14, 6),
    "kv-hot": (10, 2),
    "retention-low": (7, 8),
    "retention-default": (15, 0),
    "retention-high": (10, 2),
    "segment-static": (10, 2),
    "segment-variable": (11, 3),
    "segment-upstream": (12, 4),
    "segment-unknown": (7, 8),
}
"""Of a terminal's sixteen colours the one on a dark and the one on a light ground.

The nearest to a theme's colours would make assumed figures look failed and full reuse a warning.
"""


def sixteen_styles(dark: bool) -> dict[Tone, Style]:
    """A style for every tone on a terminal of sixteen colours."""
    return {
        tone: Style(
            color=RichColor.from_triplet(STANDARD_PALETTE[numbers[0 if dark else 1]]),
            bold=tone in _BOLD or None,
        )
        for tone, numbers in SIXTEEN.items()
    }


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
