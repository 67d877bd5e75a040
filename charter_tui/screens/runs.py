"""The runs screen: every run of the agent, two of them side by side, and the requests of one."""

from collections.abc import Iterable

from textual import work
from textual.containers import Container, Vertical
from textual.widget import Widget

from charter_engine.contracts.commands import CompareRuns, ShowRun, StartRun
from charter_engine.contracts.runs import RunComparison, RunDetail
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.runs import (
    NOT_IN_A_RECORDING,
    comparison_of_runs,
    no_runs,
    request_lines,
    run_columns,
    run_rows,
)
from charter_tui.present.words import EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine


class RunsTable(LineTable):
    """The runs, the latest first. One may be marked, to compare others with it."""

    PARTS = ("runs",)
    chosen: int | None = None

    def rebuild(self) -> None:
        columns = run_columns(self.inner_width)
        rows = run_rows(self.snapshot, self.chosen, columns)
        self.set_rows(columns, rows, no_runs(self.snapshot))


class RunComparisonView(LineView, can_focus=True):
    """The marked run and the one under the cursor, side by side."""

    def __init__(self) -> None:
        super().__init__(classes="pane")
        self._found: RunComparison | None = None
        self._empty = EmptyState("")

    def show(self, found: RunComparison | None, empty: EmptyState) -> None:
        """Show a comparison, or why there is none."""
        self._found, self._empty = found, empty
        self.rebuild()

    def rebuild(self) -> None:
        width = self.inner_width
        self.set_lines(
            comparison_of_runs(self._found, width) if self._found else self._empty.lines(width)
        )


class RunRequests(LineView, can_focus=True):
    """What failed in the run under the cursor, and its slowest requests."""

    PARTS = ("session",)
    DEFAULT_CSS = "RunRequests { height: 1fr; overflow-y: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self._detail: RunDetail | None = None

    def show(self, detail: RunDetail | None) -> None:
        """Show another run's requests, from the first."""
        self._detail = detail
        self.scroll_home(animate=False)
        self.rebuild()

    def rebuild(self) -> None:
        self.set_lines(
            request_lines(self._detail, self.inner_width, named=self.snapshot.named)
            if self._detail
            else ()
        )


class RunsScreen(ConsoleScreen):
    """Without a marked run, the one under the cursor is compared with the one before it."""

    SCOPE = "runs"
    NAME = "runs"
    BINDINGS = bindings("runs")

    def body(self) -> Iterable[Widget]:
        with Container(id="runs-body"):
            yield RunsTable().data_bind(ConsoleScreen.snapshot)
            with Vertical(id="runs-side"):
                yield RunComparisonView()
                yield RunRequests().data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_line_table_highlighted(self, event: LineTable.Highlighted) -> None:
        self.look(int(event.key))

    def on_line_table_picked(self, _event: LineTable.Picked) -> None:
        self.query_one(RunRequests).focus()

    @work(exclusive=True, group="look", exit_on_error=False)
    async def look(self, number: int) -> None:
        """Ask for the run of that number, and for what makes it differ."""
        if self.snapshot.replaying:
            self.query_one(RunComparisonView).show(None, NOT_IN_A_RECORDING)
            return
        try:
            self.query_one(RunRequests).show(await self.app.ask(ShowRun(number)))
            self.query_one(RunComparisonView).show(*await self._compared(number))
        except EngineRefused as error:
            self.query_one(RunRequests).show(None)
            self.query_one(RunComparisonView).show(None, EmptyState(str(error), refused=True))

    async def _compared(self, number: int) -> tuple[RunComparison | None, EmptyState]:
        other = self.query_one(RunsTable).chosen or self._before(number)
        if other is None:
            return None, EmptyState("There is no earlier run to compare it with.")
        if other == number:
            words = f"Run {number} is A: go to another run to see how it differs."
            return None, EmptyState(words)
        found: RunComparison = await self.app.ask(CompareRuns(other, number))
        return found, EmptyState("")

    def _before(self, number: int) -> int | None:
        runs = self.snapshot.runs.runs if self.snapshot.runs else ()
        return next((run.number for run in runs if run.number < number), None)

    def action_mark(self) -> None:
        """Make the run under the cursor A; a second time, none is."""
        table = self.query_one(RunsTable)
        if table.key is not None:
            number = int(table.key)
            table.chosen = None if table.chosen == number else number
            table.rebuild()
            self.look(number)

    async def action_repeat(self) -> None:
        """Make the run under the cursor again, under its own plan."""
        key = self.query_one(RunsTable).key
        if key is not None:
            await self.app.order(StartRun(repeat=int(key)))

    def action_close(self) -> None:
        self.dismiss()
