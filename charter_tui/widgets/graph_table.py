"""The graph's table, or the plain words why there is none yet."""

from charter_tui.present.graph_columns import columns_for
from charter_tui.present.graph_order import AS_IT_RUNS
from charter_tui.present.graph_table import GraphRows, empty_lines
from charter_tui.present.possible import with_ways
from charter_tui.present.spans import Span, line
from charter_tui.widgets.line_table import LineTable


class GraphTable(LineTable):
    """A row a call or a group of calls.

    Rows whose figures did not change are not formatted again.
    """

    PARTS = ("session", "nodes", "draft", "link")

    def __init__(self) -> None:
        super().__init__()
        self._graph_rows = GraphRows()
        self.order = AS_IT_RUNS
        self.chosen: tuple[str, ...] = ()
        """The columns that were asked for; none: what suits the width."""
        self.follows = False
        """Whether the cursor goes where the agent comes to."""
        self._followed: str | None = None

    def toggle(self, key: str) -> bool:
        """Fold or open the group of that key; whether there is such a group."""
        tree = self._graph_rows.tree
        if key not in tree.groups:
            return False
        self.order = self.order.toggled(key, tree)
        self.rebuild()
        return True

    def toggle_all(self) -> None:
        """Open every group, or fold them all where none is folded."""
        self.order = self.order.all_toggled(self._graph_rows.tree)
        self.rebuild()

    def rebuild(self) -> None:
        columns = columns_for(self.inner_width, self.chosen)
        rows = self._graph_rows.rows(self.snapshot, columns, self.order)
        self.set_rows(columns, rows)
        if not rows and self.order.text and self.snapshot.calls:
            none = f"No call has {self.order.text} in its name"
            words = with_ways(self.snapshot, none, (("graph.choose", "/ changes that"),))
            self.set_lines((self.line_at(0), line(Span(f"  {words}", "muted"))))
        elif not rows:
            self.set_lines((self.line_at(0), *empty_lines(self.snapshot, self.inner_width)))
        self._follow()

    def _follow(self) -> None:
        """Go to what runs as that changes; in between the cursor may be moved by hand."""
        running = self._graph_rows.running if self.follows else None
        if running is not None and running != self._followed:
            self.select(running)
        self._followed = running
