"""Every dialog can be read and answered on a small terminal."""

from functools import partial

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from textual.widgets import Button, Input

from charter_engine.contracts.commands import ListRevisions
from charter_engine.contracts.gauges import Payload
from charter_tui.paths import shipped_themes
from charter_tui.screens.confirm import Confirm
from charter_tui.screens.form import FormScreen
from charter_tui.theme import load_themes
from charter_tui.widgets.keys import KeyFooter
from tests.tui.answers import about_requests
from tests.tui.conftest import Open
from tests.tui.deploy_scene import about_the_deployment
from tests.tui.scene import DRAFT, RUN
from tests.tui.scene import REVISIONS as LISTED
from tests.tui.test_every_screen import unreadable
from tests.tui.traffic_scene import PASSED

ENDED = replace(RUN, progress=replace(RUN.progress, state="done"))
SMALL = (60, 20)
KEYS: dict[str, tuple[str, ...]] = {
    "retention": ("e",),
    "columns": ("K",),
    "agent": ("o",),
    "note": ("N",),
    "recording": ("w",),
    "setting": ("2", "e"),
    "proposal": ("2", "A"),
    "plan file": ("2", "l"),
    "push": ("2", "p"),
    "rollback": ("u",),
    "plan": ("5", "enter"),
    "sweep": ("5", "down", "enter"),
    "learn": ("5", "down", "down", "enter"),
    "calibrate": ("5", "down", "down", "down", "enter"),
    "benchmark": ("5", "down", "down", "down", "down", "enter"),
    "answers": ("5", "down", "down", "down", "down", "down", "enter"),
    "push on traffic": ("9", "p"),
    "trial": ("9", "n"),
    "uninstall": ("9", "U"),
    "requests": ("7", "slash"),
}


@pytest.mark.parametrize("dialog", KEYS)
async def test_a_dialog_shows_all_its_hints_and_buttons_on_a_small_terminal(
    console: Open, dialog: str
) -> None:
    payloads: tuple[Payload, ...] = (DRAFT, ENDED)
    async with console(*payloads, size=SMALL) as stage:
        stage.engine.answers |= {**about_the_deployment(), **about_requests(PASSED)}
        stage.engine.answers[ListRevisions] = lambda _: LISTED
        await stage.until(lambda: stage.app.snapshot.has_changes)
        for key in KEYS[dialog]:
            await stage.press(key)
        await stage.until(lambda: isinstance(stage.app.screen, FormScreen | Confirm))
        screen = stage.app.screen
        inside = screen.query_one(".dialog").content_region
        for button in screen.query(Button):
            assert inside.contains_region(button.region), button.label
        for field in screen.query(Input):
            assert inside.contains_region(field.region), field.id
            assert cell_len(field.placeholder) <= field.content_size.width, field.placeholder


@pytest.mark.parametrize("theme", sorted(load_themes((shipped_themes(),))[0]))
@pytest.mark.parametrize(("keys", "words"), [("2 p", "Type tensorrt_llm"), ("o", "Open an agent")])
async def test_every_word_of_a_dialog_can_be_read_in_every_theme(
    console: Open, theme: str, keys: str, words: str
) -> None:
    async with console(DRAFT, theme=theme) as stage:
        await stage.press(*keys.split())
        await stage.until(partial(stage.shows, words))
        dialog = stage.app.screen.query_one(".dialog").region
        assert list(unreadable(stage.app.screen, dialog)) == []


@pytest.mark.parametrize("theme", sorted(load_themes((shipped_themes(),))[0]))
async def test_behind_a_dialog_the_screen_stays_in_view_in_every_theme(
    console: Open, theme: str
) -> None:
    async with console(DRAFT, theme=theme) as stage:
        await stage.press("o")
        await stage.until(partial(stage.shows, "Open an agent"))
        assert stage.shows("document_processor.py  graph")


async def test_the_words_before_the_fields_of_a_form_stand_apart_from_them(console: Open) -> None:
    async with console(DRAFT, size=(80, 24)) as stage:
        await stage.press("e")
        await stage.until(lambda: isinstance(stage.app.screen, FormScreen))
        note = stage.app.screen.query_one(".form-note").region
        assert stage.app.screen.query(Input).first().region.y == note.bottom + 1


async def test_few_messages_take_no_more_room_than_their_words(console: Open) -> None:
    async with console(size=(120, 40)) as stage:
        await stage.press("f3")
        await stage.until(partial(stage.shows, "Nothing yet."))
        assert stage.app.screen.query_one(".dialog").region.height < 10


async def test_a_question_breaks_no_line_between_a_figure_and_its_unit(console: Open) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", "p")
        await stage.until(partial(stage.shows, "~12.6 s →"))
        assert stage.shows("~10.3 s, TTFT") and stage.shows("~31.0 % →")


async def test_behind_a_dialog_the_footer_stays_as_it_is(console: Open) -> None:
    async with console(size=(120, 30)) as stage:
        (before,) = stage.app.screen.query_one(KeyFooter).lines
        footer = stage.app.screen.query_one(KeyFooter)
        await stage.press("o")
        stage.app.refresh_bindings()
        await stage.settle()
        assert footer.lines == (before,)
