"""Values over time as braille dots: two columns of four dots in a cell."""

from collections.abc import Sequence
from typing import Final

LEFT: Final = (0x00, 0x40, 0x44, 0x46, 0x47)
RIGHT: Final = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
"""The dots of a cell's left and right column by how many are set from below."""
LEFT_DOTS: Final = (0x40, 0x04, 0x02, 0x01)
RIGHT_DOTS: Final = (0x80, 0x20, 0x10, 0x08)
"""The single dots of a cell's left and right column, from below."""
BLANK: Final = 0x2800
"""Taken from Unicode: the first of its braille patterns."""
DOTS: Final = 4
"""Upon each other in a cell."""

Values = Sequence[float | None]


def braille(values: Values, highest: float) -> str:
    """Values of 0 to `highest` as dots, two a cell; something above nought has a dot at least."""
    (row,) = braille_rows(values, highest, 1)
    return row


def braille_rows(values: Values, highest: float, rows: int, peaks: Values = ()) -> list[str]:
    """The same in so many rows of cells, the uppermost first. `peaks`, where they are given, stand
    as single dots over the values."""
    most = DOTS * rows
    odd = [None] * (len(values) % 2)
    heights = [_height(one, highest, most) for one in (*odd, *values)]
    tips = [_height(one, highest, most) for one in (*odd, *peaks)] if peaks else heights
    cells = range(0, len(heights), 2)
    return [
        "".join(
            chr(
                BLANK
                | LEFT[_within(heights[at], below)]
                | RIGHT[_within(heights[at + 1], below)]
                | _dot(LEFT_DOTS, tips[at], below)
                | _dot(RIGHT_DOTS, tips[at + 1], below)
            )
            for at in cells
        )
        for below in range(most - DOTS, -1, -DOTS)
    ]


def _height(value: float | None, highest: float, most: int) -> int:
    if not value or highest <= 0:
        return 0
    return max(1, min(most, round(most * value / highest)))


def _within(height: int, below: int) -> int:
    """How many dots of a height lie in the cell above so many."""
    return max(0, min(DOTS, height - below))


def _dot(dots: Sequence[int], tip: int, below: int) -> int:
    return dots[tip - below - 1] if below < tip <= below + DOTS else 0
