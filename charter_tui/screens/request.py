"""One request: why it missed, and its session in time."""

from collections.abc import Iterable

from textual import work
from textual.widget import Widget

from charter_engine.contracts.commands import ExplainMiss
from charter_engine.contracts.explaining import MissQuery, MissResult
from charter_engine.contracts.traffic import TrafficRecord
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.miss import miss_lines
from charter_tui.present.requests import timeline_lines
from charter_tui.present.spans import EMPTY
from charter_tui.present.words import ASKING, EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine


class MissView(LineView, can_focus=True):
    """The explanation, and the requests of its session below."""

    PARTS = ("session", "runs")
    DEFAULT_CSS = "MissView { height: 1fr; overflow-y: auto; padding: 0 1; }"

    def __init__(self, record: TrafficRecord, session: tuple[TrafficRecord, ...]) -> None:
        super().__init__()
        self._record = record
        self._session = session
        self.found: MissResult | None = None
        self.empty = ASKING

    def rebuild(self) -> None:
        width = self.inner_width
        explained = (
            miss_lines(self.found, width, self.snapshot.named_in_full)
            if self.found
            else self.empty.lines(width)
        )
        timeline = timeline_lines(
            self._session,
            self._record.sequence,
            named=self.snapshot.named,
            session_named=self.snapshot.session_named,
        )
        self.set_lines((*explained, *((EMPTY, *timeline) if timeline else ())))


class RequestScreen(ConsoleScreen):
    """Asks why once, when it is opened."""

    SCOPE = "request"
    NAME = "request"
    BINDINGS = bindings("request")

    def __init__(self, record: TrafficRecord, session: tuple[TrafficRecord, ...]) -> None:
        super().__init__()
        self.record = record
        self._session = session

    def body(self) -> Iterable[Widget]:
        yield MissView(self.record, self._session).data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_mount(self) -> None:
        super().on_mount()
        self.explain()

    @work(exclusive=True, group="explain", exit_on_error=False)
    async def explain(self) -> None:
        """Ask why it missed."""
        view = self.query_one(MissView)
        query = MissQuery(request=str(self.record.sequence))
        try:
            view.found = await self.app.ask(ExplainMiss(query=query))
        except EngineRefused as error:
            view.empty = EmptyState(str(error), refused=True)
        view.rebuild()

    def action_close(self) -> None:
        self.dismiss()
