"""The sessions screen: the sessions of what passed, and the requests of each."""

from collections.abc import Iterable
from typing import Final

from textual import work
from textual.widget import Widget

from charter_engine.contracts.commands import ListSessions
from charter_engine.contracts.sessions import SessionTraffic
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.requests import IN_A_RECORDING, RequestFilter, nothing_sent
from charter_tui.present.sessions import (
    session_columns,
    session_row,
    sessions_summary,
)
from charter_tui.present.words import ASKING, EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.requests import RequestsScreen
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine

LOOK_SECONDS: Final = 5.0
"""Between two looks: telling sessions apart costs about a millisecond for each request."""


class SessionsTable(LineTable):
    """Sessions, those that were active last first."""

    NAMES = "name"

    def __init__(self) -> None:
        super().__init__()
        self.sessions: tuple[SessionTraffic, ...] = ()
        self.own = False
        self.empty = ASKING

    @property
    def shown(self) -> list[SessionTraffic]:
        """The sessions that are listed."""
        return [one for one in self.sessions if self.own or one.source != "run"]

    def picked(self) -> SessionTraffic | None:
        """The session under the cursor."""
        return self.shown[self.cursor] if self.key is not None else None

    def rebuild(self) -> None:
        columns = session_columns(self.inner_width)
        shown = self.snapshot
        rows = [
            session_row(one, columns, named=shown.named, session_named=shown.session_named)
            for one in self.shown
        ]
        self.set_rows(columns, rows, IN_A_RECORDING if self.snapshot.replaying else self.empty)


class SessionsScreen(ConsoleScreen):
    """Asks the engine while it is in front. Own runs are left out once others send."""

    SCOPE = "sessions"
    NAME = "sessions"
    BINDINGS = bindings("sessions")

    def __init__(self) -> None:
        super().__init__()
        self._own: bool | None = None

    def body(self) -> Iterable[Widget]:
        yield LineView(id="sessions-summary")
        yield SessionsTable().data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_mount(self) -> None:
        super().on_mount()
        self.keep_looking(LOOK_SECONDS, self.look)

    @work(exclusive=True, group="sessions", exit_on_error=False)
    async def look(self) -> None:
        """Ask for the sessions of what passed."""
        table = self.query_one(SessionsTable)
        try:
            table.sessions = await self.app.ask(ListSessions())
            table.empty = nothing_sent(self.snapshot)
        except EngineRefused as error:
            table.empty = EmptyState(str(error), refused=True)
        self.show()

    def on_resize(self) -> None:
        self.show()

    def show(self) -> None:
        """Show what is known of what is asked for."""
        table = self.query_one(SessionsTable)
        others = any(one.source != "run" for one in table.sessions)
        table.own = not others if self._own is None else self._own
        table.rebuild()
        view = self.query_one("#sessions-summary", LineView)
        known = len(table.sessions)
        view.display = bool(known)
        width = max(20, self.app.size.width - 3)
        view.set_lines((sessions_summary(table.shown, known, width, own=table.own),))
        self.refresh_bindings()

    def why_not(self, action: str) -> str:
        sessions = self.query_one(SessionsTable).sessions
        if action == "own_runs" and not any(one.source == "run" for one in sessions):
            return "None of these sessions is one of Charter's own runs."
        return super().why_not(action)

    def on_line_table_picked(self, _event: LineTable.Picked) -> None:
        """Show the requests of a session."""
        session = self.query_one(SessionsTable).picked()
        if session is not None:
            chosen = RequestFilter(
                session=session.session, sequences=frozenset(session.sequences), own=True
            )
            self.app.push_screen(RequestsScreen(chosen))

    def action_own_runs(self) -> None:
        """Show or leave out the sessions of Charter's own runs."""
        self._own = not self.query_one(SessionsTable).own
        self.show()

    def action_close(self) -> None:
        self.dismiss()
