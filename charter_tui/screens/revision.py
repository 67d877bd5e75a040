"""One revision: what it changed, why, and what runs cost before and after it."""

from collections.abc import Iterable

from textual import work
from textual.widget import Widget

from charter_engine.contracts.commands import RevisionDetail, ShowRevision
from charter_tui.bindings import bindings
from charter_tui.deploying import make_live
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.history import revision_lines
from charter_tui.present.words import ASKING, EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.state import Snapshot
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine


class RevisionView(LineView, can_focus=True):
    """All about the revision."""

    PARTS = ("session", "link", "frozen", "locked")
    DEFAULT_CSS = "RevisionView { height: 1fr; overflow-y: auto; padding: 0 1; }"
    detail: RevisionDetail | None = None
    empty = ASKING

    def rebuild(self) -> None:
        self.set_lines(
            revision_lines(self.detail, self.snapshot, self.inner_width)
            if self.detail
            else self.empty.lines(self.inner_width)
        )


class RevisionScreen(ConsoleScreen):
    """Asks anew when another revision goes live, or a run ends."""

    SCOPE = "revision"
    NAME = "revision"
    BINDINGS = bindings("revision")

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def body(self) -> Iterable[Widget]:
        yield RevisionView().data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_mount(self) -> None:
        super().on_mount()
        self.fetch()

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        if old.session and (old.revision != new.revision or old.runs is not new.runs):
            self.fetch()

    @work(exclusive=True, group="revision", exit_on_error=False)
    async def fetch(self) -> None:
        """Ask for the revision."""
        view = self.query_one(RevisionView)
        try:
            view.detail = await self.app.ask(ShowRevision(self.number))
        except EngineRefused as error:
            view.detail, view.empty = None, EmptyState(str(error), refused=True)
        view.rebuild()

    def action_make_live(self) -> None:
        make_live(self.app, self.number)

    def action_close(self) -> None:
        self.dismiss()
