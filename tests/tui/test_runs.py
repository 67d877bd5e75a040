"""The runs screen: its keys, with the engine's side checked where a command goes out."""

from charter_engine.contracts.commands import ShowRun, StartRun
from charter_engine.contracts.gauges import Runs
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.runs import RunsScreen
from tests.tui.answers import about_runs
from tests.tui.conftest import Open
from tests.tui.scene import CALLED_BY_HAND, REPLAY


async def test_the_run_under_the_cursor_is_compared_with_the_one_before_it(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        stage.engine.answers |= about_runs()
        await stage.press("6")
        await stage.until(lambda: "A run 5 revision 3  against  B run 6 revision 3" in stage.text())
        await stage.press("down")
        await stage.until(lambda: "A run 4 as written  against  B run 5" in stage.text())
        assert "not worth it here" in stage.text()
        assert "=1.23 s" in stage.text()
        await stage.press("down")
        await stage.until(lambda: "There is no earlier run" in stage.text())
        await stage.press("escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_of_a_recordings_runs_it_is_told_where_they_are_compared(console: Open) -> None:
    async with console(REPLAY, size=(120, 36)) as stage:
        await stage.press("6")
        await stage.until(lambda: "runs are compared where they were made" in stage.text())
        assert not stage.engine.asked(ShowRun)


async def test_a_runs_requests_are_called_as_on_the_graph(console: Open) -> None:
    async with console(CALLED_BY_HAND, size=(120, 36)) as stage:
        stage.engine.answers |= about_runs()
        await stage.press("6")
        await stage.until(lambda: "second look" in stage.text())


async def test_any_two_runs_are_compared_by_marking_one(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        stage.engine.answers |= about_runs()
        await stage.press("6", "end", "m")
        await stage.until(lambda: "Run 4 is A" in stage.text())
        await stage.press("home")
        await stage.until(lambda: "A run 4 as written  against  B run 6" in stage.text())
        await stage.press("end", "m", "home")
        await stage.until(lambda: "A run 5 revision 3  against  B run 6" in stage.text())


async def test_a_run_is_made_again_by_its_number(console: Open) -> None:
    async with console() as stage:
        stage.engine.answers |= about_runs()
        await stage.press("6", "down", "n")
        await stage.until(lambda: stage.engine.asked(StartRun))
        assert stage.engine.asked(StartRun) == [StartRun(repeat=5)]


async def test_without_runs_the_screen_says_how_to_make_one(console: Open) -> None:
    async with console(Runs(), size=(120, 36)) as stage:
        await stage.press("6")
        assert isinstance(stage.app.screen, RunsScreen)
        assert "r runs it under the live plan, b as written." in stage.text()
