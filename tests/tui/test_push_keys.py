"""What the keys push and take back, and what is asked before."""

import gc
import warnings
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.widgets import Button

from charter_engine.contracts.commands import (
    ListRevisions,
    Push,
    RevisionDetail,
    Rollback,
    ShowRevision,
)
from charter_engine.contracts.deploy import Diff, PushReport
from charter_tui.deploying import undo
from charter_tui.present.confirmation import Confirmation
from charter_tui.screens.confirm import Confirm
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.leaving import Leaving
from charter_tui.screens.revision import RevisionScreen
from charter_tui.screens.tuning import TuningScreen
from tests.tui.conftest import Open
from tests.tui.scene import (
    CHEAP_DRAFT,
    DRAFT,
    REVISIONS,
    SESSION,
)


async def test_what_loses_nothing_is_pushed_at_once(console: Open) -> None:
    async with console(CHEAP_DRAFT) as stage:
        stage.engine.answers[Push] = lambda _: PushReport(
            ok=True, revision=4, diff=Diff(base_revision=3), elapsed_ms=900
        )
        await stage.press("2", "p")
        await stage.until(lambda: stage.engine.asked(Push))
        assert stage.engine.asked(Push) == [Push(base_revision=3)]
        await stage.until(lambda: "revision 4 is live" in stage.told())


async def test_a_rebuild_is_pushed_only_after_the_models_name_was_typed(console: Open) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", "p")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        await stage.type("tensorrt")
        await stage.press("enter")
        assert not stage.engine.asked(Push)
        await stage.type("_llm")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(Push))


async def test_the_focus_of_a_question_is_on_cancel(console: Open) -> None:
    async with console() as stage:
        await stage.press("u")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        assert stage.app.focused is not None
        assert stage.app.focused.id == "cancel"
        await stage.press("enter")
        assert isinstance(stage.app.screen, GraphScreen)
        assert not stage.engine.asked(Rollback)


async def test_a_question_is_declined_by_letters_and_arrows(console: Open) -> None:
    async with console() as stage:
        for answer in ("n", "escape"):
            await stage.press("u")
            await stage.until(lambda: isinstance(stage.app.screen, Confirm))
            await stage.press(*answer.split())
            await stage.until(lambda: isinstance(stage.app.screen, GraphScreen))
        assert not stage.engine.asked(Rollback)


@pytest.mark.parametrize("answer", ["y", "right enter", "left enter"])
async def test_a_question_is_agreed_to_by_letters_and_arrows(console: Open, answer: str) -> None:
    async with console() as stage:
        await stage.press("u")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        await stage.press(*answer.split())
        await stage.until(lambda: isinstance(stage.app.screen, GraphScreen))
        await stage.until(lambda: len(stage.engine.asked(Rollback)) == 1)


async def test_undo_goes_back_to_the_parent_of_the_live_revision(console: Open) -> None:
    async with console() as stage:
        await stage.press("u")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        await stage.press("tab", "enter")
        await stage.until(lambda: stage.engine.asked(Rollback))
        assert stage.engine.asked(Rollback) == [Rollback(base_revision=3, revision=2)]


async def test_history_opens_the_revision_under_the_cursor(console: Open) -> None:
    async with console(size=(100, 30)) as stage:
        assert DRAFT.diff is not None
        opened = RevisionDetail(revision=REVISIONS[0], diff=Diff(base_revision=0), back=DRAFT.diff)
        stage.engine.answers[ShowRevision] = lambda _: opened
        await stage.press("3")
        await stage.until(lambda: "entities kept" in stage.text())
        await stage.press("end", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, RevisionScreen))
        await stage.until(lambda: "Making it live again changes" in stage.text())
        assert stage.engine.asked(ShowRevision)[-1] == ShowRevision(1)
        assert not stage.engine.asked(Rollback)
        await stage.press("escape")
        assert isinstance(stage.app.screen, HistoryScreen)


@pytest.mark.parametrize("keys", ["end l", "end enter l"])
async def test_making_a_revision_live_asks_in_any_case(console: Open, keys: str) -> None:
    async with console() as stage:
        cheap = tuple(replace(item, cost="plan reload") for item in REVISIONS)
        stage.engine.answers[ListRevisions] = lambda _: cheap
        await stage.press("3")
        await stage.until(lambda: stage.shows("entities kept"))
        await stage.press(*keys.split())
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        assert "What revisions 2 and 3 changed is undone." in stage.text()
        assert not stage.engine.asked(Rollback)
        await stage.press("y")
        await stage.until(lambda: stage.engine.asked(Rollback))
        assert stage.engine.asked(Rollback) == [Rollback(base_revision=3, revision=1)]


async def test_an_undo_behind_an_undo_goes_further_back(console: Open) -> None:
    async with console(replace(SESSION, revision=4)) as stage:
        back = replace(REVISIONS[1], number=4, parent=3, restores=2)
        stage.engine.answers[ListRevisions] = lambda _: (*REVISIONS, back)
        await stage.press("u")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        await stage.press("y")
        await stage.until(lambda: stage.engine.asked(Rollback))
        assert stage.engine.asked(Rollback) == [Rollback(base_revision=4, revision=1)]


async def test_a_stale_push_is_told_with_the_engines_words(console: Open) -> None:
    async with console(CHEAP_DRAFT) as stage:
        stage.engine.refuse(Push, "revision 4 is live by now", "look at the difference again")
        await stage.press("2", "p")
        await stage.until(lambda: "Revision 4 is live by now" in stage.told())


async def test_read_only_refuses_what_changes_with_the_reason_and_shows_a_lock(
    console: Open,
) -> None:
    async with console(DRAFT, read_only=True) as stage:
        assert "read-only" in stage.text()
        await stage.press("2", "p")
        await stage.until(lambda: "This console is read-only" in stage.told())
        await stage.press("enter", "a", "x", "u", "r")
        assert not stage.engine.commands
        assert isinstance(stage.app.screen, TuningScreen)


async def test_every_answer_of_a_question_finds_room_on_a_narrow_terminal(console: Open) -> None:
    async with console(size=(60, 20)) as stage:
        question = Confirmation("Quit and stop the engine?", (), "Quit")
        stage.app.push_screen(Leaving(question, ("the console of process 7",)))
        await stage.settle()
        dialog = stage.app.screen.query_one(".dialog").region
        answers = stage.app.screen.query(Button)
        assert len(answers) == 3
        assert all(dialog.contains_region(answer.region) for answer in answers)


@pytest.mark.parametrize(("write", "pushes"), [(False, 0), (True, 1)])
async def test_a_server_that_the_configuration_has_for_read_only_takes_write_to_be_changed(
    console: Open, tmp_path: Path, write: bool, pushes: int
) -> None:
    configuration = tmp_path / "config" / "charter" / "console.toml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text('read_only = ["127.0.0.1"]')
    async with console(CHEAP_DRAFT, write=write) as stage:
        assert stage.shows("⚿ read-only") is not write
        await stage.press("2", "p")
        refused = "127.0.0.1:8000 is read-only by the configuration"
        await stage.until(lambda: refused in stage.told() or stage.engine.asked(Push))
        assert len(stage.engine.asked(Push)) == pushes


async def test_a_change_that_is_asked_for_twice_at_once_leaves_nothing_behind(
    console: Open,
) -> None:
    async with console(DRAFT) as stage:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            undo(stage.app)
            undo(stage.app)
            await stage.settle()
            gc.collect()
        assert [str(one.message) for one in told] == []
