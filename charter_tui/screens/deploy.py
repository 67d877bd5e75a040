"""The deploy screen: everything that is known of the deployment, and everything that changes it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, cast

from textual import work
from textual.containers import Container, Vertical
from textual.widget import Widget

from charter_engine.contracts.commands import (
    Command,
    Diagnose,
    EndWatch,
    ListRevisions,
    PreviewLayouts,
    ResetBreaker,
    ShowTrial,
    StopCanary,
)
from charter_engine.contracts.deploy import Change
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_tui import deploying
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.deployment import (
    Answers,
    SubjectKey,
    subject_columns,
    subject_lines,
    subject_rows,
)
from charter_tui.present.figures import legend
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.state import Snapshot, is_for_traffic
from charter_tui.widgets.event_log import EventLog
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine

TRIAL_SECONDS: Final = 5.0
"""Between two looks at a trial; the engine itself judges it every ten seconds."""
PARTS: Final = (
    *("session", "draft", "triton", "canary", "deploying", "watch", "results", "alerts"),
    *("run", "link", "frozen", "locked"),
)


class SubjectTable(LineTable):
    """A line for everything about the deployment."""

    PARTS = PARTS
    answers = Answers()

    def rebuild(self) -> None:
        columns = subject_columns(self.inner_width)
        self.set_rows(columns, subject_rows(self.snapshot, self.answers))


class SubjectView(LineView, can_focus=True):
    """What the cursor is on, in full."""

    PARTS = PARTS
    DEFAULT_CSS = "SubjectView { height: 1fr; overflow-y: auto; }"
    answers = Answers()
    subject: SubjectKey = "revisions"

    def show(self, subject: SubjectKey) -> None:
        """Show another subject, from its beginning."""
        if subject != self.subject:
            self.subject = subject
            self.scroll_home(animate=False)
            self.rebuild()

    def rebuild(self) -> None:
        width = self.inner_width
        self.set_lines(subject_lines(self.subject, self.snapshot, self.answers, width))


class DeployScreen(ConsoleScreen):
    """Asks for what the engine does not tell by itself: when it opens, and when that changed."""

    SCOPE = "deploy"
    NAME = "deploy"
    BINDINGS = bindings("deploy")

    def __init__(self) -> None:
        super().__init__()
        self.answers = Answers()

    def body(self) -> Iterable[Widget]:
        with Container(id="deploy-body"):
            with Vertical(id="deploy-side"):
                yield SubjectTable().data_bind(ConsoleScreen.snapshot)
                yield EventLog().data_bind(ConsoleScreen.snapshot)
            yield SubjectView(classes="pane").data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_mount(self) -> None:
        super().on_mount()
        self.ask_for_revisions()
        self.ask_for_preview()
        self.ask_for_trial()
        self.ask_for_advice()
        self.set_interval(TRIAL_SECONDS, self._look_at_trial)

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        if old.session is None:
            return
        if old.revision != new.revision or old.watch is not new.watch:
            self.ask_for_revisions()
            self.ask_for_trial()
        if old.draft_plan is not new.draft_plan:
            self.ask_for_preview()
        if (old.revision, _drift(old)) != (new.revision, _drift(new)):
            self.ask_for_advice()

    def _look_at_trial(self) -> None:
        if self.is_current:
            self.ask_for_trial()

    @work(exclusive=True, group="revisions", exit_on_error=False)
    async def ask_for_revisions(self) -> None:
        """What is on record."""
        self._take(revisions=await self._asked(ListRevisions()))

    @work(exclusive=True, group="preview", exit_on_error=False)
    async def ask_for_preview(self) -> None:
        """What the draft's layouts would do to traffic, where they are for that."""
        wanted = self.snapshot.has_changes and is_for_traffic(self.snapshot.draft_plan)
        preview: LayoutPreview | None = None
        if wanted:
            with suppress(EngineRefused):
                preview = await self.app.ask(PreviewLayouts())
        self._take(preview=preview)

    @work(exclusive=True, group="trial", exit_on_error=False)
    async def ask_for_trial(self) -> None:
        """How the arms of the live trial stand."""
        if not is_for_traffic(self.snapshot.plan) or self.snapshot.replaying:
            self._take(trial=None, trouble="")
            return
        try:
            self._take(trial=await self.app.ask(ShowTrial()), trouble="")
        except EngineRefused as error:
            self._take(trial=None, trouble=str(error))

    @work(exclusive=True, group="advice", exit_on_error=False)
    async def ask_for_advice(self) -> None:
        """What is wrong; of a recording nobody can tell."""
        self._take(advice=None)
        self._take(advice=await self._asked(Diagnose()))

    async def _asked(self, command: Command) -> Any:
        """The engine's answer; None where it gives none, as in a replay."""
        self._take(refused="")
        try:
            return await self.app.ask(command)
        except EngineRefused as error:
            self._take(refused=str(error))
            return None

    def _take(self, **answers: Any) -> None:
        self.answers = replace(self.answers, **answers)
        for view in (self.query_one(SubjectTable), self.query_one(SubjectView)):
            view.answers = self.answers
            view.rebuild()

    def on_line_table_highlighted(self, event: LineTable.Highlighted) -> None:
        self.query_one(SubjectView).show(cast("SubjectKey", event.key))

    async def on_line_table_picked(self, event: LineTable.Picked) -> None:
        if event.key == "revisions":
            await self.app.push_screen(HistoryScreen())
        elif event.key == "push":
            await self.app.run_action("app.show_tuning")
        else:
            self.query_one(SubjectView).focus()

    def select(self, subject: SubjectKey) -> None:
        """Put the cursor on a subject."""
        self.query_one(SubjectTable).select(subject)

    def action_push(self) -> None:
        self.select("push")
        deploying.push_with(self.app)

    def action_try_layouts(self) -> None:
        self.select("trial")
        deploying.try_layouts(self.app)

    def action_promote(self) -> None:
        self.select("trial")
        deploying.set_share(self.app, 1.0)

    def action_stop_trial(self) -> None:
        self.select("trial")
        deploying.set_share(self.app, 0.0)

    async def action_keep(self) -> None:
        self.select("watch")
        await self.app.order(EndWatch())

    def action_put_back(self) -> None:
        self.select("drift")
        deploying.put_back(self.app)

    def action_adopt(self) -> None:
        self.select("drift")
        deploying.adopt(self.app)

    async def action_reset_breaker(self) -> None:
        self.select("server")
        await self.app.order(ResetBreaker())

    async def action_toggle_canary(self) -> None:
        self.select("canary")
        canary = self.snapshot.canary
        if canary is not None and canary.report.state != "off":
            await self.app.order(StopCanary())
        else:
            deploying.start_canary(self.app)

    def action_look_again(self) -> None:
        self.select("advice")
        self.ask_for_advice()

    def action_uninstall(self) -> None:
        self.select("revisions")
        deploying.uninstall(self.app)

    def action_close(self) -> None:
        self.dismiss()


def _drift(snapshot: Snapshot) -> tuple[Change, ...]:
    return snapshot.session.drift if snapshot.session else ()
