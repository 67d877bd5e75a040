"""What the terminal's environment tells of what it can show."""

import pytest

from charter_engine.monitor.terminal import terminal_troubles

GOOD = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def troubles(encoding: str = "utf-8", columns: int = 120, rows: int = 40, **changed: str) -> str:
    found = terminal_troubles({**GOOD, **changed}, encoding, columns, rows)
    return "; ".join(message for message, _ in found)


def test_a_usual_terminal_has_none() -> None:
    assert troubles() == ""
    assert troubles(encoding="UTF8", TERM="xterm-kitty") == ""


@pytest.mark.parametrize("term", ["", "dumb"])
def test_a_terminal_without_a_kind_is_told(term: str) -> None:
    assert troubles(TERM=term) == "TERM is not set"


def test_few_colours_a_narrow_window_and_another_encoding_are_told() -> None:
    told = troubles("ascii", 60, 20, TERM="xterm", COLORTERM="")
    assert told == (
        "TERM xterm stands for 16 colours; text is written in ascii; 60×20 characters show little"
    )
