"""What is written to the terminal makes it show what is wanted, and is no more than needed."""

import random
import re

import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.geometry import Region, Size
from textual.strip import Strip

from charter_tui.present.gpu import FILLS
from charter_tui.present.prompt import KIND_FILLS
from charter_tui.present.spans import line, text_of
from charter_tui.terminal.ascii import ascii_only, in_ascii, spelt
from charter_tui.terminal.canvas import Canvas

SIZE = Size(12, 3)
STYLES = [Style.parse(text) for text in ("red", "bold blue on white", "underline", "on green", "")]
WORDS = ["alpha", "漢字", "é", "  ", "█▌", "z"]


def update(lines: list[Strip], y: int = 0) -> LayoutUpdate:
    return LayoutUpdate([[line] for line in lines], Region(0, y, SIZE.width, len(lines)))


def strip(*parts: tuple[str, Style]) -> Strip:
    line = Strip([Segment(text, style) for text, style in parts])
    return line.adjust_cell_length(SIZE.width, Style.null())


class Screen:
    """A terminal that knows cursor positions and wide characters, and no more."""

    def __init__(self) -> None:
        self.cells = [[" "] * SIZE.width for _ in range(SIZE.height)]

    def write(self, text: str) -> None:
        line, x = self.cells[0], 0
        for move, character in re.findall(r"\x1b\[([\d;]+)H|\x1b\[[\d;]*m|(.)", text):
            if move:
                y, x = (int(part) - 1 for part in move.split(";"))
                line = self.cells[y]
            elif character:
                line[x] = character
                if character in "漢字":
                    line[x + 1] = ""
                x += 1 + (character in "漢字")

    def text(self) -> list[str]:
        return ["".join(line) for line in self.cells]


def draw(canvas: Canvas, screen: Screen, wanted: LayoutUpdate) -> str:
    canvas.fit(SIZE)
    canvas.take(wanted, ColorSystem.TRUECOLOR)
    difference = canvas.difference()
    written = difference.render() if difference else ""
    if written:
        screen.write(written)
    return written


def test_after_any_sequence_of_updates_the_terminal_shows_the_newest() -> None:
    chance = random.Random(7)
    canvas, screen = Canvas(), Screen()
    lines = [strip(("", Style.null()))] * SIZE.height
    draw(canvas, screen, update(lines))
    for _ in range(300):
        y = chance.randrange(SIZE.height)
        parts = [(chance.choice(WORDS), chance.choice(STYLES)) for _ in range(3)]
        lines[y] = strip(*parts)
        draw(canvas, screen, update([lines[y]], y))
        fresh = Screen()
        draw(Canvas(), fresh, update(lines))
        assert screen.text() == fresh.text()


def test_what_is_shown_already_is_not_written_again() -> None:
    canvas, screen = Canvas(), Screen()
    same = update([strip(("alpha", STYLES[0]))])
    assert "alpha" in draw(canvas, screen, same)
    assert draw(canvas, screen, same) == ""
    changed = draw(canvas, screen, update([strip(("alphb", STYLES[0]))]))
    assert "b" in changed
    assert "alph" not in changed


def test_a_terminal_that_another_program_had_is_drawn_anew() -> None:
    canvas, screen = Canvas(), Screen()
    same = update([strip(("alpha", STYLES[0]))])
    draw(canvas, screen, same)
    canvas.forget()
    assert "alpha" in draw(canvas, screen, same)


def test_ascii_signs_are_as_wide_as_what_they_stand_for() -> None:
    assert in_ascii("● done 漢 é –") == "* done __ _ -"
    assert in_ascii("⠀⣀⣿") == " :@"
    assert len(set(in_ascii("↻↺⇉")) - set("=~?")) == 3
    assert not set(in_ascii("漢?é").replace("?", "", 1)) & set("?=~")


def test_parts_that_lie_side_by_side_have_signs_of_their_own_in_ascii() -> None:
    memory = [sign for kind, (sign, _, _) in FILLS.items() if kind != "serving"]
    assert len({in_ascii(sign) for sign in memory}) == len(memory)
    prompt = [in_ascii(sign) for sign in KIND_FILLS.values()]
    assert len(set(prompt)) == len(prompt)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("35 ∞     next", "35 inf   next"),
        ("35 ∞  ", "35 inf"),
        ("     ∞ next", "   inf next"),
        ("35 ∞ next", "35 inf next"),
        ("35 30s", "35 30s"),
    ],
)
def test_endless_is_a_word_in_ascii_and_moves_nothing_that_leaves_room(
    text: str, shown: str
) -> None:
    assert text_of(spelt(line(text))) == shown


def test_only_a_locale_that_says_so_is_without_unicode() -> None:
    assert ascii_only({"LANG": "C"})
    assert ascii_only({"LC_ALL": "POSIX", "LANG": "en_GB.UTF-8"})
    assert ascii_only({"LANG": "de_DE.ISO-8859-1"})
    assert not ascii_only({"LANG": "C.UTF-8"})
    assert not ascii_only({"LANG": "en_GB.utf8"})
    assert not ascii_only({})
