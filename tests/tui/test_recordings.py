"""Comparing recordings: what is typed, what the engine is asked, and what is shown."""

from charter_engine.contracts.commands import CompareRecorded
from charter_engine.contracts.gauges import Recording
from charter_engine.contracts.recordings import CompareRecordings
from charter_tui.screens.form import FormScreen
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.recordings import RecordingsScreen
from tests.tui.conftest import Open
from tests.tui.recorded_scene import COMPARED


async def test_two_recordings_are_compared_on_a_screen_of_their_own(console: Open) -> None:
    async with console(size=(120, 40)) as stage:
        stage.engine.answers[CompareRecorded] = lambda _: COMPARED
        await stage.press("W")
        await stage.type("/w/a.charter")
        await stage.press("tab")
        await stage.type("/w/b.charter")
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, RecordingsScreen))
        assert stage.engine.asked(CompareRecorded) == [
            CompareRecorded(CompareRecordings(before="/w/a.charter", after="/w/b.charter"))
        ]
        assert stage.shows("computes 83 % less")
        await stage.press("escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_the_recording_in_progress_is_offered_and_a_refusal_keeps_the_form(
    console: Open,
) -> None:
    async with console(Recording(path="/w/now.charter")) as stage:
        stage.engine.refuse(CompareRecorded, "nothing was pushed while this was recorded")
        await stage.press("W", "enter")
        await stage.until(lambda: stage.shows("Nothing was pushed"))
        assert isinstance(stage.app.screen, FormScreen)
        assert stage.engine.asked(CompareRecorded) == [
            CompareRecorded(CompareRecordings(before="/w/now.charter"))
        ]
