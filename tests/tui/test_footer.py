"""The footer offers what does something, and nothing pushes it or the bar of a replay away."""

import pytest
from msgspec.structs import replace

from charter_engine.contracts.commands import ListRevisions
from charter_engine.contracts.gauges import Runs, Session
from charter_tui.present.spans import text_of
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.runs import RunsScreen
from charter_tui.widgets.keys import KeyFooter
from tests.tui.conftest import Open, Stage
from tests.tui.fleet_scene import DIFFERING
from tests.tui.scene import DRAFT, REPLAY, RUNS, SESSION, TRITON

NOTHING_OPEN = (Session(engine_version="0", phase="ready"), TRITON, Runs())


def offered(stage: Stage) -> str:
    (keys,) = stage.app.screen.query_one(KeyFooter).lines
    return text_of(keys)


async def test_without_an_agent_no_key_of_a_call_or_a_run_is_offered(console: Open) -> None:
    async with console(base=NOTHING_OPEN, size=(200, 40)) as stage:
        await stage.until(lambda: "o Open agent" in offered(stage))
        assert [
            key for key in ("⏎ Open", "e Edit", "r Run", "u Undo") if key in offered(stage)
        ] == []
        await stage.press("r")
        await stage.until(lambda: "No agent is open" in stage.told())


async def test_the_keys_of_a_row_are_offered_once_there_is_one(console: Open) -> None:
    async with console(base=NOTHING_OPEN, size=(120, 30)) as stage:
        await stage.press("6")
        await stage.until(lambda: isinstance(stage.app.screen, RunsScreen))
        assert "m Compare" not in offered(stage)
        stage.engine.hub.publish(RUNS)
        await stage.until(lambda: "m Compare" in offered(stage) and "⏎ Open" in offered(stage))


async def test_a_history_without_a_push_has_nothing_to_make_live(console: Open) -> None:
    async with console(base=NOTHING_OPEN) as stage:
        stage.engine.answers[ListRevisions] = lambda _: ()
        await stage.press("3")
        await stage.until(lambda: isinstance(stage.app.screen, HistoryScreen))
        await stage.until(
            lambda: "Make live" not in offered(stage) and "Nothing was" in stage.text()
        )


async def test_a_recording_does_not_say_that_nothing_was_pushed(console: Open) -> None:
    async with console(REPLAY) as stage:
        stage.engine.answers[ListRevisions] = lambda _: ()
        await stage.press("3")
        await stage.until(lambda: "A recording holds no revisions" in stage.text())


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_bar_of_a_replay_is_in_view_however_much_the_graph_tells(
    console: Open, size: tuple[int, int]
) -> None:
    async with console(DRAFT, DIFFERING, REPLAY, size=size) as stage:
        await stage.until(lambda: "playing" in stage.text() and "? assumed" in stage.text())


@pytest.mark.parametrize("keys", ["", "2", "3", "4", "5", "6", "7", "8", "9", "0", "S", "T", "W"])
async def test_who_replays_sees_on_every_screen_how_a_stretch_is_cut_out(
    console: Open, keys: str
) -> None:
    async with console(DRAFT, REPLAY, size=(80, 24)) as stage:
        await stage.press(*keys)
        await stage.until(
            lambda: "M Mark time" in offered(stage) and "X Export stretch" in offered(stage)
        )


async def test_a_live_screen_gives_that_room_to_other_screens(console: Open) -> None:
    async with console(DRAFT, size=(100, 30)) as stage:
        await stage.until(lambda: "3 History" in offered(stage))
        assert "M Mark time" not in offered(stage)


async def test_a_replay_offers_no_row_that_it_would_not_open(console: Open) -> None:
    replayed = replace(SESSION, mode="replay", read_only=True)
    async with console(DRAFT, replayed, REPLAY) as stage:
        for key in ("2", "5"):
            await stage.press(key)
            await stage.until(lambda: "⏎ Open" not in offered(stage))
            before = len(stage.app._notifications)
            await stage.press("enter")
            assert "This is a recording" in stage.told()
            assert len(stage.app._notifications) > before
            assert isinstance(stage.app.screen, ConsoleScreen)


async def test_keys_of_one_name_on_two_levels_are_both_offered(console: Open) -> None:
    async with console(REPLAY, RUNS, size=(120, 30)) as stage:
        await stage.press("6")
        await stage.until(lambda: "m Compare" in offered(stage))
        assert "M Mark time" in offered(stage)
