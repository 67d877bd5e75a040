"""The console's app: one snapshot in, commands out. Screens render, the link talks, flows decide."""

import time
from pathlib import Path
from typing import Any, ClassVar

from textual import events, work
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.message import Message
from textual.reactive import reactive
from textual.theme import Theme

from charter_engine.contracts.protocol import CancelRun, Command, OpenAgent, StartRecording, StartRun, StopRecording
from charter_engine.service.client import ConnectionLost, EngineFailed
from charter_tui.actions import Risk, bindings, find
from charter_tui.config import Config
from charter_tui.deploying import roll_back
from charter_tui.link import CommandFailed, Connect, EngineLink
from charter_tui.options import Options
from charter_tui.palette import ActionProvider
from charter_tui.locks import lock_state, refusal
from charter_tui.present.confirmation import leaving_confirmation
from charter_tui.replaying import ReplayKeys
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.confirm import Confirm
from charter_tui.screens.form import Field, Form, some_path
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.help import HelpScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.node import NodeScreen
from charter_tui.screens.too_small import TooSmallScreen, too_small
from charter_tui.screens.tuning import TuningScreen
from charter_tui.startup import Startup
from charter_tui.state import Snapshot
from charter_tui.theme import DEFAULT_THEME, VARIABLE_DEFAULTS


class SnapshotFetched(Message):
    """A newer snapshot; one still waiting is replaced, so a slow terminal drops frames and never queues them."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SnapshotFetched)


class CharterApp(ReplayKeys, App[int]):
    """`charter-tui` on a terminal. Ends with 0, or 1 where no engine could be had."""

    TITLE = "Charter"
    CSS_PATH = "charter.tcss"
    MODES: ClassVar[dict[str, Any]] = {"graph": GraphScreen, "tuning": TuningScreen}
    DEFAULT_MODE = "graph"
    COMMANDS = App.COMMANDS | {ActionProvider}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-normal"), (150, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]
    BINDINGS = bindings("app", "replay")

    snapshot: reactive[Snapshot] = reactive(Snapshot(), repaint=False, init=False)

    def __init__(
        self, options: Options, connect: Connect, themes: dict[str, Theme], config: Config | None = None
    ) -> None:
        super().__init__()
        self.options = options
        self.config = config or Config()
        self.locked_by_flag = "read-only" if options.read_only else ""
        self.startup = Startup(options)
        self.link = EngineLink(connect, lambda snapshot: self.post_message(SnapshotFetched(snapshot)) and None)
        self._own_themes = tuple(themes)
        self._told_clash = False
        for theme in themes.values():
            self.register_theme(theme)
        wanted = options.theme or self.config.theme or DEFAULT_THEME
        if wanted in self.available_themes:
            self.theme = wanted
        self.set_keymap(self.config.keymap)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def on_mount(self) -> None:
        for warning in self.config.warnings:
            self.notify(warning, severity="warning", timeout=15)
        self._follow()

    @work(exclusive=True, group="link", exit_on_error=False)
    async def _follow(self) -> None:
        try:
            await self.link.follow()
        except (ConnectionLost, EngineFailed, OSError) as error:
            self.exit(1, return_code=1, message=f"charter-tui: {error}")

    async def on_unmount(self) -> None:
        await self.link.close()

    def on_snapshot_fetched(self, message: SnapshotFetched) -> None:
        self.snapshot = message.snapshot

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        if isinstance(self.screen, ConsoleScreen):
            self.screen.snapshot = new
        if lock_state(old) != lock_state(new):
            self.refresh_bindings()
        for command in self.startup.due(new):
            self.run_worker(self.order(command), group="startup", exit_on_error=False)

    async def ask(self, command: Command) -> Any:
        """The engine's answer. Raises `CommandFailed`."""
        return await self.link.ask(command)

    async def order(self, command: Command) -> Any:
        """The engine's answer; where it was refused, None, and the operator is told why."""
        try:
            return await self.link.ask(command)
        except CommandFailed as error:
            self.notify(str(error), severity="error", timeout=10)
            return None

    def refusal(self, risk: Risk) -> str:
        """Why an action of that risk can't be done now; empty where it can."""
        return refusal(risk, self.snapshot, self.options.read_only)

    def refuse(self, risk: Risk) -> bool:
        """Whether an action of that risk is refused; if so, the operator is told why."""
        if reason := self.refusal(risk):
            self.notify(reason, severity="warning")
        return bool(reason)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if find("replay", action):
            return self.snapshot.replay is not None
        found = find("app", action)
        return None if found and self.refusal(found.risk) else True

    def on_key(self, event: events.Key) -> None:
        """Only keys nothing took arrive here: say why a greyed one does nothing."""
        pressed = self.screen.active_bindings.get(event.key)
        if pressed is not None and not pressed.enabled and isinstance(self.screen, ConsoleScreen):
            action = pressed.binding.action.partition("(")[0].rpartition(".")[2]
            if known := find(self.screen.SCOPE, action) or find("app", action):
                self.refuse(known.risk)

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        if not self._told_clash:
            self._told_clash = True
            keys = ", ".join(sorted(f"{item.id} ({item.key})" for item in clashed_bindings))
            self.notify(f"The keymap gives one key to several actions: {keys}", severity="warning", timeout=15)

    def on_resize(self, event: events.Resize) -> None:
        shown = self.screen
        if isinstance(shown, TooSmallScreen):
            if too_small(event.size):
                shown.tell(event.size)
            else:
                shown.dismiss()
        elif too_small(event.size):
            self.push_screen(TooSmallScreen())

    def action_show_graph(self) -> None:
        self._show_mode("graph")

    def action_show_tuning(self) -> None:
        self._show_mode("tuning")

    def _show_mode(self, mode: str) -> None:
        while isinstance(self.screen, HistoryScreen | NodeScreen):
            self.pop_screen()
        if self.current_mode != mode:
            self.switch_mode(mode)

    def action_show_history(self) -> None:
        if not isinstance(self.screen, HistoryScreen):
            self.push_screen(HistoryScreen())

    def action_open_agent(self) -> None:
        async def submit(values: dict[str, str]) -> None:
            path = str(Path(values["path"].strip()).expanduser().absolute())
            await self.ask(OpenAgent(path=path, inputs=values["inputs"].strip() or None))

        session = self.snapshot.session
        path = Field("path", "file", session.agent or "" if session else "", "agent.py", check=some_path)
        self.push_screen(Form("Open an agent", (path, Field("inputs", "inputs", hint="optional")), submit, verb="Open"))

    async def action_run_plan(self) -> None:
        await self.order(StartRun())

    async def action_run_baseline(self) -> None:
        await self.order(StartRun(variant="baseline"))

    async def action_cancel_run(self) -> None:
        await self.order(CancelRun())

    async def action_toggle_recording(self) -> None:
        recording = self.snapshot.recording
        if recording and recording.path and not recording.error:
            await self.order(StopRecording())
            return

        async def submit(values: dict[str, str]) -> None:
            await self.ask(StartRecording(path=str(Path(values["path"].strip()).expanduser().absolute())))

        name = time.strftime("charter-%Y%m%d-%H%M%S.charter")
        self.push_screen(Form("Record to", (Field("path", "file", name, check=some_path),), submit, verb="Record"))

    def action_undo(self) -> None:
        roll_back(self)

    def action_next_theme(self) -> None:
        names = self._own_themes
        if names:
            at = names.index(self.theme) + 1 if self.theme in names else 0
            self.theme = names[at % len(names)]

    def action_help(self) -> None:
        scope = self.screen.SCOPE if isinstance(self.screen, ConsoleScreen) else "app"
        self.push_screen(HelpScreen(scope, dict(self.config.keymap), self.snapshot.replay is not None))

    async def action_quit(self) -> None:
        self.action_leave()

    @work(exclusive=True, group="leave", exit_on_error=False)
    async def action_leave(self) -> None:
        if question := leaving_confirmation(self.snapshot):
            if not await self.push_screen_wait(Confirm(question)):
                return
        self.exit(0)
