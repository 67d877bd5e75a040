"""A console on a scripted engine, with its clock, time zone and cursor held still."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input

from charter_engine.contracts.gauges import Payload
from charter_tui.console import Console
from charter_tui.opening import make_app
from charter_tui.options import Options
from tests.tui.scene import GAUGES
from tests.tui.scripted import ScriptedEngine

WAIT_SECONDS = 30.0
WORD = 5


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No user configuration, UTC, no blinking."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("NO_COLOR", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Input, "cursor_blink", False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def busy(app: Console) -> bool:
    """Whether a part of the app has a message to handle, or its look to bring up to date."""
    screen = app.screen
    waiting = any(part.message_queue_size or part._next_callbacks for part in (app, *app._registry))
    stale = any(
        widget._layout_required or widget._repaint_required or widget._recompose_required
        for widget in screen.walk_children(Widget)
    )
    return waiting or stale or bool(screen._dirty_widgets) or screen._layout_required


class Stage:
    """A running console, the engine behind it, and the pilot's keys."""

    def __init__(self, app: Console, engine: ScriptedEngine, pilot: Pilot[Any]) -> None:
        self.app = app
        self.engine = engine
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is left to be handled, laid out or painted.

        Textual's own pause takes a process for done that was given no time, as on a busy machine.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        await self.pilot.pause()
        while busy(self.app) and time.monotonic() < deadline:
            await self.pilot.pause(0.01)

    async def type(self, text: str) -> None:
        """As keys; what is longer than a word comes into a field as a terminal sends it, in one
        paste."""
        if len(text) > WORD and isinstance(field := self.app.focused, Input):
            field.post_message(Paste(text))
            await self.settle()
            return
        await self.press(
            *(
                character if character.isalnum() else NAMED.get(character, character)
                for character in text
            )
        )

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until it holds; messages take their time through two processes' worth of queues."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it did not come about in time"
            await self.pilot.pause(0.01)
        await self.settle()

    def told(self) -> str:
        """What was told in notifications so far."""
        return " ".join(note.message for note in self.app._notifications)

    def shows(self, words: str) -> bool:
        """Whether these words are on screen."""
        return words in self.text()

    def text(self) -> str:
        """What is on screen, as text."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in lines)


NAMED = {
    " ": "space",
    ".": "full_stop",
    "_": "underscore",
    "-": "minus",
    "/": "slash",
    ":": "colon",
    "+": "plus",
}
Open = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def console(tmp_path: Path) -> Open:
    """Opens a console on an engine that publishes `payloads` beyond the usual ones."""

    @asynccontextmanager
    async def opened(
        *payloads: Payload,
        base: tuple[Payload, ...] = GAUGES,
        size: tuple[int, int] = (80, 24),
        **options: Any,
    ) -> AsyncIterator[Stage]:
        path = tmp_path / "engine.sock"
        engine = ScriptedEngine(path, (*base, *payloads))
        await engine.start()
        app = make_app(Options(attach=str(path), **options))
        try:
            async with app.run_test(size=size) as pilot:
                stage = Stage(app, engine, pilot)
                await stage.until(lambda: app.snapshot.link.state == "connected")
                await stage.until(lambda: not base or app.snapshot.session is not None)
                yield stage
        finally:
            await engine.stop()

    return opened
