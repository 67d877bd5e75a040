"""What a table shows: columns and rows of cells, as plain data."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len

from charter_tui.present.spans import Align, Line, Span, fit, line_width

GAP: Final = 2
"""Cells between the columns of a table that is as wide as its figures."""


class Column(NamedTuple):
    """A column: its heading and width in cells (0: takes what the others leave)."""

    key: str
    heading: str
    width: int
    align: Align = "right"


Cells = tuple[Line, ...]


class Row:
    """A row. One that can't be picked is a heading: its first cell runs over the whole width.

    Cells that are given as a function are made when somebody looks at them: of a long table few
    rows are on screen.
    """

    __slots__ = ("_cells", "key", "pickable")

    def __init__(self, key: str, cells: Cells | Callable[[], Cells], pickable: bool = True) -> None:
        self.key = key
        self.pickable = pickable
        self._cells = cells

    @property
    def cells(self) -> Cells:
        """A line a column."""
        if not isinstance(self._cells, tuple):
            self._cells = self._cells()
        return self._cells

    def with_columns(self, number: int) -> "Row":
        """The row with the first so many of its cells."""
        return Row(self.key, self.cells[:number], self.pickable)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Row)
            and (self.key, self.pickable) == (other.key, other.pickable)
            and self.cells == other.cells
        )

    def __hash__(self) -> int:
        return hash(self.key)


def fill(
    columns: tuple[Column, ...], width: int, minimum: int = 14, gap: int = 1
) -> tuple[Column, ...]:
    """The columns with what is left of `width` given to the one of width 0."""
    fixed = sum(column.width + gap for column in columns if column.width)
    return tuple(
        column if column.width else column._replace(width=max(minimum, width - fixed))
        for column in columns
    )


def fill_with_room(columns: tuple[Column, ...], width: int, minimum: int) -> tuple[Column, ...]:
    """As `fill`, and what finds no room is left out from the right."""
    kept = list(columns)
    while (filled := fill(tuple(kept), width, minimum)) and _width(filled) > width:
        last = next((one for one in reversed(kept[1:]) if one.width), None)
        if last is None:
            break
        kept.remove(last)
    return filled


def snug(columns: Sequence[Column], key: str, rows: Sequence[Row]) -> tuple[Column, ...]:
    """The columns with that one no wider than its cells need: what it leaves is the last column's,
    if that is text, or stays empty behind them."""
    at = next((index for index, one in enumerate(columns) if one.key == key), None)
    if at is None or not rows:
        return tuple(columns)
    longest = max(line_width(row.cells[at]) for row in rows)
    spare = max(0, columns[at].width - max(longest, cell_len(columns[at].heading)) - GAP)
    fitted = list(columns)
    fitted[at] = fitted[at]._replace(width=fitted[at].width - spare)
    if fitted[-1].align == "left":
        fitted[-1] = fitted[-1]._replace(width=fitted[-1].width + spare)
    return tuple(fitted)


def _width(columns: Sequence[Column]) -> int:
    """How many cells a row of these columns takes."""
    return sum(column.width for column in columns) + len(columns) - 1


def row_line(columns: Sequence[Column], cells: Sequence[Line]) -> Line:
    """A cell a column, each fitted to its width, with a space between them."""
    spans: list[Span] = []
    for column, cell in zip(columns, cells, strict=True):
        if spans:
            spans.append(Span(" "))
        spans.extend(fit(cell, column.width, column.align))
    return tuple(spans)


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[Span]], width: int
) -> tuple[Line, ...]:
    """A heading and rows, every column as wide as what stands in it.

    What does not fit in `width` is left out from the right, whole columns at a time.
    """
    widths = [
        max(cell_len(column.heading), *(cell_len(row[index].text) for row in rows), 0)
        for index, column in enumerate(columns)
    ]
    shown = len(columns)
    while shown > 1 and sum(widths[:shown]) + GAP * (shown - 1) > width:
        shown -= 1
    heading = [Span(column.heading, "muted") for column in columns]
    return tuple(
        tuple(
            part
            for index in range(shown)
            for part in (
                *((Span(" " * GAP),) if index else ()),
                *fit((cells[index],), widths[index], columns[index].align),
            )
        )
        for cells in (heading, *rows)
    )
