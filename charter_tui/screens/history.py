"""The history: every pushed revision, newest first, and the way back to each."""

import time
from collections.abc import Iterable
from typing import ClassVar, Final

from textual import work
from textual.binding import Binding, BindingType
from textual.widget import Widget

from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.protocol import ListRevisions
from charter_tui.bindings import bindings
from charter_tui.deploying import roll_back
from charter_tui.link import EngineRefused
from charter_tui.present.diff import COST_TONES
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain
from charter_tui.present.tables import Column, Row, fill
from charter_tui.screens.base import ConsoleScreen
from charter_tui.state import Snapshot
from charter_tui.widgets.line_table import LineTable

COLUMNS: Final = (
    Column("number", "REV", 4),
    Column("at", "PUSHED", 19, "left"),
    Column("state", "STATE", 11, "left"),
    Column("cost", "COST", 14, "left"),
    Column("note", "NOTE", 0, "left"),
)
_STATE_TONES: Final[dict[str, Tone]] = {"live": "good", "failed": "bad", "pending": "warning"}


class HistoryTable(LineTable):
    """Revisions, newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "pick", "Roll back", id="history.roll_back")
    ]

    revisions: tuple[Revision, ...] | None = None

    def rebuild(self) -> None:
        rows = tuple(
            _row(item) for item in sorted(self.revisions or (), key=lambda item: -item.number)
        )
        self.set_rows(fill(COLUMNS, self.inner_width), rows)

    def line_at(self, index: int) -> Line:
        if index == 2 and not self.rows:
            words = (
                "Asking the engine …"
                if self.revisions is None
                else "Nothing was pushed yet: the deployment runs as it was found. "
                "2 tunes, p pushes."
            )
            return line(Span(f"  {words}", "muted"))
        return super().line_at(index)


def _row(item: Revision) -> Row:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.created_at))
    cost = line(Span(item.cost, COST_TONES[item.cost])) if item.cost else EMPTY
    note = item.note or (f"from {item.parent}" if item.parent is not None else "")
    cells = (
        line(Span(str(item.number), "strong")),
        line(Span(at)),
        line(Span(item.state, _STATE_TONES.get(item.state, "muted"))),
        cost,
        line(Span(plain(note), "muted")),
    )
    return Row(str(item.number), cells)


class HistoryScreen(ConsoleScreen):
    """Reads the list anew whenever the live revision changes."""

    SCOPE = "history"
    NAME = "history"
    BINDINGS = bindings("history")

    def body(self) -> Iterable[Widget]:
        yield HistoryTable()

    def on_mount(self) -> None:
        super().on_mount()
        self.fetch()

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        if old.session is not new.session and old.revision != new.revision:
            self.fetch()

    @work(exclusive=True, group="history", exit_on_error=False)
    async def fetch(self) -> None:
        """Ask for the revisions."""
        table = self.query_one(HistoryTable)
        try:
            table.revisions = await self.app.ask(ListRevisions())
        except EngineRefused as error:
            table.revisions = ()
            self.app.notify(str(error), severity="error")
        table.rebuild()
        table.refresh()

    def on_line_table_picked(self, event: LineTable.Picked) -> None:
        if not self.app.refuse("write"):
            roll_back(self.app, int(event.key))

    def action_roll_back(self) -> None:
        self.query_one(HistoryTable).action_pick()

    def action_close(self) -> None:
        self.dismiss()
