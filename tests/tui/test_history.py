"""The history screen: revisions, and the one under the cursor beside them."""

from functools import partial
from typing import cast

from msgspec.structs import replace

from charter_engine.contracts.commands import Command, RevisionDetail, ShowRevision
from charter_engine.contracts.deploy import Diff
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.revision import RevisionScreen
from tests.tui.conftest import Open, Stage
from tests.tui.scene import REVISIONS, SESSION


def opened(command: Command) -> RevisionDetail:
    number = cast("ShowRevision", command).number
    nothing = Diff(base_revision=3)
    return RevisionDetail(revision=REVISIONS[number - 1], diff=nothing, back=nothing)


def shown(stage: Stage) -> type[object]:
    return type(stage.app.screen)


async def on_the_history(stage: Stage) -> None:
    stage.engine.answers[ShowRevision] = opened
    await stage.press("3")
    await stage.until(partial(stage.shows, "Revision 3  live"))


async def test_the_revision_under_the_cursor_is_shown_beside_the_others(console: Open) -> None:
    async with console() as stage:
        await on_the_history(stage)
        await stage.press("down")
        await stage.until(partial(stage.shows, "Revision 2  superseded"))
        assert shown(stage) is HistoryScreen
        await stage.press("enter")
        assert shown(stage) is RevisionScreen


async def test_a_revision_is_asked_for_once_until_another_is_live(console: Open) -> None:
    async with console() as stage:
        await on_the_history(stage)
        for key, title in (("down", "Revision 2"), ("up", "Revision 3")):
            await stage.press(key)
            await stage.until(partial(stage.shows, title))
        asked = stage.engine.asked(ShowRevision)
        assert asked == [ShowRevision(3), ShowRevision(2)]
        stage.engine.hub.publish(replace(SESSION, revision=2))
        await stage.until(lambda: len(stage.engine.asked(ShowRevision)) == len(asked) + 1)


async def test_why_a_revision_cannot_be_shown_stands_in_its_place(console: Open) -> None:
    async with console() as stage:
        stage.engine.refuse(ShowRevision, "the journal is damaged")
        await stage.press("3")
        await stage.until(partial(stage.shows, "✗ The journal is damaged"))
        assert stage.shows("entities kept")
