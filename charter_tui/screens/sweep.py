"""The sweep of one setting, from the tuning screen."""

from collections.abc import Iterable

from textual import work
from textual.widget import Widget

from charter_engine.contracts.commands import EditServer, SweepSetting
from charter_engine.contracts.settings import SETTING_OF
from charter_engine.contracts.sweeping import SettingSweep
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.spans import Span, line
from charter_tui.present.sweep import sweep_columns, sweep_notes, sweep_rows
from charter_tui.present.words import EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.static_line import StaticLine


class SweepTable(LineTable):
    """A row a value."""

    sweep: SettingSweep | None = None
    empty = EmptyState("The block manager runs the inputs under each value …")

    def rebuild(self) -> None:
        columns = sweep_columns(self.inner_width)
        rows = sweep_rows(self.sweep, columns) if self.sweep is not None else ()
        self.set_rows(columns, rows, self.empty)

    def why_no_pick(self) -> str:
        return self.console.refusal("write")


class SweepScreen(ConsoleScreen):
    """Asks once, when it is opened; all else stays as the draft has it."""

    SCOPE = "sweep"
    NAME = "sweep"
    BINDINGS = bindings("sweep")

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key

    def body(self) -> Iterable[Widget]:
        about = f"  {SETTING_OF[self._key].about}; predicted over the agent's inputs"
        yield StaticLine(line(Span(self._key, "title"), Span(about, "muted")))
        yield SweepTable().data_bind(ConsoleScreen.snapshot)
        yield StaticLine(sweep_notes(taking=not self.app.refusal("write")))
        yield StaticLine(legend(("predicted", "assumed")))

    def on_mount(self) -> None:
        super().on_mount()
        self.ask()

    @work(exclusive=True, group="sweep", exit_on_error=False)
    async def ask(self) -> None:
        """Ask what each value would do."""
        table = self.query_one(SweepTable)
        try:
            sweep: SettingSweep = await self.app.ask(SweepSetting(key=self._key))
        except EngineRefused as error:
            table.empty = EmptyState(str(error), refused=True)
            table.rebuild()
            return
        table.sweep = sweep
        table.rebuild()
        drafted = next((one.value for one in sweep.values if one.drafted), None)
        if drafted is not None:
            table.select(drafted)

    async def on_line_table_picked(self, event: LineTable.Picked) -> None:
        """Take a value over into the draft."""
        if self.app.refuse("write"):
            return
        edit = EditServer(key=self._key, value=event.key, base_revision=self.snapshot.revision)
        await self.app.order(edit)
        self.dismiss()

    def action_close(self) -> None:
        self.dismiss()
