"""Copying and pictures: what was done, and what can be known of it."""

from pathlib import Path

import pytest
from rich.color import Color, ColorSystem

from charter_tui.clipboard import MOST_BYTES, told
from charter_tui.present.spans import Tone
from charter_tui.widgets.graph_table import GraphTable
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.tones import sixteen_styles
from tests.tui.conftest import Open


async def test_a_key_copies_the_row_under_the_cursor(console: Open) -> None:
    async with console() as stage:
        await stage.press("down", "y")
        assert "validated" in stage.app.clipboard
        assert "characters to the terminal's clipboard" in stage.told()


async def test_releasing_the_mouse_copies_what_was_selected(console: Open) -> None:
    async with console() as stage:
        table = stage.app.screen.query_one(GraphTable)
        await stage.pilot.mouse_down(table, offset=(3, 2))
        await stage.pilot.hover(table, offset=(20, 2))
        await stage.pilot.mouse_up(table, offset=(20, 2))
        await stage.until(lambda: "entities" in stage.app.clipboard)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TMUX": "/tmp/tmux"}, "set-clipboard on"),
        ({"STY": "1.pts"}, "screen does not pass it on"),
        ({"VTE_VERSION": "7600"}, "ignore it"),
        ({"TERM": "xterm-256color"}, "do not tell"),
    ],
)
def test_what_speaks_against_a_copy_is_told(environment: dict[str, str], words: str) -> None:
    assert words in told("text", environment)


def test_more_than_terminals_take_is_not_said_to_be_copied() -> None:
    assert told("x" * (MOST_BYTES + 1)).startswith("Not copied")


async def test_a_screenshot_says_where_it_is(
    console: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with console() as stage:
        await stage.press("f9")
        (picture,) = tmp_path.glob("charter-*.svg")
        assert str(picture) in stage.told()


async def test_a_screenshot_that_cannot_be_written_says_why(console: Open, tmp_path: Path) -> None:
    async with console() as stage:
        stage.app.action_screenshot(path=str(tmp_path / "missing"))
        await stage.until(lambda: "No such file or directory" in stage.told())


async def test_of_sixteen_colours_none_is_written_on_the_row_under_the_cursor(
    console: Open,
) -> None:
    async with console() as stage:
        stage.app.console._color_system = ColorSystem.STANDARD
        table = stage.app.screen.query_one(LineTable)
        at = 1 + table.cursor - table.scroll_offset.y
        looks = {
            (style.color, style.reverse)
            for text, style, _ in table.render_line(at)
            if style is not None and text.strip()
        }
        assert looks == {(Color.default(), True)}
        assert len({style.color for _, style, _ in table.render_line(at + 1) if style}) > 1


@pytest.mark.parametrize("dark", [True, False])
def test_of_sixteen_colours_meanings_that_must_not_be_confused_have_their_own(dark: bool) -> None:
    styles = sixteen_styles(dark)

    def number(tone: Tone) -> int | None:
        colour = styles[tone].color
        assert colour is not None
        return colour.downgrade(ColorSystem.STANDARD).number

    assert number("assumed") not in {number("bad"), number("warning"), number("measured")}
    assert number("kv-hot") not in {number("bad"), number("warning")}
    heat: tuple[Tone, ...] = ("kv-cold", "kv-cool", "kv-warm", "kv-hot")
    assert number("predicted") not in {number(tone) for tone in heat}
    labels: tuple[Tone, ...] = ("measured", "predicted", "assumed")
    assert len({number(tone) for tone in labels}) == 3
