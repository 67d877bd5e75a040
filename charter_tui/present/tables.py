"""What a table shows: columns and rows of cells, as plain data."""

from typing import NamedTuple

from charter_tui.present.spans import Align, Line


class Column(NamedTuple):
    """A column: its heading and width in cells (0: takes what the others leave)."""

    key: str
    heading: str
    width: int
    align: Align = "right"


class Row(NamedTuple):
    """A row. One that can't be picked is a heading: its first cell runs over the whole width."""

    key: str
    cells: tuple[Line, ...]
    pickable: bool = True


def fill(
    columns: tuple[Column, ...], width: int, minimum: int = 14, gap: int = 1
) -> tuple[Column, ...]:
    """The columns with what is left of `width` given to the one of width 0."""
    fixed = sum(column.width + gap for column in columns if column.width)
    return tuple(
        column if column.width else column._replace(width=max(minimum, width - fixed))
        for column in columns
    )
