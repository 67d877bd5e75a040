"""The findings screen.

It lists what the prompt lint found, and where the agent's calls could share blocks.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from textual import work
from textual.containers import Container
from textual.widget import Widget

from charter_engine.contracts.commands import Lint
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.findings import detail_lines, finding_columns, finding_rows
from charter_tui.present.possible import acts, no_agent
from charter_tui.present.spans import Line
from charter_tui.present.words import ASKING, EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.node import NodeScreen
from charter_tui.state import Snapshot
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from charter_engine.contracts.graph import Opportunity
    from charter_engine.contracts.lint import Finding


NOTHING_FOUND: Final = EmptyState("Nothing found: no prompt wastes its cache.")


class FindingsTable(LineTable):
    """Findings, then opportunities. `findings` is None until the engine answered."""

    PARTS = ("session",)
    findings: "tuple[Finding, ...] | None" = None
    empty = ASKING

    @property
    def opportunities(self) -> "tuple[Opportunity, ...]":
        """The opportunities of the compiled agent."""
        session = self.snapshot.session
        return session.compiled.opportunities if session and session.compiled else ()

    def rebuild(self) -> None:
        columns = finding_columns(self.inner_width)
        rows = (
            ()
            if self.findings is None
            else finding_rows(self.findings, self.opportunities, len(columns), self.snapshot.named)
        )
        self.set_rows(columns, rows, self.empty)

    @property
    def node(self) -> str:
        """The call that the row under the cursor is about, or the first of several."""
        kind, _, number = (self.key or "").partition(":")
        if kind == "lint" and self.findings and int(number) < len(self.findings):
            return self.findings[int(number)].node
        if kind == "opportunity" and int(number) < len(self.opportunities):
            return self.opportunities[int(number)].nodes[0]
        return ""

    def why_no_pick(self) -> str:
        known = self.snapshot.call(self.node) is not None
        return "" if known else "This is about no single call, so there is none to open."

    def detail(self, width: int) -> tuple[Line, ...]:
        """All about the row under the cursor."""
        return detail_lines(
            self.key,
            self.findings or (),
            self.opportunities,
            width,
            can_propose=acts("tuning.propose", self.snapshot),
        )


class FindingDetail(LineView, can_focus=True):
    """All about the row under the cursor."""

    DEFAULT_CSS = "FindingDetail { overflow-y: auto; }"

    def rebuild(self) -> None:
        self.set_lines(self.screen.query_one(FindingsTable).detail(max(20, self.inner_width)))


class FindingsScreen(ConsoleScreen):
    """Asks anew when another agent was compiled."""

    SCOPE = "findings"
    NAME = "findings"
    BINDINGS = bindings("findings")

    def body(self) -> Iterable[Widget]:
        with Container(id="findings-body"):
            yield FindingsTable().data_bind(ConsoleScreen.snapshot)
            yield FindingDetail()

    def on_mount(self) -> None:
        super().on_mount()
        self.fetch()

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        if old.session is not None and old.calls is not new.calls and old.calls != new.calls:
            self.fetch()

    @work(exclusive=True, group="findings", exit_on_error=False)
    async def fetch(self) -> None:
        """Ask for the lint's findings."""
        table = self.query_one(FindingsTable)
        try:
            table.findings = await self.app.ask(Lint())
            is_open = self.snapshot.session is not None and bool(self.snapshot.session.agent)
            table.empty = NOTHING_FOUND if is_open else no_agent(self.snapshot)
        except EngineRefused as error:
            table.findings, table.empty = (), EmptyState(str(error), refused=True)
            self.app.notify(str(error), severity="error")
        table.rebuild()
        self.query_one(FindingDetail).rebuild()

    def on_line_table_highlighted(self) -> None:
        detail = self.query_one(FindingDetail)
        detail.scroll_home(animate=False)
        detail.rebuild()
        self.refresh_bindings()

    def on_line_table_picked(self) -> None:
        """Open the call that is meant, or the first of several."""
        self.app.push_screen(NodeScreen(self.query_one(FindingsTable).node))

    def action_close(self) -> None:
        self.dismiss()
