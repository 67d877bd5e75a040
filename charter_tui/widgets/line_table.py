"""A table for live data: fixed columns, a cursor, and repainting only of rows that changed."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from charter_tui.bindings import bindings
from charter_tui.present.spans import EMPTY, Line, Span, crop, line, text_of
from charter_tui.present.tables import Column, Row, row_line, snug
from charter_tui.present.words import EmptyState
from charter_tui.widgets.line_view import LineView

INDENT: Final = 2
"""Of the words that stand where no row does."""
INVERTED: Final = Style(color="default", bgcolor="default", reverse=True, bold=True)
NOTHING_TO_SAY: Final = EmptyState("")


class LineTable(LineView, can_focus=True, inherit_bindings=False):
    """Rows under a heading that stays in place. The cursor skips rows that can't be picked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-table--cursor", "line-table--heading"}
    DEFAULT_CSS = """
    LineTable {
        height: 1fr; overflow-y: auto; scrollbar-size-horizontal: 0;
    }
    LineTable > .line-table--cursor { background: $surface-lighten-2; text-style: bold; }
    LineTable:focus > .line-table--cursor { background: $block-cursor-background 40%; }
    LineTable > .line-table--heading { text-style: bold; }
    """
    BINDINGS = bindings("table")
    NAMES: ClassVar[str] = ""
    """The key of a column that is no wider than what stands in it, of a table of few rows."""

    cursor: reactive[int] = reactive(0, repaint=False)

    class Highlighted(Message):
        """The cursor came to another row."""

        def __init__(self, table: "LineTable", key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> "LineTable":
            return self.table

    class Picked(Highlighted):
        """Enter, or a click on the row under the cursor."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._columns: tuple[Column, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._lines_made: dict[int, tuple[Row, Line]] = {}

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows shown."""
        return self._rows

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        return row.key if row and row.pickable else None

    def why_no_pick(self) -> str:
        """Why the row under the cursor can't be opened; empty where it can."""
        return ""

    def set_rows(
        self, columns: Sequence[Column], rows: Sequence[Row], empty: EmptyState = NOTHING_TO_SAY
    ) -> None:
        """Show `rows`; the cursor stays on the row of the same key. `empty` stands where there are
        none."""
        key = self.key
        if self.NAMES:
            columns = snug(columns, self.NAMES, [row for row in rows if row.pickable])
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._lines_made = {}
            self.refresh()
        before, self._rows = self._rows, tuple(rows)
        self._lines = (
            row_line(self._columns, [line(Span(each.heading, "muted")) for each in self._columns]),
        )
        if len(before) == len(self._rows):
            self.repaint(self._changed_since(before))
        else:
            self._lines_made = {}
            self._resize()
        self._restore(key)
        if not rows and empty.text:
            told = (line(Span(" " * INDENT), *each) for each in empty.lines(self._room_for_words))
            self.set_lines((self.line_at(0), EMPTY, *told))
        if (key is None) != (self.key is None):
            self.screen.refresh_bindings()

    @property
    def _room_for_words(self) -> int:
        return self.inner_width - 2 * INDENT

    def _changed_since(self, before: Sequence[Row]) -> Iterator[int]:
        """Lines in view that are not as they were; the rest is made when it comes into view."""
        first = self.scroll_offset.y
        for index in range(first, min(first + self.size.height, len(before))):
            if before[index] is not self._rows[index] and before[index] != self._rows[index]:
                yield index + 1

    def line_at(self, index: int) -> Line:
        if not 0 < index <= len(self._rows):
            return super().line_at(index)
        row = self._rows[index - 1]
        known, made = self._lines_made.get(index, (None, EMPTY))
        if known is not row:
            made = row_line(self._columns, row.cells) if row.pickable else row.cells[0]
            self._lines_made[index] = (row, made)
        return made

    def select(self, key: str) -> None:
        """Put the cursor on the row of that key."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self.cursor = index

    def _restore(self, key: str | None) -> None:
        keys = [row.key if row.pickable else None for row in self._rows]
        if key in keys and key is not None:
            self.cursor = keys.index(key)
            return
        at = self.cursor
        if self.key is None:
            at = next((index for index, found in enumerate(keys) if found is not None), 0)
        if at == self.cursor:
            self._announce()
        self.cursor = at

    def _resize(self) -> None:
        self._take_room(Size(0, max(len(self._lines), 1 + len(self._rows))))

    def watch_cursor(self, old: int, new: int) -> None:
        self.refresh_line(old + 1)
        self.refresh_line(new + 1)
        if self._rows:
            self._keep_in_view()
            self._announce()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        if self.cursor < len(self._rows):
            self._keep_in_view()

    def _keep_in_view(self) -> None:
        """Scroll to the row under the cursor, with its heading where it is the first below one."""
        at = self.cursor
        top = max(0, at - 1) if at and not self._rows[at - 1].pickable else at
        self.scroll_to_region(
            Region(0, top, 1, at - top + 2), animate=False, force=True, immediate=True
        )

    def _announce(self) -> None:
        if self.key is not None:
            self.post_message(self.Highlighted(self, self.key))

    def render_line(self, y: int) -> Strip:
        width = self.inner_width
        if y == 0:
            heading = self.get_component_rich_style("line-table--heading")
            return self.selectable(self.strip(crop(self.line_at(0), width), width, heading), 0)
        index = y + self.scroll_offset.y
        shown = crop(self.line_at(index), width)
        if index != self.cursor + 1 or self.key is None:
            return self.selectable(self.strip(shown, width, self.base), index)
        cursor = self.get_component_rich_style("line-table--cursor")
        strip = self.strip(shown, width, cursor)
        if self.app.console.color_system == "standard":
            # Of sixteen colours none is a ground on which all others can be read.
            strip = Strip([Segment(strip.text, INVERTED)], strip.cell_length)
        return self.selectable(strip, index)

    def text_to_copy(self) -> str:
        """The row under the cursor."""
        return text_of(self.line_at(self.cursor + 1)).strip()

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Home and End belong to the replay while there is one, or to the last hour; and without
        a row there is nothing to open."""
        if action == "pick":
            return self.key is not None and (None if self.why_no_pick() else True)
        return not (action in ("first", "last") and self.snapshot.seeking is not None)

    def action_cursor_up(self) -> None:
        self._move(-1)

    def action_cursor_down(self) -> None:
        self._move(1)

    def action_page_up(self) -> None:
        self._move(-max(1, self.size.height - 2))

    def action_page_down(self) -> None:
        self._move(max(1, self.size.height - 2))

    def action_first(self) -> None:
        self._move(-len(self._rows))

    def action_last(self) -> None:
        self._move(len(self._rows))

    def action_pick(self) -> None:
        if self.key is not None:
            self.post_message(self.Picked(self, self.key))

    def _move(self, by: int) -> None:
        pickable = [index for index, row in enumerate(self._rows) if row.pickable]
        if not pickable:
            return
        here = min(range(len(pickable)), key=lambda i: abs(pickable[i] - self.cursor))
        self.cursor = pickable[max(0, min(len(pickable) - 1, here + by))]

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y - 1
        if event.y == 0 or not 0 <= index < len(self._rows) or not self._rows[index].pickable:
            return
        if index == self.cursor and event.chain > 1:
            self.action_pick()
        self.cursor = index
