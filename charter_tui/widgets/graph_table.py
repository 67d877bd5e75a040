"""The graph's table, or the plain words why there is none yet."""

from charter_tui.present.graph_table import GraphRows, columns_for, empty_lines
from charter_tui.present.spans import EMPTY, Line
from charter_tui.widgets.line_table import LineTable


class GraphTable(LineTable):
    """A row a call. Rows whose figures did not change are not formatted again."""

    PARTS = ("session", "nodes", "draft", "link")

    def __init__(self) -> None:
        super().__init__()
        self._graph_rows = GraphRows()
        self._empty: tuple[Line, ...] = ()

    def rebuild(self) -> None:
        columns = columns_for(self.inner_width)
        rows = self._graph_rows.rows(self.snapshot, columns)
        empty = () if rows else empty_lines(self.snapshot, self.inner_width)
        if empty != self._empty:
            self._empty = empty
            self.refresh()
        self.set_rows(columns, rows)

    def line_at(self, index: int) -> Line:
        if self._empty and index:
            return self._empty[index - 1] if index <= len(self._empty) else EMPTY
        return super().line_at(index)
