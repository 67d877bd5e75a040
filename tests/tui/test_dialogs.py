"""Every dialog can be read and answered on a small terminal."""

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from textual.widgets import Button, Input

from charter_engine.contracts.commands import ListRevisions
from charter_engine.contracts.gauges import Payload
from charter_tui.screens.confirm import Confirm
from charter_tui.screens.form import FormScreen
from tests.tui.answers import about_requests
from tests.tui.conftest import Open
from tests.tui.deploy_scene import about_the_deployment
from tests.tui.scene import DRAFT, RUN
from tests.tui.scene import REVISIONS as LISTED
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
