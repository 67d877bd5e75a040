"""The deploy screen: what stands in each line, and what each key asks of the engine."""

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.widgets import Input

from charter_engine.contracts.commands import (
    Adopt,
    Command,
    Diagnose,
    EndWatch,
    ListRevisions,
    Push,
    PutBack,
    ResetBreaker,
    SetShare,
    StartCanary,
    StopCanary,
    TryDraft,
    Uninstall,
)
from charter_engine.contracts.deploying import PushWatch
from charter_engine.contracts.gauges import Canary, Run
from charter_engine.contracts.live import RunProgress
from charter_tui.screens.confirm import Confirm
from charter_tui.screens.deploy import DeployScreen, SubjectTable, SubjectView
from charter_tui.screens.form import FormScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.tuning import TuningScreen
from tests.tui.conftest import Open, Stage
from tests.tui.deploy_scene import (
    DRAFT_FOR_TRAFFIC,
    DRIFT,
    DRIFTED,
    ON_TRIAL,
    OPEN_BREAKER,
    PUSHED,
    PUSHING,
    WATCHING,
    about_the_deployment,
    watched,
)
from tests.tui.scene import CHEAP_DRAFT, DRAFT, REPLAY

BLS = (*"charter", "underscore", *"bls")
"""The keys of the model's name."""
IDLE = Run(RunProgress(run="r1", state="done", items_done=12, items_total=12))
"""During a run the deployment is not changed."""


@pytest.fixture
def console(console: Open) -> Open:
    """A console whose last run has ended."""
    return partial(console, IDLE)


async def opened(stage: Stage) -> None:
    """Go to the screen, and wait for what it asks for."""
    stage.engine.answers |= about_the_deployment()
    await stage.press("9")
    await stage.until(lambda: stage.shows("1 wrong, 1 costly"))


async def came(stage: Stage, command: Command) -> None:
    """Wait for a command, and see that it is all that was asked of its kind."""
    await stage.until(lambda: stage.engine.asked(type(command)))
    assert stage.engine.asked(type(command)) == [command]


async def at(stage: Stage, words: str, *keys: str) -> None:
    """Press the keys; the words come on screen."""
    await stage.press(*keys)
    await stage.until(lambda: stage.shows(words))


def shown(stage: Stage) -> type:
    """The kind of the screen in front."""
    return type(stage.app.screen)


def footer(stage: Stage) -> str:
    return stage.text().splitlines()[-1]


async def test_a_deployment_is_told_in_ten_lines_and_what_the_cursor_is_on_in_full(
    console: Open,
) -> None:
    async with console(watched(), Canary(WATCHING), PUSHED, size=(120, 36)) as stage:
        await opened(stage)
        assert len(stage.app.screen.query_one(SubjectTable).rows) == 10
        assert stage.shows("revision 3 is live")
        assert stage.shows("watching, 3:28 to go")
        assert stage.shows("0 of 93 pairs differ")
        await at(stage, "loaded charter_bls", "down")
        await at(stage, "Whether the draft changes the answers", "down")
        await at(stage, "212 requests before", "down")
        await at(stage, "No layout of the live plan applies to traffic", "down")
        await at(stage, "The deployment is what was pushed", "down")
        await at(stage, "both without (noise)", "down")
        await at(stage, "closed: every call goes through", "down")
        await at(stage, "keep blocks by priority", "down")
        await at(stage, "2 edits kv_cache_free_gpu_mem_fraction", "down")


async def test_the_keys_of_what_cannot_be_done_are_left_out_and_say_why(console: Open) -> None:
    async with console() as stage:
        await opened(stage)
        assert "Push" not in footer(stage) and "Put back" not in footer(stage)
        await stage.press("p", "m", "P", "K", "B")
        for told in ("no draft", "No trial", "Nothing differs", "No push is watched", "is closed"):
            assert told in stage.told()
        assert shown(stage) is DeployScreen


async def test_during_a_run_and_a_push_nothing_else_is_changed(console: Open) -> None:
    running = Run(RunProgress(run="r2", state="running", items_total=12))
    async with console(CHEAP_DRAFT, running) as stage:
        await opened(stage)
        await stage.press("p")
        assert "A run is in progress" in stage.told()
        stage.engine.hub.publish(IDLE)
        stage.engine.hub.publish(PUSHING)
        await stage.until(lambda: stage.shows("push running"))
        await stage.press("p")
        assert "is being changed at the moment" in stage.told()
        assert shown(stage) is DeployScreen


async def test_each_key_orders_what_it_says_once_its_question_is_answered(console: Open) -> None:
    everything = replace(ON_TRIAL, drift=DRIFT)
    async with console(everything, watched(), OPEN_BREAKER) as stage:
        await opened(stage)
        for keys, command in (
            ("i", Diagnose()),
            ("K", EndWatch()),
            ("B", ResetBreaker()),
            ("s", SetShare(share=0.0, base_revision=3)),
            ("my", SetShare(share=1.0, base_revision=3)),
            ("Py", PutBack(base_revision=3)),
            (("a", "tab", "enter"), Adopt(base_revision=3)),
            (
                ("U", *BLS, "enter"),
                Uninstall(base_revision=3, force=True),
            ),
        ):
            stage.engine.commands.clear()
            await stage.press(*keys)
            await came(stage, command)


async def test_a_push_says_why_and_for_how_long_it_is_watched(console: Open) -> None:
    async with console(CHEAP_DRAFT) as stage:
        await opened(stage)
        await stage.press("p")
        await stage.type("night")
        await stage.press("tab")
        await stage.type("2m")
        await stage.press("enter")
        watch = PushWatch(seconds=120.0, margin=0.05)
        await came(stage, Push(base_revision=3, note="night", watch=watch))
        await stage.until(lambda: "Pushed: revision 4 is live" in stage.told())
        assert stage.app.screen.query_one(SubjectTable).key == "push"


async def test_a_refused_push_comes_back_as_it_was_typed_with_the_reason(console: Open) -> None:
    async with console(CHEAP_DRAFT) as stage:
        await opened(stage)
        stage.engine.refuse(Push, "somebody else changed this deployment since revision 3")
        await stage.press("p")
        await stage.type("night")
        await stage.press("enter")
        await stage.until(lambda: stage.shows("Somebody else changed this deployment"))
        assert isinstance(stage.app.screen, FormScreen)
        assert stage.app.screen.query_one("#field-note", Input).value == "night"


async def test_what_is_pushed_again_is_decided_on_what_is_live_by_then(console: Open) -> None:
    async with console(CHEAP_DRAFT) as stage:
        await opened(stage)
        stage.engine.refuse(Push, "revision 4 is live by now")
        await stage.press("p", "enter")
        await stage.until(lambda: stage.shows("Revision 4 is live by now"))
        await stage.press("escape")
        assert CHEAP_DRAFT.diff is not None
        newer = replace(CHEAP_DRAFT, diff=replace(CHEAP_DRAFT.diff, base_revision=4))
        stage.engine.hub.publish(newer)
        await stage.until(lambda: stage.app.snapshot.draft == newer)
        await stage.press("p", "enter")
        await stage.until(lambda: len(stage.engine.asked(Push)) == 2)
        bases = [one.base_revision for one in stage.engine.asked(Push) if isinstance(one, Push)]
        assert bases == [3, 4]


async def test_in_production_what_loses_nothing_takes_the_models_name(
    console: Open, tmp_path: Path
) -> None:
    configuration = tmp_path / "config" / "charter" / "console.toml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text('production = ["127.0.0.*"]')
    async with console(CHEAP_DRAFT) as stage:
        await stage.press("2", "p")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        assert stage.shows("127.0.0.1:8000 is production")
        await stage.press("y", "enter")
        assert not stage.engine.asked(Push)
        await stage.press("ctrl+u")
        await stage.type("tensorrt_llm")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(Push))


async def test_a_dear_push_is_asked_about_once_more(console: Open) -> None:
    async with console(DRAFT) as stage:
        await opened(stage)
        await stage.press("p", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        assert stage.shows("Type tensorrt_llm to go on.")
        assert not stage.engine.asked(Push)


async def test_a_trial_begins_with_the_draft_on_a_share_of_the_sessions(console: Open) -> None:
    async with console(DRAFT_FOR_TRAFFIC) as stage:
        await opened(stage)
        await stage.press("n")
        await stage.type("20%")
        await stage.press("enter")
        await came(stage, TryDraft(share=0.2, base_revision=3))


async def test_the_canary_is_started_and_stopped_by_one_key(console: Open) -> None:
    async with console() as stage:
        await opened(stage)
        await stage.press("v", "enter")
        await came(stage, StartCanary(every_seconds=60.0))
        stage.engine.hub.publish(Canary(WATCHING))
        await stage.until(lambda: stage.shows("pairs differ"))
        await stage.press("v")
        await came(stage, StopCanary())


async def test_enter_goes_to_where_more_can_be_seen_or_done(console: Open) -> None:
    async with console() as stage:
        await opened(stage)
        await stage.press("end", "enter")
        assert isinstance(stage.app.focused, SubjectView)
        await stage.press("shift+tab", "home", "enter")
        assert shown(stage) is HistoryScreen
        await stage.press("escape", "down", "enter")
        assert shown(stage) is TuningScreen


async def test_a_read_only_console_looks_and_changes_nothing(console: Open) -> None:
    async with console(DRIFTED, CHEAP_DRAFT, read_only=True) as stage:
        await opened(stage)
        await stage.press("p", "P", "U", "v")
        assert shown(stage) is DeployScreen
        assert "read-only" in stage.told()


async def test_a_recording_says_what_it_does_not_keep(console: Open) -> None:
    async with console(REPLAY, watched()) as stage:
        for command in (Diagnose, ListRevisions):
            stage.engine.refuse(command, "this is a recording")
        await stage.press("9")
        await stage.until(lambda: stage.shows("watching, 3:28 to go"))
        assert stage.shows("A recording holds no revisions")
        await at(stage, "A recording holds no advice", *["down"] * 9)


async def test_it_works_at_the_least_size(console: Open) -> None:
    async with console(size=(40, 12)) as stage:
        stage.engine.answers |= about_the_deployment()
        await stage.press("d")
        await stage.until(lambda: stage.shows("revision 3 is live"))
