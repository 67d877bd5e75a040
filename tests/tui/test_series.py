"""The screen of what was measured over time, and notes."""

from functools import partial

from charter_engine.contracts.commands import AddNote, ListMarks, ListTicks
from charter_engine.contracts.gauges import Marker
from charter_tui.screens.series import SeriesScreen
from tests.tui.conftest import Open, Stage
from tests.tui.scene import START, TICKS


def asked(stage: Stage) -> list[ListMarks]:
    return [one for one in stage.engine.asked(ListMarks) if isinstance(one, ListMarks)]


async def test_a_longer_stretch_and_the_one_before_are_asked_for_with_their_marks(
    console: Open,
) -> None:
    marked = Marker(START - 30, "note", "the load test begins")
    async with console() as stage:
        stage.engine.answers[ListMarks] = lambda _: (marked,)
        await stage.press("T")
        await stage.until(partial(stage.shows, "the load test begins"))
        assert stage.shows("10 minutes until now")
        await stage.press("v")
        await stage.until(partial(stage.shows, "an hour until now"))
        await stage.press("[")
        await stage.until(partial(stage.shows, "an hour until 20"))
        before = asked(stage)[-1]
        assert before.seconds == 3_600
        assert before.until == TICKS[-1].at - 3_600
        await stage.press("]")
        await stage.until(partial(stage.shows, "an hour until now"))
        await stage.press("escape")
        assert not isinstance(stage.app.screen, SeriesScreen)


async def test_what_the_engine_cannot_tell_is_said_in_its_place(console: Open) -> None:
    async with console() as stage:
        stage.engine.refuse(ListTicks, "the database is locked")
        await stage.press("T")
        await stage.until(partial(stage.shows, "The database is locked."))


async def test_a_note_marks_the_moment_and_an_empty_one_is_not_sent(console: Open) -> None:
    async with console() as stage:
        await stage.press("N", "enter")
        assert stage.shows("Say what is worth remembering.")
        await stage.type("went out")
        await stage.press("enter")
        await stage.engine.until_asked(AddNote)
        assert stage.engine.asked(AddNote) == [AddNote(text="went out")]


async def test_the_last_minutes_stand_below_the_settings_where_there_is_room(
    console: Open,
) -> None:
    async with console(size=(200, 60)) as stage:
        await stage.press("2")
        await stage.until(partial(stage.shows, "The last minutes"))
        assert stage.shows("enable_chunked_context") and stage.shows("KV used")
        await stage.pilot.resize_terminal(120, 40)
        await stage.settle()
        assert not stage.shows("The last minutes")
