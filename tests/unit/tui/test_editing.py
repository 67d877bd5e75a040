"""The command that opens an editor at a line."""

import pytest

from charter_tui.editing import NoEditor, editor_command
from charter_tui.lending import failed_words


@pytest.mark.parametrize(
    ("editor", "command"),
    [
        ("vim", ["vim", "+41", "a.py"]),
        ("/usr/bin/emacs -nw", ["/usr/bin/emacs", "-nw", "+41", "a.py"]),
        ("hx", ["hx", "a.py:41"]),
        ("code", ["code", "--wait", "--goto", "a.py:41"]),
    ],
)
def test_each_editor_gets_the_line_in_its_own_way(editor: str, command: list[str]) -> None:
    assert editor_command({"EDITOR": editor}, "a.py", 41) == command


def test_the_visual_editor_comes_first() -> None:
    assert editor_command({"EDITOR": "ed", "VISUAL": "nano"}, "a.py", 1)[0] == "nano"


def test_without_an_editor_it_is_said_where_to_name_one() -> None:
    with pytest.raises(NoEditor, match="EDITOR=vim"):
        editor_command({}, "a.py", 1)


def test_an_editor_that_no_shell_would_take_is_named() -> None:
    with pytest.raises(NoEditor, match="vim 'x is no command: No closing quotation"):
        editor_command({"EDITOR": "vim 'x"}, "a.py", 1)


@pytest.mark.parametrize(
    ("code", "words"),
    [(1, "The editor vi ended with exit code 1."), (-9, "The editor vi was ended by signal 9.")],
)
def test_how_a_program_failed_is_said(code: int, words: str) -> None:
    assert failed_words("The editor vi", code) == words
