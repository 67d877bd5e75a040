"""The history: every pushed revision, newest first; the one under the cursor is shown beside them,
and each can be opened and made live again."""

from collections.abc import Iterable

from textual import work
from textual.containers import Container
from textual.widget import Widget

from charter_engine.contracts.commands import ListRevisions, RevisionDetail, ShowRevision
from charter_engine.contracts.deploy import Revision
from charter_tui.bindings import bindings
from charter_tui.deploying import make_live
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.history import history_columns, history_rows, no_revisions
from charter_tui.present.words import EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.revision import RevisionScreen, RevisionView
from charter_tui.state import Snapshot
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.static_line import StaticLine


class HistoryTable(LineTable):
    """Revisions, newest first."""

    revisions: tuple[Revision, ...] | None = None
    refused = ""

    @property
    def empty(self) -> EmptyState:
        """What stands where there are none."""
        return no_revisions(self.snapshot, self.revisions, self.refused)

    def rebuild(self) -> None:
        columns = history_columns(self.inner_width)
        self.set_rows(columns, history_rows(self.revisions or (), columns), self.empty)


class HistoryScreen(ConsoleScreen):
    """Reads the list anew whenever the live revision changes, or a run ends."""

    SCOPE = "history"
    NAME = "history"
    BINDINGS = bindings("history")

    def __init__(self) -> None:
        super().__init__()
        self._opened: dict[int, RevisionDetail] = {}
        self._beside = 0
        """The number of the revision that is shown beside the others."""

    def body(self) -> Iterable[Widget]:
        beside = RevisionView().data_bind(ConsoleScreen.snapshot)
        beside.display = False
        with Container(id="history-body"):
            yield HistoryTable().data_bind(ConsoleScreen.snapshot)
            yield beside
        yield StaticLine(legend())

    def on_mount(self) -> None:
        super().on_mount()
        self.fetch()

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        if old.session and (old.revision != new.revision or old.runs is not new.runs):
            self.fetch()

    @work(exclusive=True, group="history", exit_on_error=False)
    async def fetch(self) -> None:
        """Ask for the revisions."""
        table = self.query_one(HistoryTable)
        try:
            table.revisions = await self.app.ask(ListRevisions())
        except EngineRefused as error:
            table.refused = str(error)
            self.app.notify(str(error), severity="error")
        self._opened = {}
        table.rebuild()
        self.query_one(RevisionView).display = table.key is not None
        if table.key is not None:
            self.open(int(table.key))

    def on_line_table_highlighted(self, event: LineTable.Highlighted) -> None:
        if int(event.key) != self._beside:
            self.open(int(event.key))

    def open(self, number: int) -> None:
        """Show a revision beside the others."""
        self._beside = number
        self._show(number)

    @work(exclusive=True, group="revision", exit_on_error=False)
    async def _show(self, number: int) -> None:
        view = self.query_one(RevisionView)
        try:
            if number not in self._opened:
                self._opened[number] = await self.app.ask(ShowRevision(number))
            view.detail = self._opened[number]
        except EngineRefused as error:
            view.detail, view.empty = None, EmptyState(str(error), refused=True)
        view.scroll_home(animate=False)
        view.rebuild()

    def on_line_table_picked(self, event: LineTable.Picked) -> None:
        self.app.push_screen(RevisionScreen(int(event.key)))

    def why_not(self, action: str) -> str:
        if action == "make_live" and self.query_one(HistoryTable).key is None:
            return self.query_one(HistoryTable).empty.text
        return super().why_not(action)

    def action_make_live(self) -> None:
        key = self.query_one(HistoryTable).key
        if key is not None:
            make_live(self.app, int(key))

    def action_close(self) -> None:
        self.dismiss()
