"""What a console draws over SSH while nobody works at its terminal."""

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.events import AppBlur, AppFocus

from charter_engine.contracts.gauges import Nodes
from charter_tui.screens import cache, sessions
from tests.tui.conftest import Open, Stage
from tests.tui.scene import NODES


async def computed(stage: Stage, requests: int) -> None:
    """Have the engine tell that so many requests of the first call were made."""
    shown = replace(NODES.nodes[0], requests=requests)
    stage.engine.hub.publish(Nodes((shown, *NODES.nodes[1:])))
    await stage.until(lambda: _latest(stage) == requests)


def _latest(stage: Stage) -> int | None:
    """What the console was told, whether it is shown or not."""
    nodes = stage.app._live.nodes
    return nodes.nodes[0].requests if nodes is not None else None


async def unfocused(stage: Stage) -> None:
    stage.app.post_message(AppBlur())
    await stage.until(lambda: not stage.app.app_focus)


@pytest.fixture
def over_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 51000 192.0.2.2 22")


@pytest.mark.usefixtures("over_ssh")
async def test_without_the_focus_figures_wait_and_come_with_it(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        await unfocused(stage)
        await computed(stage, 191)
        assert not stage.shows("=191")
        stage.app.post_message(AppFocus())
        await stage.until(partial(stage.shows, "=191"))


@pytest.mark.usefixtures("over_ssh")
async def test_without_the_focus_nothing_is_drawn_and_the_top_line_says_as_of_when(
    console: Open,
) -> None:
    async with console(size=(120, 36)) as stage:
        await unfocused(stage)
        await stage.until(partial(stage.shows, "no focus, as of "))
        shown = stage.text()
        for requests in (191, 192, 193):
            await computed(stage, requests)
        await stage.pilot.pause(0.5)
        assert stage.text() == shown


@pytest.mark.usefixtures("over_ssh")
@pytest.mark.parametrize("screen", ["0", "S"])
async def test_without_the_focus_a_screen_does_not_ask_again(
    console: Open, monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    for module in (cache, sessions):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    async with console(size=(120, 36)) as stage:
        await stage.press(screen)
        await unfocused(stage)
        await stage.until(partial(stage.shows, "no focus"))
        asked = len(stage.engine.commands)
        await stage.pilot.pause(0.5)
        assert len(stage.engine.commands) == asked


@pytest.mark.usefixtures("over_ssh")
async def test_without_the_focus_figures_come_as_often_as_the_configuration_says(
    console: Open, tmp_path: Path
) -> None:
    configured = tmp_path / "config/charter/console.toml"
    configured.parent.mkdir(parents=True)
    configured.write_text('unfocused = "200ms"\n')
    async with console(size=(120, 36)) as stage:
        await unfocused(stage)
        await computed(stage, 191)
        await stage.until(partial(stage.shows, "=191"))
        assert not stage.shows("no focus")


@pytest.mark.usefixtures("over_ssh")
async def test_a_key_tells_that_the_focus_came_back(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        await unfocused(stage)
        await computed(stage, 191)
        await stage.press("down")
        await stage.until(partial(stage.shows, "=191"))
        assert not stage.shows("no focus")


@pytest.mark.usefixtures("over_ssh")
async def test_an_engine_that_is_gone_is_told_at_once(console: Open) -> None:
    async with console() as stage:
        await unfocused(stage)
        await stage.engine.stop()
        await stage.until(partial(stage.shows, "engine gone"))


async def test_on_the_machine_itself_figures_never_wait(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        await unfocused(stage)
        await computed(stage, 191)
        await stage.until(partial(stage.shows, "=191"))
