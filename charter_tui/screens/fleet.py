"""The fleet screen: several servers side by side, where they differ, and what each is."""

from collections.abc import Iterable

from textual import work
from textual.widget import Widget

from charter_engine.contracts.commands import ShowServer
from charter_engine.contracts.server import ServerReport
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.fleet import (
    difference_lines,
    fleet_columns,
    fleet_line,
    fleet_rows,
    server_report_lines,
)
from charter_tui.present.words import EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine

ONE_SERVER = EmptyState("This engine has one server; charter-engine serve --servers takes several.")


class ServersTable(LineTable):
    """A row a server."""

    PARTS = ("fleet",)
    DEFAULT_CSS = "ServersTable { height: auto; max-height: 60%; }"

    def rebuild(self) -> None:
        now = self.snapshot.fleet.now if self.snapshot.fleet else None
        columns = fleet_columns(self.inner_width, now)
        self.set_rows(columns, fleet_rows(self.snapshot, columns), ONE_SERVER)


class FleetSum(LineView):
    """All servers together; takes no room where there is one."""

    PARTS = ("fleet",)
    DEFAULT_CSS = "FleetSum { height: 1; padding-left: 1; }"

    def rebuild(self) -> None:
        # What takes no room has no width to draw in: it is drawn as soon as it has.
        self.display = self.snapshot.fleet is not None
        self.set_lines((fleet_line(self.snapshot, self.inner_width, key=False),))


class Differences(LineView, can_focus=True):
    """Where servers differ, what to do, and how old the figures are of those that do not answer."""

    PARTS = ("fleet", "ticks")
    DEFAULT_CSS = "Differences { height: 1fr; overflow-y: auto; padding: 1 1; }"

    def rebuild(self) -> None:
        self.set_lines(difference_lines(self.snapshot, self.inner_width))


class FleetScreen(ConsoleScreen):
    """One row a server; enter opens what it is."""

    SCOPE = "fleet"
    NAME = "fleet"
    BINDINGS = bindings("fleet")

    def body(self) -> Iterable[Widget]:
        yield FleetSum().data_bind(ConsoleScreen.snapshot)
        yield ServersTable().data_bind(ConsoleScreen.snapshot)
        yield Differences().data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_line_table_picked(self, event: LineTable.Picked) -> None:
        self.app.push_screen(ServerScreen(event.key))

    def action_close(self) -> None:
        self.dismiss()


class ServerView(LineView, can_focus=True):
    """What a server is and can do."""

    DEFAULT_CSS = "ServerView { height: 1fr; overflow-y: auto; padding: 0 1; }"
    report: ServerReport | None = None
    empty = EmptyState("Asking the server …")

    def rebuild(self) -> None:
        self.set_lines(
            server_report_lines(self.report, self.inner_width)
            if self.report
            else self.empty.lines(self.inner_width)
        )


class ServerScreen(ConsoleScreen):
    """Asks one server what it is."""

    SCOPE = "server"
    NAME = "server"
    BINDINGS = bindings("server")

    def __init__(self, server: str = "") -> None:
        super().__init__()
        self._server = server

    def body(self) -> Iterable[Widget]:
        yield ServerView().data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_mount(self) -> None:
        super().on_mount()
        self.fetch()

    @work(exclusive=True, group="server", exit_on_error=False)
    async def fetch(self) -> None:
        """Ask the server."""
        view = self.query_one(ServerView)
        try:
            view.report = await self.app.ask(ShowServer(self._server))
        except EngineRefused as error:
            view.empty = EmptyState(str(error), refused=True)
        view.rebuild()

    def action_close(self) -> None:
        self.dismiss()
