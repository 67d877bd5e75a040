"""What a console draws over SSH while nobody works at its terminal."""

from functools import partial

import pytest
from msgspec.structs import replace
from textual.events import AppBlur, AppFocus

from charter_engine.contracts.gauges import Nodes
from charter_tui import console as console_module
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
async def test_without_the_focus_figures_come_every_few_seconds(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_module, "UNWATCHED_SECONDS", 0.2)
    async with console(size=(120, 36)) as stage:
        await unfocused(stage)
        await computed(stage, 191)
        await stage.until(partial(stage.shows, "=191"))


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
