"""The graph screen: the agent's calls as they run, and the machine below.

Beside each call stands what it took from the cache.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from textual import events
from textual.containers import Container, Vertical
from textual.widget import Widget

from charter_tui.bindings import bindings
from charter_tui.editing import edit
from charter_tui.present.graph_columns import CHOOSABLE, named_columns
from charter_tui.present.graph_order import GraphOrder
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.fleet import FleetSum
from charter_tui.screens.form import Field, FormScreen
from charter_tui.screens.node import NodeScreen
from charter_tui.screens.retention import retention_form
from charter_tui.state import Snapshot
from charter_tui.widgets.call_preview import CallPreview
from charter_tui.widgets.event_log import EventLog
from charter_tui.widgets.graph_table import GraphTable
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.panels import (
    Failures,
    GraphLegend,
    Headline,
    MemoryPanel,
    RunPanel,
    StripsPanel,
    TritonPanel,
)

SIDE_BY_SIDE: Final = 140
"""Width in cells from which the gauges stand beside the table; the breakpoint `-wide`."""
FEW_CALLS: Final = 6
"""Calls that find room beside everything else however low the terminal is."""
BELOW_TABLE: Final = 30
"""Lines that everything else takes where the call under the cursor is shown below the table."""

LEAST_FOR_SERVER: Final = 22
"""Lines from which there is room for more than the title of the gauges below the table."""


LEAST_BELOW: Final = 4
"""Lines that the log and the legend keep at the least."""


class BetweenBars(Vertical):
    """All between the bars at the top and those at the bottom. However many lines these take, the
    log and the legend keep theirs, but on a terminal that is hardly high enough for the calls."""

    DEFAULT_CSS = "BetweenBars { height: 1fr; }"

    def on_resize(self, event: events.Resize) -> None:
        body, terminal = self.query_one("#graph-body"), self.app.size
        if terminal.width >= SIDE_BY_SIDE:
            body.styles.clear_rule("max_height")
        else:
            below = LEAST_BELOW if terminal.height >= LEAST_FOR_SERVER else 0
            body.styles.max_height = max(1, event.size.height - below)


class GraphScreen(ConsoleScreen):
    """Where the console opens."""

    SCOPE = "graph"
    NAME = "graph"
    is_mode = True
    BINDINGS = bindings("graph")

    def body(self) -> Iterable[Widget]:
        with BetweenBars():
            with Container(id="graph-body"):
                with Vertical(id="graph-main"):
                    yield Headline().data_bind(ConsoleScreen.snapshot)
                    yield FleetSum().data_bind(ConsoleScreen.snapshot)
                    yield GraphTable().data_bind(ConsoleScreen.snapshot)
                    yield Failures().data_bind(ConsoleScreen.snapshot)
                    yield CallPreview().data_bind(ConsoleScreen.snapshot)
                with Vertical(id="graph-side") as side:
                    side.border_title = "[bold $primary] Server "
                    yield RunPanel(classes="pane").data_bind(ConsoleScreen.snapshot)
                    yield StripsPanel(classes="pane").data_bind(ConsoleScreen.snapshot)
                    yield TritonPanel(classes="pane").data_bind(ConsoleScreen.snapshot)
                    yield MemoryPanel(classes="pane").data_bind(ConsoleScreen.snapshot)
            yield EventLog().data_bind(ConsoleScreen.snapshot)
            yield GraphLegend()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(GraphTable).chosen = self.app.config.columns

    def on_resize(self) -> None:
        self._make_room()

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        if old.session is not new.session:
            self._make_room()

    def _make_room(self) -> None:
        """Make room for a long table.

        Where panels lie below each other it is worth more than the call under its cursor, or than
        the memory of the machine, and where they stand beside it more than the log.
        """
        size = self.app.size
        room = size.height // 4 if size.width >= SIDE_BY_SIDE else size.height - BELOW_TABLE
        self.set_class(len(self.snapshot.calls) > max(FEW_CALLS, room), "crowded")
        self.set_class(size.height < LEAST_FOR_SERVER, "cramped")

    def on_line_table_picked(self, event: LineTable.Picked) -> None:
        if not self.query_one(GraphTable).toggle(event.key):
            self.app.push_screen(NodeScreen(event.key))

    def on_line_table_highlighted(self, event: LineTable.Highlighted) -> None:
        self.query_one(CallPreview).show(event.key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A replay's own `/` goes to a time."""
        if action == "choose" and self.snapshot.seeking is not None:
            return False
        return super().check_action(action, parameters)

    def action_choose(self) -> None:
        """Ask which calls to show."""
        order = self.query_one(GraphTable).order

        async def submit(values: dict[str, str]) -> None:
            self._order(replace(order, text=values["text"].strip()))

        field = Field("text", "name", order.text, "part of it; empty shows all")
        self.app.push_screen(FormScreen("Which calls", (field,), submit, verb="Show"))

    def action_sort(self) -> None:
        """Sort by what comes next; behind the last they stand as they run again."""
        self._order(self.query_one(GraphTable).order.next_sort())

    def action_fold(self) -> None:
        self.query_one(GraphTable).toggle_all()

    def action_toggle_traffic(self) -> None:
        self.app.show_figures_of("run" if self.snapshot.shows_traffic else "traffic")

    def action_columns(self) -> None:
        """Ask which columns to show."""
        table = self.query_one(GraphTable)

        async def submit(values: dict[str, str]) -> None:
            table.chosen = named_columns(values["columns"])
            table.rebuild()

        field = Field(
            "columns", "columns", " ".join(table.chosen), "empty: by width", named_columns
        )
        note = f"Any of: {', '.join(CHOOSABLE)}. Those that fit are shown."
        self.app.push_screen(FormScreen("Which columns", (field,), submit, note=note, verb="Show"))

    def action_follow(self) -> None:
        """Let the cursor go where the agent comes to, or leave it where it is."""
        table = self.query_one(GraphTable)
        table.follows = not table.follows
        table.rebuild()
        self._tell_choice()

    def _tell_choice(self) -> None:
        table, legend = self.query_one(GraphTable), self.query_one(GraphLegend)
        following = "following what runs" if table.follows else ""
        legend.chosen = ", ".join(filter(None, (table.order.in_words(), following)))
        legend.rebuild()

    def _order(self, order: GraphOrder) -> None:
        table = self.query_one(GraphTable)
        table.order = order
        table.rebuild()
        self._tell_choice()

    def action_edit_source(self) -> None:
        call = self.snapshot.call(self.query_one(GraphTable).key or "")
        if call is not None:
            edit(self.app, call)

    def action_edit_retention(self) -> None:
        node = self.query_one(GraphTable).key
        if node is not None and self.snapshot.call(node) is not None:
            self.app.push_screen(retention_form(self.app, node))
