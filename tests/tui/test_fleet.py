"""Several servers in one console."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from charter_engine.contracts.commands import ShowServer
from charter_tui.screens.fleet import FleetScreen, FleetSum, ServerScreen
from tests.tui.conftest import Open
from tests.tui.fleet_scene import ALIKE, DIFFERING, REPORT, THREE, TWO
from tests.tui.test_snapshots import Shown


async def test_of_a_single_server_nothing_is_shown_of_a_fleet(console: Open) -> None:
    async with console() as stage:
        assert not stage.app.screen.query_one(FleetSum).display
        assert not stage.shows("servers")
        await stage.press("F")
        assert stage.shows("This engine has one server")


async def test_servers_that_are_well_are_one_line(console: Open) -> None:
    async with console(ALIKE) as stage:
        await stage.until(partial(stage.shows, "2 of 2 up"))
        assert not stage.shows("✗ fleet: F")


async def test_a_server_that_is_down_or_differs_is_told_on_every_screen(console: Open) -> None:
    async with console(DIFFERING, size=(120, 36)) as stage:
        await stage.until(partial(stage.shows, "2 of 3 up"))
        await stage.press("2")
        await stage.until(partial(stage.shows, "✗ fleet: F"))


async def test_each_server_has_a_row_and_each_difference_both_values(console: Open) -> None:
    async with console(DIFFERING, size=(200, 60)) as stage:
        await stage.press("F")
        await stage.until(partial(stage.shows, "unreachable"))
        for words in (THREE, "✗ open", "2.60.0", "serve the same release on all of them"):
            assert stage.shows(words)


async def test_enter_shows_what_a_server_is(console: Open) -> None:
    async with console(DIFFERING, size=(120, 36)) as stage:
        asked: list[ShowServer] = []

        def answer(command: Any) -> object:
            asked.append(command)
            return REPORT

        stage.engine.answers[ShowServer] = answer
        await stage.press("F", "down", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, ServerScreen))
        await stage.until(partial(stage.shows, "the engine's model has no input for it"))
        assert asked == [ShowServer(TWO)]
        await stage.press("escape")
        assert isinstance(stage.app.screen, FleetScreen)


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])
def test_how_it_looks(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    shown = Shown(tmp_path / "s", "charter-dark", DIFFERING)

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press("F")
        await stage.until(partial(stage.shows, "2 of 3 up"))

    assert snap_compare(shown.app, terminal_size=size, run_before=run_before)
