"""The command that opens an editor at a line."""

import pytest

from charter_tui.editing import NoEditor, editor_command


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
