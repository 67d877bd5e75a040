"""Nothing an operator does in any order takes the console down."""

from pathlib import Path

import pytest
from rich.style import Style
from textual import events

from charter_tui.palette import FoundCommands, Palette
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.help import HelpScreen
from tests.tui.conftest import Open
from tests.tui.scene import DRAFT, REPLAY
from tests.tui.storm import storm

EVENTS = 200


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storm takes screenshots, too; they go to the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_random_events_raise_nothing(console: Open, seed: int) -> None:
    async with console(*((DRAFT,), (DRAFT,), (REPLAY,))[seed - 1]) as stage:
        await storm(stage, seed, EVENTS)
        assert stage.app.is_running


async def test_a_page_up_right_behind_the_palettes_key_raises_nothing(console: Open) -> None:
    async with console() as stage:
        for key in ("pageup", "pagedown", "up", "down", "home", "end"):
            await stage.press("ctrl+p", key, "escape", "escape")
        assert stage.app.is_running


async def test_a_click_on_a_command_that_is_there_no_more_does_nothing(console: Open) -> None:
    async with console() as stage:
        await stage.press("ctrl+p")
        commands = stage.app.screen.query_one(FoundCommands)
        await stage.until(lambda: commands.option_count > 0)
        click = events.Click(commands, 1, 1, 0, 0, 1, False, False, False)
        click.style = Style(meta={"option": commands.option_count})
        commands.post_message(click)
        await stage.press("escape", "escape")
        assert stage.app.is_running


@pytest.mark.parametrize(
    "late",
    [
        events.Key("r", "r"),
        events.Paste("r"),
        events.MouseDown(None, 1, 1, 0, 0, 1, False, False, False),
    ],
    ids=lambda event: type(event).__name__,
)
async def test_what_is_typed_or_clicked_once_the_last_screen_is_gone_does_nothing(
    console: Open, late: events.Event
) -> None:
    async with console() as stage:
        shown = stage.app.screen_stack
        stage.app._screen_stack.clear()
        await stage.app.on_event(late)
        late._set_forwarded()
        await stage.app.on_event(late)
        stage.app._screen_stack.extend(shown)
        assert stage.engine.commands == []


async def test_the_palette_opens_once_whatever_covers_it(console: Open) -> None:
    async with console() as stage:
        await stage.press("ctrl+p")
        await stage.pilot.resize_terminal(10, 4)
        await stage.press("ctrl+p")
        await stage.pilot.resize_terminal(80, 24)
        await stage.press("escape")
        assert stage.app.is_running


async def test_the_palette_does_not_open_over_the_help(console: Open) -> None:
    async with console() as stage:
        await stage.press("enter", "question_mark", "ctrl+p")
        assert isinstance(stage.app.screen, HelpScreen)
        await stage.press("escape", "escape")
        assert isinstance(stage.app.screen, GraphScreen)


@pytest.mark.parametrize("late", ["show_tuning", "show_runs"])
async def test_a_screens_key_that_comes_late_does_nothing_behind_the_palette(
    console: Open, late: str
) -> None:
    async with console() as stage:
        stage.app.action_command_palette()
        await stage.app.run_action(late)
        await stage.settle()
        assert isinstance(stage.app.screen, Palette)
