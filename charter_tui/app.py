"""The console's app: its screens, and what the keys that work everywhere do."""

import time
from pathlib import Path
from typing import Any, ClassVar

from textual import events, work
from textual.binding import Binding, BindingType
from textual.theme import ThemeProvider

from charter_engine.contracts.commands import (
    AddNote,
    CancelRun,
    OpenAgent,
    StartRecording,
    StartRun,
    StopRecording,
)
from charter_tui.actions import find
from charter_tui.bindings import bindings
from charter_tui.clipboard import fits, told
from charter_tui.console import full_path
from charter_tui.deploying import undo
from charter_tui.palette import ActionProvider, Palette
from charter_tui.present.confirmation import leaving_confirmation
from charter_tui.present.possible import why_not
from charter_tui.replaying import ReplayKeys
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.cache import CacheScreen
from charter_tui.screens.deploy import DeployScreen
from charter_tui.screens.findings import FindingsScreen
from charter_tui.screens.fleet import FleetScreen
from charter_tui.screens.form import Field, FormScreen, some_path, some_words
from charter_tui.screens.gpu import GpuScreen
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.help import HelpScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.jump import JumpScreen, targets
from charter_tui.screens.leaving import Leaving
from charter_tui.screens.parting import SHOWN_AFTER_SECONDS, PartingScreen
from charter_tui.screens.recordings import RecordingsScreen
from charter_tui.screens.requests import RequestsScreen
from charter_tui.screens.runs import RunsScreen
from charter_tui.screens.series import SeriesScreen
from charter_tui.screens.sessions import SessionsScreen
from charter_tui.screens.told import ToldScreen
from charter_tui.screens.too_small import TooSmallScreen, too_small
from charter_tui.screens.tuning import TuningScreen
from charter_tui.screens.work import WorkScreen
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView

HORIZONTAL: list[tuple[int, str]] | None = [(0, "-narrow"), (110, "-normal"), (140, "-wide")]
VERTICAL: list[tuple[int, str]] | None = [(0, "-short"), (34, "-tall")]
"""Widths and heights from which a screen gets a class to be styled by."""


class CharterApp(ReplayKeys):
    """`charter-tui` on a terminal."""

    TITLE = "Charter"
    CSS_PATH = "charter.tcss"
    MODES: ClassVar[dict[str, Any]] = {"graph": GraphScreen, "tuning": TuningScreen}
    DEFAULT_MODE = "graph"
    COMMANDS: ClassVar[set[Any]] = {ActionProvider}
    HORIZONTAL_BREAKPOINTS = HORIZONTAL
    VERTICAL_BREAKPOINTS = VERTICAL
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("replay", "app"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, id="app.suspend"),
    ]

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        if find("replay", action):
            greyed = why_not(f"replay.{action}", self.snapshot)
            return None if greyed else self.offers(action)
        if self.is_in_front(action):
            return None
        found = find("app", action)
        refused = found and (self.refusal(found.risk) or why_not(found.id, self.snapshot))
        return None if refused else True

    def is_in_front(self, action: str) -> bool:
        """Whether it is the action that shows the screen in front, or the one below a dialog."""
        shown = (one for one in reversed(self.screen_stack) if isinstance(one, ConsoleScreen))
        screen = next(shown, None)
        return screen is not None and action == f"show_{screen.SCOPE}"

    def on_key(self, event: events.Key) -> None:
        """Only keys nothing took arrive here: say why a greyed one does nothing. One that was
        pressed while the console closes finds no screen."""
        if not self.screen_stack:
            return
        pressed = self.screen.active_bindings.get(event.key)
        if pressed is not None and not pressed.enabled and isinstance(self.screen, ConsoleScreen):
            action = pressed.binding.action.partition("(")[0].rpartition(".")[2]
            if action == "pick" and isinstance(self.focused, LineTable):
                self.notify(self.focused.why_no_pick())
            else:
                self._tell_why_greyed(self.screen, action)

    def _tell_why_greyed(self, screen: ConsoleScreen, action: str) -> None:
        own = find(screen.SCOPE, action)
        known = own or find("app", action) or find("replay", action)
        if known is None or self.refuse(known.risk):
            return
        reason = screen.why_not(action) if own else why_not(known.id, self.snapshot)
        if reason:
            self.notify(reason)

    def on_resize(self, event: events.Resize) -> None:
        if isinstance(self.screen, TooSmallScreen):
            self.screen.fit(event.size)
        elif too_small(event.size):
            self.push_screen(TooSmallScreen())

    def action_command_palette(self) -> None:
        """Offer what can be done on a full screen; a dialog over it is answered first."""
        if isinstance(self.screen, ConsoleScreen):
            self.push_screen(Palette())

    def search_themes(self) -> None:
        """Choose a theme by its name."""
        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    def action_show_graph(self) -> None:
        self._show_mode("graph")

    def action_show_tuning(self) -> None:
        self._show_mode("tuning")

    def _show_mode(self, mode: str) -> None:
        """Show a mode; a dialog, which a key may have opened just before, is answered first."""
        if not isinstance(self.screen, ConsoleScreen):
            return
        self._leave_what_is_over()
        if self.current_mode != mode:
            self.switch_mode(mode)

    def _leave_what_is_over(self) -> None:
        """Leave the screens over the mode that is shown."""
        while isinstance(self.screen, ConsoleScreen) and not self.screen.is_mode:
            self.pop_screen()

    def action_show_history(self) -> None:
        self._show_over(HistoryScreen)

    def action_show_findings(self) -> None:
        self._show_over(FindingsScreen)

    def action_show_work(self) -> None:
        self._show_over(WorkScreen)

    def action_show_runs(self) -> None:
        self._show_over(RunsScreen)

    def action_show_requests(self) -> None:
        self._show_over(RequestsScreen)

    def action_show_deploy(self) -> None:
        self._show_over(DeployScreen)

    def _show_over(self, kind: type[ConsoleScreen]) -> None:
        """Show a screen over the mode that is shown, to which escape leads back; a dialog is
        answered first."""
        if isinstance(self.screen, ConsoleScreen) and not isinstance(self.screen, kind):
            self._leave_what_is_over()
            self.push_screen(kind())

    def action_show_cache(self) -> None:
        self._show_over(CacheScreen)

    def action_show_sessions(self) -> None:
        self._show_over(SessionsScreen)

    def action_show_fleet(self) -> None:
        self._show_over(FleetScreen)

    def action_show_recordings(self) -> None:
        self._show_over(RecordingsScreen)

    def action_show_gpu(self) -> None:
        self._show_over(GpuScreen)

    def action_show_series(self) -> None:
        self._show_over(SeriesScreen)

    def action_open_agent(self) -> None:
        async def submit(values: dict[str, str]) -> None:
            await self.ask(
                OpenAgent(path=full_path(values["path"]), inputs=values["inputs"].strip() or None)
            )

        session = self.snapshot.session
        path = Field(
            "path", "file", session.agent or "" if session else "", "agent.py", check=some_path
        )
        self.push_screen(
            FormScreen(
                "Open an agent",
                (path, Field("inputs", "inputs", hint="optional")),
                submit,
                verb="Open",
            )
        )

    async def action_reload_agent(self) -> None:
        session = self.snapshot.session
        if session is not None and session.agent is not None:
            await self.order(OpenAgent(path=session.agent))

    async def action_run_plan(self) -> None:
        await self.order(StartRun())

    async def action_run_baseline(self) -> None:
        await self.order(StartRun(variant="baseline"))

    async def action_cancel_run(self) -> None:
        await self.order(CancelRun())

    async def action_toggle_recording(self) -> None:
        recording = self.snapshot.recording
        if recording and recording.path:
            await self.order(StopRecording())
            return

        async def submit(values: dict[str, str]) -> None:
            await self.ask(StartRecording(path=full_path(values["path"])))

        name = time.strftime("charter-%Y%m%d-%H%M%S.charter")
        self.push_screen(
            FormScreen(
                "Record to", (Field("path", "file", name, check=some_path),), submit, verb="Record"
            )
        )

    def action_add_note(self) -> None:
        async def submit(values: dict[str, str]) -> None:
            await self.ask(AddNote(text=values["text"]))

        words = Field("text", "note", hint="what is worth remembering", check=some_words)
        self.push_screen(FormScreen("Mark this moment", (words,), submit, verb="Mark"))

    def action_undo(self) -> None:
        undo(self)

    def action_next_theme(self) -> None:
        names = self.own_themes
        if names:
            at = names.index(self.theme) + 1 if self.theme in names else 0
            self.theme = names[at % len(names)]

    @work(exclusive=True, group="jump", exit_on_error=False)
    async def action_jump(self) -> None:
        if not isinstance(self.screen, ConsoleScreen):
            return
        target = await self.push_screen_wait(JumpScreen(targets(self.screen.focus_chain)))
        if target is not None:
            target.go()

    def action_maximise(self) -> None:
        if self.screen.maximized is not None:
            self.screen.minimize()
        elif isinstance(self.screen, ConsoleScreen):
            if self.focused is None:
                self.notify("This screen is one pane.")
            else:
                self.screen.maximize(self.focused, container=False)

    def action_copy(self) -> None:
        focused = self.focused
        chosen = self.screen.get_selected_text()
        self.copy(chosen or (focused.text_to_copy() if isinstance(focused, LineView) else ""))

    def on_text_selected(self) -> None:
        """The mouse was released."""
        if chosen := self.screen.get_selected_text():
            self.copy(chosen)

    def copy(self, text: str) -> None:
        """Send `text` to the terminal's clipboard, and say what can be known of that."""
        if not text:
            self.notify("There is nothing to copy here: select with the mouse, or go to a row.")
            return
        if fits(text):
            self.copy_to_clipboard(text)
        self.notify(told(text))

    def action_screenshot(self, filename: str | None = None, path: str | None = None) -> None:
        """Save a picture, and say where it is or why there is none."""
        folder = Path(path or Path.cwd())
        name = filename or time.strftime("charter-%Y%m%d-%H%M%S.svg")
        try:
            saved = Path(self.save_screenshot(name, str(folder))).absolute()
        except OSError as error:
            self.notify(f"No screenshot: {folder / name}: {error.strerror}", severity="error")
        else:
            self.notify(f"The screenshot is in {saved}")

    def action_help_quit(self) -> None:
        """ctrl+c copies in a terminal and ends nothing here: say which key does."""
        self.notify("q leaves the console, c cancels a run.")

    def action_help(self) -> None:
        scope = self.screen.SCOPE if isinstance(self.screen, ConsoleScreen) else "app"
        self.push_screen(
            HelpScreen(scope, dict(self.config.keymap), self.snapshot.seeking is not None)
        )

    def action_show_told(self) -> None:
        self.push_screen(ToldScreen(tuple(self.told)))

    async def action_quit(self) -> None:
        self.action_leave()

    @work(exclusive=True, group="leave", exit_on_error=False)
    async def action_leave(self) -> None:
        """Leave, and wait for an engine that ends with the console; once more, and not wait."""
        if self.is_parting:
            self.parting = "keep"
            self.exit(0)
            return
        question = leaving_confirmation(self.snapshot)
        if question is not None:
            leaving = Leaving(question, self.snapshot.link.others)
            if not await self.push_screen_wait(leaving):
                return
            self.parting = "leave" if leaving.to_others else "stop"
        self.is_parting = True
        self.set_timer(SHOWN_AFTER_SECONDS, lambda: self.push_screen(PartingScreen()))
        try:
            await self.part()
        finally:
            self.exit(0)
