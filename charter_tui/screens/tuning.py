"""The tuning screen: the draft beside what is live, what it is predicted to do, and the push."""

from collections.abc import Awaitable, Iterable

from textual.containers import Container, Vertical
from textual.widget import Widget

from charter_engine.contracts.commands import (
    CancelRun,
    CancelWork,
    CheckSetting,
    DiscardDraft,
    EditNode,
    EditServer,
    LoadPlan,
    ProposePlan,
    RedoEdit,
    SavePlan,
    UndoEdit,
)
from charter_engine.contracts.settings import SETTING_OF
from charter_tui.bindings import bindings
from charter_tui.console import full_path
from charter_tui.deploying import push
from charter_tui.link import TELL_SECONDS, EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.levers import greyed_words
from charter_tui.present.tuning import live_setting, setting_value, tuning_columns, tuning_rows
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.form import Field, FormScreen, some_path
from charter_tui.screens.retention import retention_form
from charter_tui.screens.sweep import SweepScreen
from charter_tui.screens.work_forms import proposal_form
from charter_tui.stepping import NoStep, stepped, stepped_priority
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.panels import Comparison, DiffPanel, StripsPanel
from charter_tui.widgets.static_line import StaticLine


class TuningTable(LineTable):
    """Settings and retention, live and draft."""

    PARTS = ("session", "draft")
    NAMES = "setting"

    def __init__(self) -> None:
        super().__init__()
        self.changed_only = False

    def rebuild(self) -> None:
        columns = tuning_columns(self.inner_width)
        rows = tuning_rows(self.snapshot, len(columns), changed_only=self.changed_only)
        self.set_rows(columns, rows)

    def why_no_pick(self) -> str:
        return self.console.refusal("write")


class TuningScreen(ConsoleScreen):
    """Edits the draft; nothing is live before a push."""

    SCOPE = "tuning"
    NAME = "tuning"
    is_mode = True
    BINDINGS = bindings("tuning")

    def body(self) -> Iterable[Widget]:
        with Container(id="tuning-body"):
            with Vertical(id="tuning-main"):
                yield TuningTable().data_bind(ConsoleScreen.snapshot)
                yield StripsPanel(classes="pane").data_bind(ConsoleScreen.snapshot)
            with Vertical(id="tuning-side"):
                yield Comparison(classes="pane").data_bind(ConsoleScreen.snapshot)
                yield DiffPanel(classes="pane").data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def on_line_table_picked(self, _event: LineTable.Picked) -> None:
        if not self.app.refuse("write"):
            self.action_edit()

    def action_edit(self) -> None:
        kind, _, name = (self.query_one(TuningTable).key or "").partition(":")
        if kind == "server":
            if not self._refused(name):
                self.app.push_screen(self._setting_form(name))
        elif kind in ("retention", "layout"):
            self.app.push_screen(retention_form(self.app, name))

    def _refused(self, ability: str) -> bool:
        """Whether it cannot be changed from here; then says why."""
        reason = greyed_words(self.snapshot, ability)
        if reason:
            self.app.notify(reason, severity="warning", timeout=TELL_SECONDS)
        return bool(reason)

    def _setting_form(self, key: str) -> FormScreen:
        revision = self.snapshot.revision

        async def submit(values: dict[str, str]) -> None:
            await self.app.ask(EditServer(key=key, value=values["value"], base_revision=revision))

        async def check(text: str) -> None:
            await self.app.ask(CheckSetting(key=key, value=text))

        value = setting_value(self.snapshot.draft_plan, key)
        live = live_setting(self.snapshot, key).text
        told = f"Takes {SETTING_OF[key].hint}. Live: {live}."
        return FormScreen(
            key,
            (Field("value", "value", value, ask=check),),
            submit,
            note=f"{told} Changes the draft; nothing is live before a push.",
            verb="Change draft",
        )

    async def action_step(self, by: int) -> None:
        """Change what is under the cursor by a step."""
        kind, _, name = (self.query_one(TuningTable).key or "").partition(":")
        revision = self.snapshot.revision
        try:
            if kind == "server" and not self._refused(name):
                value = stepped(self.snapshot, name, by)
                await self.app.order(EditServer(key=name, value=value, base_revision=revision))
            elif kind == "retention" and not self._refused("retention"):
                chosen, priority = stepped_priority(self.snapshot, name, by)
                await self.app.order(
                    EditNode(node=name, base_revision=revision, range=chosen, priority=priority)
                )
        except NoStep as error:
            self.app.notify(str(error))

    def action_toggle_unchanged(self) -> None:
        table = self.query_one(TuningTable)
        table.changed_only = not table.changed_only
        table.rebuild()

    def action_sweep(self) -> None:
        kind, _, name = (self.query_one(TuningTable).key or "").partition(":")
        if kind == "server":
            self.app.push_screen(SweepScreen(name))
        else:
            self.app.notify("A server setting can be swept: go to one of those above.")

    async def action_undo_edit(self) -> None:
        await self.app.order(UndoEdit())

    async def action_redo_edit(self) -> None:
        await self.app.order(RedoEdit())

    def action_propose(self) -> None:
        """Let Charter propose a plan, which takes seconds for a large agent."""
        self.follow(self.app.ask(ProposePlan(base_revision=self.snapshot.revision)))

    def action_propose_with(self) -> None:
        self.app.push_screen(proposal_form(self.app, self.follow))

    def follow(self, proposal: Awaitable[object]) -> None:
        """Wait for a proposal behind. The keys stay live, and the panel says how far it is."""
        self.run_worker(
            self._follow(proposal), group="propose", exclusive=True, exit_on_error=False
        )

    async def _follow(self, proposal: Awaitable[object]) -> None:
        panel = self.query_one(DiffPanel)
        panel.await_plan(True)
        try:
            await proposal
        except EngineRefused as error:
            self.app.notify(str(error), severity="error", timeout=TELL_SECONDS)
        finally:
            panel.await_plan(False)

    async def action_cancel_work(self) -> None:
        """Give up a plan that is being worked out; where there is none, the run in progress."""
        is_working = self.snapshot.work is not None and self.snapshot.work.state == "running"
        await self.app.order(CancelWork() if is_working else CancelRun())

    def action_load_plan(self) -> None:
        revision = self.snapshot.revision

        async def submit(values: dict[str, str]) -> None:
            await self.app.ask(LoadPlan(path=values["path"].strip(), base_revision=revision))

        self.app.push_screen(
            FormScreen(
                "Load a plan",
                (Field("path", "file", hint="plan.yaml", check=some_path),),
                submit,
                verb="Load",
            )
        )

    def action_save_plan(self) -> None:
        async def submit(values: dict[str, str]) -> None:
            path = full_path(values["path"])
            await self.app.ask(SavePlan(path=path))
            self.app.notify(f"The plan is in {path}")

        self.app.push_screen(
            FormScreen(
                "Save the plan",
                (Field("path", "file", "plan.yaml", check=some_path),),
                submit,
                note="The draft, or the live plan where there is none.",
                verb="Save",
            )
        )

    async def action_discard(self) -> None:
        await self.app.order(DiscardDraft())

    def action_push(self) -> None:
        push(self.app)
