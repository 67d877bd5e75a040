"""The work screen: what takes a while, each kind with its form and its result."""

from collections.abc import Iterable
from typing import cast

from textual.containers import Container, Vertical
from textual.widget import Widget

from charter_engine.contracts.commands import CancelWork, DraftFoundPlan
from charter_engine.contracts.gauges import WorkKind
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.locks import refusal
from charter_tui.present.figures import legend
from charter_tui.present.results import result_lines
from charter_tui.present.work import progress_lines, work_columns, work_rows
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.work_forms import work_form
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine


class WorkTable(LineTable):
    """The kinds of work, and how the last of each went."""

    PARTS = ("work", "results")
    DEFAULT_CSS = "WorkTable { height: 7; }"

    def rebuild(self) -> None:
        self.set_rows(work_columns(self.inner_width), work_rows(self.snapshot))

    def why_no_pick(self) -> str:
        return self.console.refusal("run")


class WorkProgress(LineView):
    """The work in progress, or how the last one ended."""

    PARTS = ("work",)
    BORDER_TITLE = "[bold $primary] Progress "

    def rebuild(self) -> None:
        self.set_lines(progress_lines(self.snapshot, self.inner_width))


class WorkResult(LineView, can_focus=True):
    """What the kind of work under the cursor found last."""

    PARTS = ("results", "link", "frozen", "replay")
    DEFAULT_CSS = "WorkResult { height: 1fr; overflow-y: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self._kind: WorkKind = "plan"

    def show(self, kind: WorkKind) -> None:
        """Show another kind's result, from its beginning."""
        if kind != self._kind:
            self._kind = kind
            self.scroll_home(animate=False)
            self.rebuild()

    def rebuild(self) -> None:
        shown, width = self.snapshot, self.inner_width
        acting = not refusal("run", shown)
        self.set_lines(result_lines(shown.results, self._kind, width, acting=acting))


class WorkScreen(ConsoleScreen):
    """One piece of work at a time, whichever console began it."""

    SCOPE = "work"
    NAME = "work"
    BINDINGS = bindings("work")

    def body(self) -> Iterable[Widget]:
        with Container(id="work-body"):
            with Vertical(id="work-side"):
                yield WorkTable().data_bind(ConsoleScreen.snapshot)
                yield WorkProgress(classes="pane").data_bind(ConsoleScreen.snapshot)
            yield WorkResult().data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_line_table_highlighted(self, event: LineTable.Highlighted) -> None:
        self.query_one(WorkResult).show(cast("WorkKind", event.key))

    def on_line_table_picked(self, event: LineTable.Picked) -> None:
        if not self.app.refuse("run"):
            self.app.push_screen(work_form(self.app, cast("WorkKind", event.key)))

    async def action_cancel_work(self) -> None:
        await self.app.order(CancelWork())

    async def action_draft_plan(self) -> None:
        try:
            await self.app.ask(DraftFoundPlan(base_revision=self.snapshot.revision))
        except EngineRefused as error:
            self.app.notify(str(error), severity="error")
        else:
            self.app.notify("The plan is the draft: 2 shows it, and p pushes it from there.")

    def action_close(self) -> None:
        self.dismiss()
