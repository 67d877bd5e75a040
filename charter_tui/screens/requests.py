"""The requests screen: a live tail of what passes through the deployment, and why it missed."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from textual import work
from textual.containers import Container, Vertical
from textual.widget import Widget

from charter_engine.contracts.commands import ExplainMiss, ListMisses, ListPassed
from charter_engine.contracts.explaining import MissExplanation, MissQuery, MissReport
from charter_engine.contracts.moments import parse_seconds
from charter_engine.contracts.traffic import PassedRequests, TrafficRecord
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.requests import (
    RequestFilter,
    brief_lines,
    cause_lines,
    causes_by_request,
    no_requests,
    nothing_sent,
    request_columns,
    request_row,
    summary_line,
)
from charter_tui.present.tables import Column, Row
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.form import Field, FormScreen
from charter_tui.screens.request import RequestScreen
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.panels import StripsPanel
from charter_tui.widgets.static_line import StaticLine

TAIL_SECONDS: Final = 1.0
"""Between two looks at what passed; the engine itself looks as often."""
CAUSES_SECONDS: Final = 15.0
"""Working causes out hashes the latest prompts anew; assumed: nobody needs them sooner."""
SHOWN: Final = 500
"""The latest requests that are listed."""
EXPLAINED: Final = 50
"""Of them those whose causes are asked for."""
OF_REQUESTS: Final = frozenset({"choose", "failed", "own_runs", "causes"})
"""Actions that do something once a request passed."""
WORKING: Final = "working it out …"
MOST_BY_ITSELF: Final = 2_000
"""Requests whose causes are worked out without being asked: a millisecond each."""


class RequestsTable(LineTable):
    """Requests, the latest first. The cursor follows the latest while it is on it."""

    PARTS = ("runs", "frozen")

    def __init__(self) -> None:
        super().__init__()
        self.records: tuple[TrafficRecord, ...] = ()
        self.causes: dict[str, str] = {}
        self.explained: dict[str, MissExplanation] = {}
        """The latest requests, told apart."""
        self.lost = 0
        self.refused = ""
        """Why the engine told of no request when it was asked last."""
        self.chosen = RequestFilter()
        self._made: dict[int, tuple[tuple[object, ...], Row]] = {}

    @property
    def shown(self) -> list[TrafficRecord]:
        """The records that are listed, the latest first."""
        return [
            record
            for record in reversed(self.records)
            if self.chosen.takes(
                record, self._cause(record), self.snapshot.named, self.snapshot.session_named
            )
        ]

    def picked(self) -> TrafficRecord | None:
        """The request under the cursor."""
        return next((one for one in self.records if str(one.sequence) == self.key), None)

    def session_of(self, record: TrafficRecord | None) -> tuple[TrafficRecord, ...]:
        """The requests of its session that are known; none of a request without one."""
        session = record.session if record is not None else ""
        return tuple(one for one in self.records if session and one.session == session)

    def rebuild(self) -> None:
        columns = request_columns(self.inner_width)
        follows = self.cursor == 0
        rows = [self._row(record, columns) for record in self.shown]
        empty = no_requests(len(self.records), self.snapshot, self.refused)
        self.set_rows(columns, rows, empty)
        if follows and rows:
            self.cursor = 0

    def _row(self, record: TrafficRecord, columns: tuple[Column, ...]) -> Row:
        """A row is made anew only if what it shows changed."""
        named, session_named = self.snapshot.named, self.snapshot.session_named
        names = (named(record.node), session_named(record.session))
        shows = (record, self._cause(record), columns, names)
        known = self._made.get(record.sequence)
        if known is None or known[0] != shows:
            row = request_row(
                record, self._cause(record), columns, named=named, session_named=session_named
            )
            known = (shows, row)
            self._made[record.sequence] = known
        return known[1]

    def _cause(self, record: TrafficRecord) -> str:
        return self.causes.get(str(record.sequence), "")

    def take(self, passed: PassedRequests) -> None:
        """More requests passed; a tap that counts anew begins the list anew."""
        fresh = passed.records
        restarted = fresh and self.records and fresh[-1].sequence <= self.records[-1].sequence
        before = () if restarted else self.records
        self.records = (*before, *fresh)[-SHOWN:]
        kept = {record.sequence for record in self.records}
        self._made = {number: row for number, row in self._made.items() if number in kept}
        self.lost = passed.lost


class CausesPanel(LineView, can_focus=True):
    """What was computed again, by cause."""

    PARTS = ("session",)
    DEFAULT_CSS = "CausesPanel { overflow-y: auto; }"
    report: MissReport | None = None
    waiting = ""
    """What is said while there is no report."""

    def rebuild(self) -> None:
        self.set_lines(
            cause_lines(self.report, self.inner_width, self.waiting, self.snapshot.named)
        )


class RequestBrief(LineView, can_focus=True):
    """The request under the cursor."""

    PARTS = ("session",)
    DEFAULT_CSS = "RequestBrief { height: 1fr; overflow-y: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self.record: TrafficRecord | None = None
        self.session: tuple[TrafficRecord, ...] = ()
        self.explained: MissExplanation | None = None

    def rebuild(self) -> None:
        if self.record is None:
            self.set_lines(())
            return
        width, shown = max(20, self.inner_width), self.snapshot
        self.set_lines(
            brief_lines(
                self.record, self.explained, self.session, width, shown.named, shown.session_named
            )
        )


class RequestsScreen(ConsoleScreen):
    """Asks for what passed while it is in front, whoever sent it."""

    SCOPE = "requests"
    NAME = "requests"
    BINDINGS = bindings("requests")

    def __init__(self, chosen: RequestFilter | None = None) -> None:
        super().__init__()
        self._explained = -1
        self._chosen = chosen or RequestFilter()

    def body(self) -> Iterable[Widget]:
        yield LineView(id="requests-summary")
        with Container(id="requests-body"):
            with Vertical(id="requests-main"):
                yield RequestsTable().data_bind(ConsoleScreen.snapshot)
                yield CausesPanel(classes="pane").data_bind(ConsoleScreen.snapshot)
            with Vertical(id="requests-side", classes="empty"):
                yield RequestBrief().data_bind(ConsoleScreen.snapshot)
                yield StripsPanel(classes="pane").data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(RequestsTable).chosen = self._chosen
        self.tail()
        self.set_interval(TAIL_SECONDS, self._look)
        self.set_interval(CAUSES_SECONDS, self._look_for_causes)

    def _look(self) -> None:
        if self.is_current and not self.snapshot.replaying and self.snapshot.frozen is None:
            self.tail()

    def _look_for_causes(self) -> None:
        records = self.query_one(RequestsTable).records
        fresh = bool(records) and records[-1].sequence != self._explained
        if self.is_current and fresh and len(records) <= MOST_BY_ITSELF:
            self.find_causes()

    @work(exclusive=True, group="tail", exit_on_error=False)
    async def tail(self) -> None:
        """Ask for what passed since the last time."""
        table = self.query_one(RequestsTable)
        after = table.records[-1].sequence if table.records else None
        try:
            asked = ListPassed(last=SHOWN, after=after, hashes=False)
            passed: PassedRequests = await self.app.ask(asked)
        except EngineRefused as error:
            table.refused = str(error)
            self.show()
            return
        table.refused = ""
        if passed.records or not table.rows:
            first = not table.records
            table.take(passed)
            self.show()
            if first and passed.records:
                self.refresh_bindings()
                self.find_causes()

    @work(exclusive=True, group="causes", exit_on_error=False)
    async def find_causes(self) -> None:
        """Ask what was computed again, and why the latest requests missed."""
        table, panel = self.query_one(RequestsTable), self.query_one(CausesPanel)
        if table.records:
            self._explained = table.records[-1].sequence
        panel.waiting = WORKING
        panel.rebuild()
        try:
            panel.report = await self.app.ask(ListMisses())
            query = MissQuery(last=EXPLAINED, with_text=False)
            found = await self.app.ask(ExplainMiss(query=query))
        except EngineRefused as error:
            panel.waiting = str(error)
            panel.rebuild()
            return
        table.causes = {**table.causes, **causes_by_request(found.explanations)}
        table.explained = {one.request: one for one in found.explanations}
        panel.rebuild()
        self.show()

    def show(self) -> None:
        """Show what is known of what is asked for."""
        table = self.query_one(RequestsTable)
        table.rebuild()
        view = self.query_one("#requests-summary", LineView)
        view.display = bool(table.records)
        self.query_one("#requests-side").set_class(not table.records, "empty")
        known, lost = len(table.records), table.lost
        session_named = self.snapshot.session_named
        view.set_lines((summary_line(table.shown, known, lost, table.chosen, session_named),))
        self._tell_more()

    def on_line_table_highlighted(self) -> None:
        self._tell_more()

    def _tell_more(self) -> None:
        """Show the request under the cursor beside the others."""
        table, brief = self.query_one(RequestsTable), self.query_one(RequestBrief)
        brief.record = table.picked()
        brief.session = table.session_of(brief.record)
        brief.explained = table.explained.get(table.key or "")
        brief.rebuild()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A replay's own `/` goes to a time."""
        if action == "choose" and self.snapshot.seeking is not None:
            return False
        return super().check_action(action, parameters)

    def why_not(self, action: str) -> str:
        if action in OF_REQUESTS and not self.query_one(RequestsTable).records:
            return nothing_sent(self.snapshot).text
        return super().why_not(action)

    def on_line_table_picked(self) -> None:
        table = self.query_one(RequestsTable)
        if (picked := table.picked()) is not None:
            self.app.push_screen(RequestScreen(picked, table.session_of(picked)))

    def action_own_runs(self) -> None:
        """Show or leave out what Charter's own runs sent."""
        table = self.query_one(RequestsTable)
        table.chosen = replace(table.chosen, own=not table.chosen.own)
        self.show()

    def action_failed(self) -> None:
        """Only the requests that failed, or all."""
        table = self.query_one(RequestsTable)
        table.chosen = replace(table.chosen, failed=not table.chosen.failed)
        self.show()

    def action_causes(self) -> None:
        self.find_causes()

    def action_choose(self) -> None:
        """Ask which requests to show."""
        table = self.query_one(RequestsTable)

        async def submit(values: dict[str, str]) -> None:
            slow = values["slow"].strip()
            table.chosen = replace(
                table.chosen,
                text=values["text"].strip(),
                cause=values["cause"].strip(),
                slow_ms=parse_seconds(slow) * 1000 if slow else 0.0,
            )
            self.show()

        chosen = table.chosen
        slow = f"{chosen.slow_ms / 1000:g}s" if chosen.slow_ms else ""
        self.app.push_screen(
            FormScreen(
                "Which requests",
                (
                    Field("text", "node or session", chosen.text, "part of a name"),
                    Field("cause", "cause", chosen.cause, "time stamp, evicted, …"),
                    Field("slow", "slower than", slow, "2s, 500ms", check=_some_time),
                ),
                submit,
                verb="Show",
            )
        )

    def action_close(self) -> None:
        self.dismiss()


def _some_time(text: str) -> object:
    """Raises `Mistyped` for what is no time; nothing typed means any."""
    return parse_seconds(text) if text.strip() else None
