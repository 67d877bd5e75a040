"""The recordings screen: what it lists, and what is done with a recording."""

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.contracts.commands import CompareRecorded, ListRecordings
from charter_engine.contracts.gauges import Recording
from charter_engine.contracts.recordings import CompareRecordings, ListedRecording
from charter_tui.screens import recordings
from charter_tui.screens.form import FormScreen
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.recorded import RecordedScreen
from charter_tui.screens.recordings import RecordingsScreen
from tests.tui.conftest import Open, Stage
from tests.tui.recorded_scene import COMPARED, LISTED
from tests.tui.scene import REPLAY, SESSION
from tests.unit.store.recorded import record


async def listed(stage: Stage) -> None:
    """Open the screen and wait for what it lists."""
    stage.engine.answers[ListRecordings] = lambda _: LISTED
    await stage.press("W")
    await stage.until(lambda: stage.shows("tuesday.charter"))


async def test_recordings_are_listed_with_what_is_wrong_with_them(console: Open) -> None:
    async with console(Recording(path="/w/now.charter"), size=(120, 40)) as stage:
        await listed(stage)
        for words in ("4 recordings", "desk.py", "● recording", "! damaged", "✗ unreadable"):
            assert stage.shows(words)
        await stage.press("end")
        assert stage.shows("/w/notes.charter is not a recording of Charter")
        await stage.press("enter", "e")
        assert isinstance(stage.app.screen, RecordingsScreen)
        assert "is not a recording" in stage.told()


async def test_another_folder_is_looked_at_and_what_is_none_is_said(console: Open) -> None:
    async with console() as stage:
        await listed(stage)
        stage.engine.refuse(ListRecordings, "/nowhere: No such file or directory")
        await stage.press("slash", "ctrl+u")
        await stage.type("/nowhere")
        await stage.press("enter")
        await stage.until(lambda: stage.shows("No such file"))
        assert stage.engine.asked(ListRecordings)[-1] == ListRecordings("/nowhere")


async def test_enter_replays_a_recording_in_a_console_of_its_own(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent: list[list[str]] = []
    monkeypatch.setattr(recordings, "lend", lambda _app, command, _what: lent.append(command))
    async with console() as stage:
        await listed(stage)
        await stage.press("down", "enter")
        ((program, *rest),) = lent
        assert program == sys.executable
        assert rest[rest.index("--replay") + 1] == "/w/tuesday.charter"


async def test_in_a_replay_other_recordings_are_listed_and_compared(console: Open) -> None:
    async with console(replace(SESSION, mode="replay", read_only=True), REPLAY) as stage:
        stage.engine.answers[CompareRecorded] = lambda _: COMPARED
        await listed(stage)
        await stage.press("down", "c", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, RecordedScreen))


async def test_where_the_engine_lists_nothing_no_number_of_recordings_is_told(
    console: Open,
) -> None:
    async with console() as stage:
        stage.engine.refuse(ListRecordings, "/w: Permission denied")
        await stage.press("W")
        await stage.until(lambda: stage.shows("Permission denied"))
        assert not stage.shows("0 recordings")


async def test_the_marked_recording_is_compared_with_the_one_under_the_cursor(
    console: Open,
) -> None:
    async with console(size=(120, 40)) as stage:
        stage.engine.answers[CompareRecorded] = lambda _: COMPARED
        await listed(stage)
        await stage.press("down", "down", "m", "up", "c", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, RecordedScreen))
        assert stage.engine.asked(CompareRecorded) == [
            CompareRecorded(
                CompareRecordings(before="/w/monday.charter", after="/w/tuesday.charter")
            )
        ]
        assert stage.shows("computes 83 % less")
        await stage.press("escape", "escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_without_a_mark_a_recording_is_compared_around_its_last_push(console: Open) -> None:
    async with console() as stage:
        stage.engine.refuse(CompareRecorded, "nothing was pushed while this was recorded")
        await listed(stage)
        await stage.press("down", "c", "enter")
        await stage.until(lambda: stage.shows("Nothing was pushed"))
        assert isinstance(stage.app.screen, FormScreen)
        assert stage.engine.asked(CompareRecorded) == [
            CompareRecorded(CompareRecordings(before="/w/tuesday.charter"))
        ]


async def test_an_export_is_in_the_form_that_its_name_says_and_replaces_no_file(
    console: Open, tmp_path: Path
) -> None:
    record(tmp_path / "run.charter", range(3))
    run = ListedRecording(path=str(tmp_path / "run.charter"), bytes=1)
    async with console() as stage:
        stage.engine.answers[ListRecordings] = lambda _: (run,)
        await stage.press("W")
        await stage.until(lambda: stage.shows("run.charter"))
        output = tmp_path / "run.csv"
        for _ in range(2):
            await stage.press("e", "ctrl+u")
            await stage.type(str(output))
            await stage.press("enter")
            await stage.until(lambda: "The recording is in" in stage.told())
        await stage.until(lambda: stage.shows("exists"))
        assert output.read_text().startswith("run,")
