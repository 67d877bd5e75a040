"""The part of the app that has no keys.

It holds the link to the engine, the snapshot, and what may be done with it.
"""

import asyncio
import signal
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import COLOR_SYSTEMS, RenderableType
from textual import constants, events, work
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.message import Message
from textual.notifications import Notify, SeverityLevel
from textual.reactive import reactive
from textual.screen import Screen
from textual.theme import Theme

from charter_engine.contracts.commands import Command, StartRecording
from charter_engine.contracts.gauges import Event, Gauge
from charter_engine.paths import state_directory
from charter_engine.service.client import ConnectionLost, EngineFailed
from charter_tui.action import Risk
from charter_tui.alerts import Alert, AlertRules, standing
from charter_tui.config import Config
from charter_tui.configuration import DEFAULT_THEME, is_remote
from charter_tui.crash import write_report
from charter_tui.hangup import CHECK_SECONDS, end_if_hung_up
from charter_tui.hook import start_hook
from charter_tui.link import TELL_SECONDS, Connect, EngineLink, EngineRefused, Parting
from charter_tui.locks import lock_state, refusal
from charter_tui.lookback import Lookback
from charter_tui.neighbours import gone_question, news
from charter_tui.options import Options
from charter_tui.present.confirmation import Confirmation
from charter_tui.present.possible import possible
from charter_tui.present.told import Notice
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.confirm import Confirm
from charter_tui.servers import served
from charter_tui.state import NOTHING_MARKED, FiguresOf, Snapshot
from charter_tui.stylesheet import ThemedStylesheet
from charter_tui.terminal.driver import Terminal
from charter_tui.theme import VARIABLE_DEFAULTS, ThemeFolder

MOST_TOLD: Final = 200
"""Messages that are kept to be read again."""
THEME_SECONDS: Final = 1.0
"""Between two looks at the user's theme files."""


class SnapshotFetched(Message):
    """A newer snapshot.

    One still waiting is replaced, so a slow terminal drops frames and never queues them.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SnapshotFetched)


class Console(App[int]):
    """Follows one engine. Ends with 1 where no engine could be had."""

    snapshot: reactive[Snapshot] = reactive(Snapshot(), repaint=False, init=False)

    def __init__(
        self,
        options: Options,
        connect: Connect,
        themes: dict[str, Theme],
        config: Config | None = None,
    ) -> None:
        super().__init__()
        self.options = options
        self.config = config or Config()
        self.own_themes = tuple(themes)
        self.theme_folder: ThemeFolder | None = None
        self.crash: str = ""
        self.told: deque[Notice] = deque(maxlen=MOST_TOLD)
        self.parting: Parting = "stop"
        self.is_parting = False
        self.ended_by: signal.Signals | None = None
        self._record = None if options.records_from_start else options.record
        self.is_remote = is_remote()
        self._figures_of: FiguresOf = "either"
        self._marked = NOTHING_MARKED
        self._lookback = Lookback()
        self._live = Snapshot()
        self._link = EngineLink(connect, self._publish)
        for theme in themes.values():
            self.register_theme(theme)
        wanted = options.theme or self.config.theme or DEFAULT_THEME
        if wanted in self.available_themes:
            self.theme = wanted
        self.stylesheet = ThemedStylesheet()
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_keymap(self.config.keymap)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def on_mount(self) -> None:
        for warning in self.config.warnings:
            self.notify(warning, severity="warning", timeout=TELL_SECONDS)
        self.app_resume_signal.subscribe(self, self._redraw)
        if self.theme_folder is not None:
            self.set_interval(THEME_SECONDS, self._look_at_themes)
        if not (self.is_headless or self.is_web):
            self.set_interval(CHECK_SECONDS, end_if_hung_up)
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self._told_to_end, number)
        if self.is_remote and self.config.unfocused is not None:
            self.set_interval(self.config.unfocused, self._show_waiting)
        self._follow()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Tell `message` in passing. Brackets in it are brackets, as in `charter-kv[dask]`."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def on_notify(self, event: Notify) -> None:
        """Keep what is told, to be read again."""
        told = event.notification
        self.told.append(Notice(told.raised_at, told.severity, told.message))

    def _look_at_themes(self) -> None:
        """Take over the user's own themes as they are written."""
        changed = self.theme_folder.changed() if self.theme_folder is not None else None
        if changed is None:
            return
        themes, warnings = changed
        for theme in themes.values():
            self.register_theme(theme)
        self.own_themes = tuple(dict.fromkeys((*self.own_themes, *themes)))
        if self.theme in themes:
            self._watch_theme(self.theme)
        for warning in warnings:
            self.notify(warning, severity="warning", timeout=TELL_SECONDS)

    def get_driver_class(self) -> type[Driver]:
        return super().get_driver_class() if constants.DRIVER else Terminal

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Write only the cells that changed, and to a terminal that lags only the newest."""
        driver = self._driver
        if not isinstance(driver, Terminal):
            super()._display(screen, renderable)
        elif isinstance(renderable, LayoutUpdate | ChopsUpdate) and not self._batch_count:
            driver.canvas.fit(self.size)
            driver.canvas.take(renderable, COLOR_SYSTEMS[self.console.color_system or "truecolor"])
            self._draw(driver)

    def _draw(self, driver: Terminal) -> None:
        if driver.lags:
            driver.when_ready(partial(self._draw, driver))
            return
        difference = driver.canvas.difference()
        if difference and self._running and not self._closed:
            cursor = self.screen.outer_size.clamp_offset(self.cursor_position)
            written = difference.render() + f"\x1b[{cursor.y + 1};{cursor.x + 1}H"
            driver.write(f"{SYNC_START}{written}{SYNC_END}" if self._sync_available else written)

    def _redraw(self, _resumed: object) -> None:
        """Draw everything anew: another program had the terminal."""
        if isinstance(self._driver, Terminal):
            self._driver.canvas.forget()
        self.refresh(layout=True)

    async def on_unmount(self) -> None:
        await self._link.close("keep" if self.crash else self.parting)

    async def part(self) -> None:
        """Leave the engine as it was decided, and wait until that is done."""
        await self._link.close(self.parting)
        self.parting = "keep"

    async def leave_engine(self) -> None:
        """Leave an engine that was kept to other consoles, or to the next to come."""
        await self._link.close("leave")

    @property
    def reconnect(self) -> Connect:
        """How another console takes this one's engine over after it failed."""
        return self._link.again

    def _handle_exception(self, error: Exception) -> None:
        """End the view, never the engine. Textual calls this for what no handler caught."""
        if not self.crash:
            try:
                self.crash = f"the report is in {write_report(error, state_directory())}"
            except OSError as refused:
                self.crash = f"no report could be written: {refused}"
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Leave; Textual would print the traceback with its variables, and so with prompts."""
        self._close_messages_no_wait()

    def _told_to_end(self, number: signal.Signals) -> None:
        """Leave in order at a signal, so that the terminal is as it was before. Who is asked to
        end takes its engine along; a lost terminal leaves it to the next console."""
        end_if_hung_up()
        self.ended_by = number
        if number == signal.SIGHUP:
            self.parting = "leave"
        self.exit(return_code=128 + number)

    @work(exclusive=True, group="link", exit_on_error=False)
    async def _follow(self) -> None:
        try:
            await self._link.follow()
        except (ConnectionLost, EngineFailed, OSError) as error:
            self.exit(return_code=self._failure_code, message=f"charter-tui: {error}")

    @property
    def _failure_code(self) -> int:
        """1 where no engine could be had, 2 where all it was given is an unreadable recording."""
        return 1 if self.options.replay is None else 2

    def _publish(self, snapshot: Snapshot) -> None:
        self.post_message(SnapshotFetched(snapshot))

    def on_snapshot_fetched(self, message: SnapshotFetched) -> None:
        """Show it; on a frozen screen only how the console stands with the engine, and of one that
        is left nothing more."""
        if self.is_parting:
            return
        live = replace(
            message.snapshot,
            figures_of=self._figures_of,
            marked=self._marked,
            alerts=self._alerts(message),
            locked=self._why_locked(message.snapshot),
        )
        if live.session is not None and live.replay is None:
            self._lookback.take(live)
        self._live = live
        if self._waits(live):
            return
        if self.snapshot.frozen is None:
            self.snapshot = self._shown(live)
        elif self.snapshot.link is not live.link:
            self.snapshot = replace(self.snapshot, link=live.link)

    @property
    def is_unwatched(self) -> bool:
        """Whether nobody works at this terminal, and every picture goes over SSH."""
        return self.is_remote and not self.app_focus

    def _waits(self, live: Snapshot) -> bool:
        """Whether it is shown later; that the engine is gone or back and alerts never wait."""
        shown = self.snapshot
        is_news = live.link.state != shown.link.state or live.alerts != shown.alerts
        return self.is_unwatched and shown.session is not None and not is_news

    async def on_event(self, event: events.Event) -> None:
        """Who types has the focus, though not every terminal tells that it came back. What is typed
        or clicked while the console closes finds no screen."""
        if isinstance(event, events.InputEvent | events.Paste) and not self.screen_stack:
            return
        if isinstance(event, events.Key | events.MouseDown) and not self.app_focus:
            self.app_focus = True
        await super().on_event(event)

    def watch_app_focus(self) -> None:
        """The terminal got the focus, or lost it."""
        self._show_waiting()

    def _show_waiting(self) -> None:
        if self.snapshot.frozen is None:
            self.snapshot = self._shown(self._live)

    def _shown(self, live: Snapshot) -> Snapshot:
        """The snapshot as it is drawn: one that stands still says so."""
        held = self.is_unwatched and self.config.unfocused is None
        return replace(live, held=True) if held else live

    def _alerts(self, message: SnapshotFetched) -> tuple[Alert, ...]:
        """The alerts that stand now; what begins is told. A recording raises none."""
        shown, before = message.snapshot, self._live.alerts
        if shown.replaying or shown.ticks is self._live.ticks:
            return () if shown.replaying else before
        rules = self.config.alerts
        now = standing(rules.thresholds, shown.ticks, before)
        for alert in now:
            if alert not in before:
                self._tell(alert, rules)
        return now

    def _tell(self, alert: Alert, rules: AlertRules) -> None:
        words = alert.threshold.words
        self.notify(f"{words}: press 9 for more", severity="warning", timeout=TELL_SECONDS)
        if rules.bell:
            self.bell()
        if rules.command:
            self._start_hook(rules.command, words)

    @work(group="hook", exit_on_error=False)
    async def _start_hook(self, command: str, words: str) -> None:
        if wrong := await start_hook(command, words):
            told = f"The command of the alert, {command}: {wrong}"
            self.notify(told, severity="error", timeout=TELL_SECONDS)

    def look_back(self, at: float | None = None) -> None:
        """Hold the screen still as it is, or as it was at that epoch second."""
        known = self.snapshot.frozen
        shown = self._lookback.frozen(at, known.end if known is not None else None)
        self.snapshot = replace(
            shown,
            link=self._live.link,
            locked=self._live.locked,
            figures_of=self._figures_of,
            marked=self._marked,
        )

    def mark(self, at: float) -> None:
        """Mark an end of the stretch that is to be exported."""
        self._marked = self._marked.with_mark(at)
        self._live = replace(self._live, marked=self._marked)
        self.snapshot = replace(self.snapshot, marked=self._marked)

    def watched(self, begin: float, end: float) -> Iterator[Gauge | Event]:
        """What this console was told from one epoch second to another, oldest first."""
        return self._lookback.told(begin, end)

    def go_on(self) -> None:
        """Show again what is live."""
        self.snapshot = self._live

    def show_figures_of(self, whose: FiguresOf) -> None:
        """Show the calls with the figures of traffic, or of the last run."""
        self._figures_of = whose
        self._live = replace(self._live, figures_of=whose)
        self.snapshot = replace(self.snapshot, figures_of=whose)

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        if not self.screen_stack:  # a last snapshot may arrive while the app ends
            return
        if never_came_up(new):
            self.exit(
                return_code=self._failure_code,
                message=f"charter-tui: {new.link.detail}\n{self._link.last_words()}",
            )
            return
        if isinstance(self.screen, ConsoleScreen):
            self.screen.snapshot = new
        if self._keys_change(old, new):
            self.refresh_bindings()
        if told := news(old, new):
            self.notify(told, timeout=TELL_SECONDS)
        if self.options.attach is None and (question := gone_question(old, new)):
            self._offer_own(question)
        if self._record is not None and new.link.state == "connected":
            path, self._record = full_path(self._record), None
            self.run_worker(
                self.order(StartRecording(path=path)), group="record", exit_on_error=False
            )

    def _keys_change(self, old: Snapshot, new: Snapshot) -> bool:
        """Whether other keys do something than before."""
        scope = self.screen.SCOPE if isinstance(self.screen, ConsoleScreen) else "app"
        return lock_state(old) != lock_state(new) or possible(scope, old) != possible(scope, new)

    @work(exclusive=True, group="own", exit_on_error=False)
    async def _offer_own(self, question: Confirmation) -> None:
        if await self.push_screen_wait(Confirm(question)) and self.snapshot.link.state == "lost":
            try:
                await self._link.start_own()
            except EngineFailed as error:
                self.notify(str(error), severity="error", timeout=TELL_SECONDS)

    async def ask(self, command: Command) -> Any:
        """The engine's answer. Raises `EngineRefused`."""
        return await self._link.ask(command)

    async def order(self, command: Command) -> Any:
        """The engine's answer; where it was refused, None, and the operator is told why."""
        try:
            return await self._link.ask(command)
        except EngineRefused as error:
            self.notify(str(error), severity="error", timeout=TELL_SECONDS)
            return None

    def refusal(self, risk: Risk) -> str:
        """Why an action of that risk can't be done now; empty where it can."""
        return refusal(risk, self.snapshot)

    def _why_locked(self, snapshot: Snapshot) -> str:
        """Why this console changes nothing; empty where it may."""
        if self.options.read_only:
            return "This console is read-only."
        place = "" if self.options.write else served(snapshot, self.config.read_only)
        return f"{place} is read-only by the configuration; --write changes it." if place else ""

    def refuse(self, risk: Risk) -> bool:
        """Whether an action of that risk is refused; if so, the operator is told why."""
        if reason := self.refusal(risk):
            self.notify(reason, severity="warning")
        return bool(reason)


def never_came_up(snapshot: Snapshot) -> bool:
    """Whether an engine of our own ended twice before it said anything.

    Then it would do so a third time.
    """
    link = snapshot.link
    return link.owned and link.state == "lost" and link.attempt > 1 and snapshot.session is None


def full_path(text: str) -> str:
    """A typed path as the engine, which has its own working directory, needs it."""
    return str(Path(text.strip()).expanduser().absolute())
