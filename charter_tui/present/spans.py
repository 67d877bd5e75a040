"""Styled text as plain data: a line is a tuple of spans, a span is text and the name of a tone.

Tones are meanings, not colours; a theme gives each its colour, so a line reads the same in every
theme and without colour.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

Tone = Literal[
    "text",
    "muted",
    "strong",
    "title",
    "accent",
    "good",
    "warning",
    "bad",
    "measured",
    "derived",
    "predicted",
    "assumed",
    "draft",
    "kv-cold",
    "kv-cool",
    "kv-warm",
    "kv-hot",
    "retention-low",
    "retention-default",
    "retention-high",
    "segment-static",
    "segment-variable",
    "segment-upstream",
    "segment-unknown",
]
Align = Literal["left", "right"]


NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_BEFORE_A_UNIT: Final = re.compile(
    r"(?<=\d) (?=(?:%|ms|s|min|h|pt|points|B|KiB|MiB|GiB|TiB|W|MHz|°C)(?![\w/]))"
)


class Span(NamedTuple):
    """A run of text in one tone."""

    text: str
    tone: Tone = "text"


Line = tuple[Span, ...]
EMPTY: Line = ()

_CONTROL = dict.fromkeys(
    (*range(32), *range(127, 160), 8203, 8206, 8207, *range(8234, 8239), 65279)
)
_CONTROL[ord("\t")] = " "


def plain(text: str) -> str:
    """`text` as one line without control characters.

    No name and no output can drive the terminal then.
    """
    return " ".join(text.splitlines()).translate(_CONTROL) if text else ""


def line(*parts: Span | str) -> Line:
    """A line of spans; bare strings are in the default tone."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def line_width(spans: Iterable[Span]) -> int:
    """Width in terminal cells."""
    return sum(cell_len(span.text) for span in spans)


def crop(spans: Line, width: int) -> Line:
    """The line cut to at most `width` cells, ending in an ellipsis where something was cut."""
    if line_width(spans) <= width:
        return spans
    if width <= 0:
        return EMPTY
    kept: list[Span] = []
    room = width - 1
    for span in spans:
        cells = cell_len(span.text)
        if cells >= room:
            kept.append(Span(set_cell_size(span.text, room) + "…", span.tone))
            break
        kept.append(span)
        room -= cells
    return tuple(kept)


def fitting(parts: Iterable[Line], width: int) -> Line:
    """Parts side by side; what does not fit in `width` cells is left out, whole parts at a time."""
    kept: Line = ()
    for part in parts:
        longer = (*kept, Span("  "), *part) if kept else part
        if line_width(longer) <= width:
            kept = longer
    return kept


def fit(spans: Line, width: int, align: Align = "left") -> Line:
    """The line cut or padded to exactly `width` cells."""
    cut = crop(spans, width)
    padding = Span(" " * max(0, width - line_width(cut)))
    if not padding.text:
        return cut
    return (padding, *cut) if align == "right" else (*cut, padding)


def text_of(spans: Line) -> str:
    """The line's text without tones."""
    return "".join(span.text for span in spans)


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken at spaces where there are any; a figure and
    its unit stay together."""
    return [each.replace(NO_BREAK, " ") for each in _wrapped(text, width)]


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    width = max(1, width)
    for paragraph in text.splitlines() or [""]:
        rest = _BEFORE_A_UNIT.sub(NO_BREAK, plain(paragraph))
        while cell_len(rest) > width:
            fits = _prefix(rest, width)
            cut = fits if rest[fits : fits + 1] == " " else rest.rfind(" ", 0, fits)
            cut = cut if cut > 0 else fits
            lines.append(rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
        lines.append(rest)
    return lines


def _prefix(text: str, width: int) -> int:
    """How many characters of `text`, at least one, fit in `width` cells."""
    cells = 0
    for index, character in enumerate(text):
        cells += cell_len(character)
        if cells > width:
            return max(1, index)
    return len(text)
