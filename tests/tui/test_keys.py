"""What the keys do: on every screen, with the engine's side checked where a command goes out."""

import asyncio
import time
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.widgets import Button
from textual.widgets._toast import Toast

from charter_engine.contracts.commands import (
    CancelRun,
    CheckSetting,
    ControlReplay,
    DiscardDraft,
    EditNode,
    EditServer,
    ListRevisions,
    OpenAgent,
    ProposePlan,
    Push,
    RevisionDetail,
    Rollback,
    SavePlan,
    SeekReplay,
    ShowRevision,
    StartRecording,
    StartRun,
    SweepSetting,
    UndoEdit,
)
from charter_engine.contracts.deploy import Diff, PushReport
from charter_engine.contracts.gauges import Nodes
from charter_engine.contracts.graph import CompiledFile, Dependency
from charter_engine.contracts.live import NodeStats
from charter_engine.contracts.sweeping import SettingSweep, SweptValue
from charter_tui.present.confirmation import Confirmation
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.confirm import Confirm
from charter_tui.screens.form import FormScreen
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.help import HelpScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.jump import JumpScreen
from charter_tui.screens.leaving import Leaving
from charter_tui.screens.node import NodeScreen
from charter_tui.screens.too_small import TooSmallScreen
from charter_tui.screens.tuning import TuningScreen, TuningTable
from charter_tui.widgets.event_log import EventLog
from charter_tui.widgets.graph_table import GraphTable
from charter_tui.widgets.panels import StripsPanel
from tests.tui.answers import about_runs
from tests.tui.conftest import Open
from tests.tui.scene import (
    AGENT,
    CALLS,
    CHEAP_DRAFT,
    CLASSIFICATION,
    DRAFT,
    ENTITIES,
    NODES,
    REPLAY,
    REVISIONS,
    SESSION,
    START,
    VALIDATED,
    prediction,
)


async def test_the_cursor_moves_over_nodes_and_skips_headings(console: Open) -> None:
    async with console() as stage:
        table = stage.app.screen.query_one(GraphTable)
        assert table.key == ENTITIES
        await stage.press("down")
        assert table.key == VALIDATED
        await stage.press("end")
        assert table.key == CLASSIFICATION
        await stage.press("home", "up")
        assert table.key == ENTITIES


async def test_columns_are_chosen_by_their_words(console: Open) -> None:
    async with console() as stage:
        await stage.press("K")
        await stage.type("hit_bar")
        await stage.press("enter")
        (heading,) = [line.split() for line in stage.text().splitlines() if "NODE" in line]
        assert heading == ["NODE", "HIT"]


async def test_the_cursor_follows_what_runs_and_may_be_moved_in_between(console: Open) -> None:
    def at(running: str) -> Nodes:
        return Nodes(
            tuple(NodeStats(node=one.id, state="running") for one in CALLS if one.id == running)
        )

    async with console() as stage:
        table = stage.app.screen.query_one(GraphTable)
        stage.engine.hub.publish(at(VALIDATED))
        await stage.press("L")
        await stage.until(lambda: table.key == VALIDATED)
        assert stage.shows("following what runs")
        await stage.press("up")
        assert table.key == ENTITIES
        stage.engine.hub.publish(at(CLASSIFICATION))
        await stage.until(lambda: table.key == CLASSIFICATION)


async def test_enter_opens_the_node_and_brackets_go_to_its_neighbours(console: Open) -> None:
    async with console() as stage:
        await stage.press("down", "enter")
        screen = stage.app.screen
        assert isinstance(screen, NodeScreen)
        assert screen.node == VALIDATED
        await stage.press("right_square_bracket")
        assert screen.node == CLASSIFICATION
        await stage.press("left_square_bracket", "left_square_bracket")
        assert screen.node == ENTITIES
        await stage.press("escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_the_digits_change_screens(console: Open) -> None:
    async with console() as stage:
        for key, screen in (("2", TuningScreen), ("3", HistoryScreen), ("1", GraphScreen)):
            await stage.press(key)
            assert type(stage.app.screen) is screen


async def test_an_edit_of_priority_and_duration_goes_to_the_draft(console: Open) -> None:
    async with console() as stage:
        await stage.press("e")
        await stage.type("70")
        await stage.press("tab")
        await stage.type("45s")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(EditNode))
        assert stage.engine.asked(EditNode) == [
            EditNode(node=ENTITIES, base_revision=3, range=0, priority=70, duration_ms=45_000)
        ]
        await stage.until(lambda: isinstance(stage.app.screen, GraphScreen))


async def test_a_mistyped_priority_stays_typed_with_the_reason(console: Open) -> None:
    async with console() as stage:
        await stage.press("e")
        await stage.type("101")
        await stage.press("enter")
        assert isinstance(stage.app.screen, FormScreen)
        assert "is not a priority" in stage.text()
        assert "101" in stage.text()
        assert not stage.engine.asked(EditNode)


async def test_a_refused_edit_keeps_what_was_typed_and_shows_the_engines_reason(
    console: Open,
) -> None:
    async with console() as stage:
        stage.engine.refuse(EditServer, "48 is not a power of two", "try 32 or 64")
        await stage.press("2", "enter")
        await stage.type("48")
        await stage.press("enter")
        await stage.until(lambda: "not a power of two" in stage.text())
        assert "Try 32 or 64" in stage.text()
        assert "48" in stage.text()
        assert isinstance(stage.app.screen, FormScreen)
        await stage.press("escape")
        assert isinstance(stage.app.screen, TuningScreen)


async def test_what_is_wrong_with_a_setting_is_told_while_it_is_typed(console: Open) -> None:
    async with console() as stage:
        stage.engine.refuse(CheckSetting, "48 is not a power of two", "try 32 or 64")
        await stage.press("2", "enter")
        assert "Live: =32." in stage.text()
        await stage.type("48")
        await stage.until(lambda: "not a power of two" in stage.text())
        stage.engine.answers[CheckSetting] = lambda _: None
        await stage.press("0")
        await stage.until(lambda: "not a power of two" not in stage.text())
        assert stage.engine.asked(CheckSetting)[-1] == CheckSetting(
            key="tokens_per_block", value="480"
        )
        assert not stage.engine.asked(EditServer)


async def test_a_setting_is_edited_on_the_revision_it_was_seen_at(console: Open) -> None:
    async with console() as stage:
        await stage.press("2", "enter")
        await stage.type("16")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(EditServer))
        assert stage.engine.asked(EditServer) == [
            EditServer(key="tokens_per_block", value="16", base_revision=3)
        ]


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
        await stage.until(lambda: "Making it live again changes" in stage.text())
        assert stage.engine.asked(ShowRevision) == [ShowRevision(1)]
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


async def test_runs_are_started_and_cancelled(console: Open) -> None:
    wanted = [StartRun(), StartRun(variant="baseline"), CancelRun()]
    async with console() as stage:
        await stage.press("r", "b", "c")
        await stage.until(lambda: len(stage.engine.commands) == len(wanted))
        assert stage.engine.commands == wanted


@pytest.mark.parametrize(("key", "command"), [("a", ProposePlan), ("x", DiscardDraft)])
async def test_the_draft_is_proposed_and_discarded(console: Open, key: str, command: type) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", key)
        await stage.until(lambda: stage.engine.asked(command))


async def test_what_the_draft_changes_is_shown_alone(console: Open) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", "v")
        table = stage.app.screen.query_one(TuningTable)
        assert [row.key for row in table.rows] == [
            "server:tokens_per_block",
            f"retention:{VALIDATED}",
            f"layout:{VALIDATED}",
        ]
        await stage.press("v")
        assert len(table.rows) > 10


async def test_the_draft_is_saved_as_a_file_of_its_full_path(console: Open) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", "O", "enter")
        await stage.until(lambda: stage.engine.asked(SavePlan))
        path = str(Path("plan.yaml").absolute())
        assert stage.engine.commands[-1] == SavePlan(path=path)
        await stage.until(lambda: f"The plan is in {path}" in stage.told())


async def test_keys_stay_live_while_a_plan_is_worked_out(console: Open) -> None:
    async with console(DRAFT) as stage:
        answered = asyncio.Event()

        async def slowly(_: object) -> None:
            await answered.wait()

        stage.engine.answers[ProposePlan] = slowly
        await stage.press("2", "a")
        await stage.until(lambda: "works out a plan" in stage.text())
        await stage.press("1")
        assert isinstance(stage.app.screen, GraphScreen)
        await stage.press("2")
        answered.set()
        await stage.until(lambda: "works out a plan" not in stage.text())


async def test_ctrl_c_tells_which_key_leaves(console: Open) -> None:
    async with console() as stage:
        await stage.press("ctrl+c")
        await stage.until(lambda: "q leaves" in stage.told())


async def test_the_call_under_the_cursor_is_shown_below_the_graph(console: Open) -> None:
    async with console(size=(120, 40)) as stage:
        await stage.press("down")
        await stage.until(lambda: "document_processor.py:36" in stage.text())
        await stage.press("down")
        await stage.until(lambda: "document_processor.py:41" in stage.text())


async def test_a_smaller_terminal_keeps_the_row_under_the_cursor_in_view(console: Open) -> None:
    calls = tuple(
        replace(
            CALLS[0],
            id=f"Deep.run:step_{number}",
            output=f"step_{number}",
            depends_on=(Dependency(f"Deep.run:step_{number - 1}"),) if number else (),
        )
        for number in range(60)
    )
    async with console(
        replace(SESSION, compiled=CompiledFile(path=AGENT, calls=calls)), size=(120, 40)
    ) as stage:
        await stage.press("end")
        await stage.until(lambda: "step_59" in stage.text())
        await stage.pilot.resize_terminal(80, 24)
        await stage.until(lambda: "step_59" in stage.text() and "◌ waiting" in stage.text())


async def test_an_agent_is_opened_by_its_full_path(console: Open) -> None:
    async with console() as stage:
        await stage.press("o")
        await stage.press("ctrl+u")
        await stage.type("other.py")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(OpenAgent))
        (command,) = stage.engine.asked(OpenAgent)
        assert isinstance(command, OpenAgent)
        assert command.path.startswith("/")
        assert command.path.endswith("other.py")


async def test_a_recording_is_started_under_the_offered_name(console: Open) -> None:
    async with console() as stage:
        await stage.press("w", "enter")
        await stage.until(lambda: stage.engine.asked(StartRecording))


async def test_each_key_of_a_replay_is_one_command(console: Open) -> None:
    wanted = {
        "space": ControlReplay(paused=True),
        "plus": ControlReplay(speed=2.0),
        "minus": ControlReplay(speed=0.5),
        "left": SeekReplay(by=-10.0),
        "right": SeekReplay(by=10.0),
        "shift+left": SeekReplay(by=-60.0),
        "shift+right": SeekReplay(by=60.0),
        "comma": SeekReplay(by=-1.0),
        "full_stop": SeekReplay(by=1.0),
        "right_curly_bracket": SeekReplay(marker=1),
        "left_curly_bracket": SeekReplay(marker=-1),
        "home": SeekReplay(to=START),
        "end": SeekReplay(to=START + 600),
    }
    async with console(REPLAY) as stage:
        await stage.press(*wanted)
        await stage.until(lambda: len(stage.engine.commands) == len(wanted))
        assert stage.engine.commands == list(wanted.values())


async def test_a_replay_goes_to_a_typed_time(console: Open) -> None:
    async with console(REPLAY) as stage:
        await stage.press("slash")
        await stage.type("3m ago")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.commands)
        assert stage.engine.commands == [SeekReplay(to=START + 420)]


async def test_a_time_that_is_none_stays_typed(console: Open) -> None:
    async with console(REPLAY) as stage:
        await stage.press("slash")
        await stage.type("soon")
        await stage.press("enter")
        assert "is not a time" in stage.text()
        assert "soon" in stage.text()


async def test_in_a_replay_nothing_is_changed_and_the_reason_is_told(console: Open) -> None:
    async with console(REPLAY) as stage:
        await stage.press("e")
        await stage.until(lambda: "This is a recording" in stage.told())
        await stage.press("r", "u")
        assert not stage.engine.commands


async def test_read_only_refuses_what_changes_with_the_reason_and_shows_a_lock(
    console: Open,
) -> None:
    async with console(DRAFT, read_only=True) as stage:
        assert "read-only" in stage.text()
        await stage.press("2", "p")
        await stage.until(lambda: "started with --read-only" in stage.told())
        await stage.press("enter", "a", "x", "u", "r")
        assert not stage.engine.commands
        assert isinstance(stage.app.screen, TuningScreen)


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


async def test_the_palette_offers_the_screens_own_actions(console: Open) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", "ctrl+p")
        await stage.type("discard")
        await stage.until(lambda: "x  Throw the draft away" in stage.text())
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(DiscardDraft))


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


@pytest.mark.parametrize("size", [(79, 24), (60, 20), (40, 12)])
async def test_a_small_terminal_shows_every_node_with_its_hit_rate(
    console: Open, size: tuple[int, int]
) -> None:
    async with console(size=size) as stage:
        await stage.until(lambda: "entities" in stage.text())
        assert "HIT" in stage.text()
        assert "=8.3 %" in stage.text()


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


async def test_no_agent_says_how_to_open_one(console: Open) -> None:
    async with console(base=()) as stage:
        assert "connected" in stage.text()
        stage.engine.hub.publish(type(SESSION)(engine_version="0.1.0", phase="ready"))
        await stage.until(lambda: "No agent is open" in stage.text())


async def test_the_agent_and_the_meaningless_text_are_named(console: Open) -> None:
    async with console() as stage:
        assert AGENT.rpartition("/")[2] in stage.text()
        assert "text means nothing" in stage.text()


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


async def test_a_changed_source_is_said_and_read_again_by_its_key(console: Open) -> None:
    async with console(replace(SESSION, source_changed=True), size=(120, 36)) as stage:
        assert "source changed: R" in stage.text()
        await stage.press("R")
        await stage.until(lambda: stage.engine.asked(OpenAgent))
        assert stage.engine.asked(OpenAgent) == [OpenAgent(path=AGENT)]


async def test_an_editor_that_is_not_named_is_asked_for(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    async with console() as stage:
        await stage.press("E")
        await stage.until(lambda: "Set EDITOR" in stage.told())


async def test_the_graph_is_filtered_by_name_and_sorted_by_what_is_paid(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        table = stage.app.screen.query_one(GraphTable)
        await stage.press("slash")
        await stage.type("valid")
        await stage.press("enter")
        await stage.until(lambda: [row.key for row in table.rows] == [VALIDATED])
        assert "only valid" in stage.text()
        await stage.press("slash", *["backspace"] * 5, "enter")
        await stage.until(lambda: len(table.rows) == 4)
        await stage.press("s")
        assert [row.key for row in table.rows] == [VALIDATED, ENTITIES, CLASSIFICATION]
        assert "by tokens computed" in stage.text()
        await stage.press("s", "s", "s", "s")
        assert not table.rows[0].pickable


async def test_enter_folds_a_group_of_calls_and_x_opens_every_group(console: Open) -> None:
    plan, *notes = (replace(CALLS[0], id=f"Desk.run:{name}") for name in ("plan", "a", "b", "c"))
    wave = tuple(replace(note, depends_on=(Dependency(plan.id),)) for note in notes)
    session = replace(SESSION, compiled=CompiledFile(path=AGENT, calls=(plan, *wave)))
    async with console(session) as stage:
        table = stage.app.screen.query_one(GraphTable)
        await stage.press("down", "enter")
        assert "▸ a … c ⇉ 3" in stage.text()
        assert len(table.rows) == 3
        await stage.press("x")
        assert len(table.rows) == 6


async def test_space_holds_the_live_screen_still_and_arrows_walk_back(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        now = time.time()
        for second in (1, 11, 21):
            shown = replace(NODES.nodes[0], requests=100 + second)
            stage.engine.hub.publish(Nodes((shown, *NODES.nodes[1:])), at=now + second)
            await stage.until(partial(stage.shows, f"={100 + second}"))
        await stage.press("space")
        await stage.until(partial(stage.shows, "frozen"))
        await stage.press("left")
        assert stage.shows("=111")
        later = replace(NODES.nodes[0], requests=200)
        stage.engine.hub.publish(Nodes((later, *NODES.nodes[1:])), at=now + 31)
        await stage.press("r")
        assert "The screen is frozen: space goes on." in stage.told()
        assert not stage.engine.asked(StartRun)
        assert not stage.shows("=200")
        await stage.press("space")
        await stage.until(partial(stage.shows, "=200"))


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


async def test_every_answer_of_a_question_finds_room_on_a_narrow_terminal(console: Open) -> None:
    async with console(size=(60, 20)) as stage:
        question = Confirmation("Quit and stop the engine?", (), "Quit")
        stage.app.push_screen(Leaving(question, ("the console of process 7",)))
        await stage.settle()
        dialog = stage.app.screen.query_one(".dialog").region
        answers = stage.app.screen.query(Button)
        assert len(answers) == 3
        assert all(dialog.contains_region(answer.region) for answer in answers)


async def test_strips_are_higher_where_they_have_the_screen_alone(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        strips = stage.app.screen.query_one(StripsPanel)
        await stage.until(lambda: len(strips.lines) == 4)
        strips.focus()
        await stage.press("z")
        await stage.until(lambda: len(strips.lines) > 20)


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


async def test_plus_and_minus_step_the_setting_under_the_cursor(console: Open) -> None:
    async with console() as stage:
        await stage.press("2", "plus", "minus", "less_than_sign")
        await stage.until(lambda: stage.engine.asked(UndoEdit))
        assert stage.engine.asked(EditServer) == [
            EditServer(key="tokens_per_block", value=value, base_revision=3)
            for value in ("64", "16")
        ]


async def test_a_swept_value_is_taken_over_into_the_draft(console: Open) -> None:
    async with console() as stage:
        stage.engine.answers[SweepSetting] = lambda _: SettingSweep(
            key="tokens_per_block",
            values=tuple(
                SweptValue(value=value, predicted=prediction(rate, 90.0), drafted=value == "32")
                for value, rate in (("16", 0.5), ("32", 0.3))
            ),
        )
        await stage.press("2", "s")
        await stage.until(partial(stage.shows, "▸ 32"))
        await stage.press("up", "enter")
        await stage.until(lambda: stage.engine.asked(EditServer))
        assert stage.engine.asked(EditServer) == [
            EditServer(key="tokens_per_block", value="16", base_revision=3)
        ]
        assert isinstance(stage.app.screen, TuningScreen)
