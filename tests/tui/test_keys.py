"""What the keys of every screen do, and how the screens stand with the terminal."""

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.command import CommandList
from textual.widgets._toast import Toast

from charter_engine.contracts.commands import (
    DiscardDraft,
    StartRun,
)
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.help import HelpScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.jump import JumpScreen
from charter_tui.screens.too_small import TooSmallScreen
from charter_tui.screens.tuning import TuningScreen
from charter_tui.widgets.event_log import EventLog
from charter_tui.widgets.graph_table import GraphTable
from charter_tui.widgets.panels import StripsPanel
from tests.tui.answers import about_runs
from tests.tui.conftest import Open
from tests.tui.scene import (
    DRAFT,
    SESSION,
    VALIDATED,
)


async def test_the_digits_change_screens(console: Open) -> None:
    async with console() as stage:
        for key, screen in (("2", TuningScreen), ("3", HistoryScreen), ("1", GraphScreen)):
            await stage.press(key)
            assert type(stage.app.screen) is screen


async def test_ctrl_c_tells_which_key_leaves(console: Open) -> None:
    async with console() as stage:
        await stage.press("ctrl+c")
        await stage.until(lambda: "q leaves" in stage.told())


async def test_what_was_told_in_passing_is_read_again(console: Open) -> None:
    async with console() as stage:
        await stage.press("ctrl+c")
        stage.app.notify("install charter-kv[dask]", severity="error")
        stage.app.clear_notifications()
        await stage.press("f3")
        await stage.until(partial(stage.shows, "✗ install charter-kv[dask]"))
        assert stage.shows("q leaves the console")
        await stage.press("escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_brackets_in_what_is_told_are_shown(console: Open) -> None:
    async with console() as stage:
        stage.app.notify("no part [/places]: install charter-kv[dask]")
        await stage.settle()
        (note,) = stage.app._notifications
        assert str(Toast(note).render()) == "no part [/places]: install charter-kv[dask]"


async def test_help_is_made_from_the_table_of_actions(console: Open) -> None:
    async with console() as stage:
        await stage.press("question_mark")
        assert isinstance(stage.app.screen, HelpScreen)
        assert "Priority and duration of the node's KV" in stage.text()
        await stage.press("escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_going_round_the_screens_by_their_keys_leaves_one_over_the_graph(
    console: Open,
) -> None:
    async with console() as stage:
        await stage.press(*"34567890")
        assert len(stage.app.screen_stack) == 2
        await stage.press("escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_the_palette_offers_the_screens_own_actions(console: Open) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", "ctrl+p")
        await stage.type("discard")
        await stage.until(lambda: "x  Throw the draft away" in stage.text())
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(DiscardDraft))


async def test_the_palette_lists_what_this_screen_does_first_and_themes_last(
    console: Open,
) -> None:
    async with console(DRAFT) as stage:
        await stage.press("ctrl+p")
        await stage.until(lambda: stage.app.screen.query_one(CommandList).option_count > 20)
        offered = [str(one.prompt) for one in stage.app.screen.query_one(CommandList).options]
        assert offered[0].startswith("Edit\ne  ")
        assert offered[-1].startswith("Theme\n")


async def test_the_theme_changes_and_everything_repaints(console: Open) -> None:
    async with console() as stage:
        assert stage.app.theme == "charter-dark"
        await stage.press("f2")
        assert stage.app.theme == "charter-light"


async def test_a_terminal_too_small_says_so_until_there_is_room(console: Open) -> None:
    async with console(size=(39, 20)) as stage:
        assert isinstance(stage.app.screen, TooSmallScreen)
        assert "39×20" in stage.text()
        assert "40×12" in stage.text()
        await stage.pilot.resize_terminal(40, 20)
        await stage.until(lambda: isinstance(stage.app.screen, GraphScreen))


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (20, 5)])
async def test_q_leaves_at_any_size(console: Open, size: tuple[int, int]) -> None:
    async with console(size=size) as stage:
        await stage.press("q")
        await stage.until(lambda: not stage.app.is_running)


async def test_a_log_follows_again_after_the_terminal_became_smaller(console: Open) -> None:
    async with console(size=(120, 40)) as stage:
        for number in range(60):
            stage.engine.hub.event("run", f"step {number}")
        await stage.until(lambda: "step 59" in stage.text())
        await stage.pilot.resize_terminal(80, 24)
        await stage.until(lambda: "step 59" in stage.text())
        stage.engine.hub.event("run", "step 60")
        await stage.until(lambda: "step 60" in stage.text())


async def test_the_console_stays_up_while_the_engine_is_gone_and_says_so(console: Open) -> None:
    async with console() as stage:
        await stage.engine.stop()
        await stage.until(lambda: "reconnecting" in stage.text())
        assert "entities" in stage.text()
        await stage.press("r")
        await stage.until(lambda: "no connection" in stage.told())
        await stage.engine.start()
        await stage.until(lambda: stage.app.snapshot.link.state == "connected")
        assert "reconnecting" not in stage.text()


async def test_covered_screens_are_not_refreshed(console: Open) -> None:
    async with console() as stage:
        graph = stage.app.screen
        assert isinstance(graph, GraphScreen)
        await stage.press("question_mark")
        seen = graph.snapshot
        stage.engine.hub.publish(replace(SESSION, phase="running"))
        await stage.until(lambda: stage.app.snapshot is not seen)
        assert graph.snapshot is seen
        await stage.press("escape")
        assert graph.snapshot is stage.app.snapshot


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "charter" / "console.toml"
    path.parent.mkdir(parents=True)
    return path


async def test_the_keymap_of_the_configuration_replaces_a_key(
    console: Open, configured: Path
) -> None:
    configured.write_text('theme = "charter-light"\n[keymap]\n"app.run_plan" = "f5"\n')
    async with console() as stage:
        assert stage.app.theme == "charter-light"
        await stage.press("r")
        await stage.press("f5")
        await stage.until(lambda: stage.engine.commands)
        assert stage.engine.commands == [StartRun()]


async def test_a_mistake_in_the_configuration_is_told_and_keeps_nothing_from_opening(
    console: Open, configured: Path
) -> None:
    configured.write_text('[keymap]\n"app.run_pla" = "f5"\n')
    async with console() as stage:
        assert "did you mean 'app.run_plan'" in stage.told()


async def test_one_key_for_two_actions_is_told_once(console: Open, configured: Path) -> None:
    configured.write_text('[keymap]\n"app.run_plan" = "c"\n')
    async with console() as stage:
        await stage.press("down", "up")
        assert stage.told().count("one key to several actions") == 1


async def test_a_letter_of_jump_mode_goes_to_a_row_or_a_pane(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        table = stage.app.screen.query_one(GraphTable)
        await stage.press("semicolon")
        assert isinstance(stage.app.screen, JumpScreen)
        await stage.press("b")
        await stage.until(lambda: table.key == VALIDATED)
        await stage.press("semicolon", "f")
        await stage.until(lambda: isinstance(stage.app.focused, EventLog))
        await stage.press("semicolon", "escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_the_focused_pane_has_the_screen_alone_until_the_key_is_pressed_again(
    console: Open,
) -> None:
    async with console() as stage:
        table = stage.app.screen.query_one(GraphTable)
        await stage.press("z")
        await stage.until(lambda: table.size.height > 15)
        assert not stage.shows("KV pool")
        await stage.press("z")
        await stage.until(partial(stage.shows, "KV pool"))


async def test_one_key_maximises_the_focused_pane_of_every_screen(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        for key in "1234567890SFW":
            await stage.press(key, "z")
            screen = stage.app.screen
            assert isinstance(screen, ConsoleScreen)
            assert screen.maximized is not None and screen.maximized is screen.focused, key
            first, *_, last = stage.text().splitlines()
            assert screen.NAME in first and "q Quit" in last
            await stage.press("z")
            assert screen.maximized is None


async def test_strips_are_higher_where_they_have_the_screen_alone(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        strips = stage.app.screen.query_one(StripsPanel)
        await stage.until(lambda: len(strips.lines) == 4)
        strips.focus()
        await stage.press("z")
        await stage.until(lambda: len(strips.lines) > 20)


async def test_strips_are_higher_on_a_large_screen(console: Open) -> None:
    async with console(size=(200, 60)) as stage:
        strips = stage.app.screen.query_one(StripsPanel)
        await stage.until(lambda: len(strips.lines) == 12)


async def test_a_screen_of_one_pane_says_so_where_it_is_to_be_maximised(console: Open) -> None:
    async with console() as stage:
        await stage.press("T", "z")
        assert "one pane" in stage.told()


async def test_the_footer_leaves_out_the_key_of_the_screen_in_front(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        for key, name in (("2", "Tuning"), ("3", "History")):
            assert f"{key} {name}" in stage.text().splitlines()[-1]
            await stage.press(key)
            assert f"{key} {name}" not in stage.text().splitlines()[-1]


async def test_a_pane_has_its_title_in_the_line_above_it(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        stage.engine.answers |= about_runs()
        await stage.press("6")
        await stage.until(
            partial(stage.shows, "A run 5 revision 3  against  B run 6 revision 3 ──")
        )
