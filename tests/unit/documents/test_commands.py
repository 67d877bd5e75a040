"""Every command line of a document is one that the programs take."""

from functools import cache
from pathlib import Path

import pytest

from charter_engine.cli import whole_parser
from charter_engine.completion import levels_of
from charter_tui.cli import whole_parser as whole_console_parser
from tests.unit.documents.pages import PAGES, ROOT, CommandLine, command_lines


@cache
def options() -> dict[tuple[str, ...], set[str]]:
    """The options of each command, by the words that ask for it."""
    parsers = {"charter-engine": whole_parser(), "charter-tui": whole_console_parser()}
    return {
        (program, *level.path): {name for option in level.options for name in option.names}
        for program, parser in parsers.items()
        for level in levels_of(parser)
    }


def asked(line: CommandLine) -> tuple[str, ...]:
    """The words that name the command, as far as they are known."""
    words = [line.words[0]]
    for word in line.words[1:]:
        if (*words, word) not in options():
            break
        words.append(word)
    return tuple(words)


def given(line: CommandLine) -> set[str]:
    """The options that it names; of a synopsis those in brackets, too."""
    words = (word.strip("[]…,.") for word in line.words[1:])
    return {word.partition("=")[0] for word in words if word.startswith("--") and word != "--"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_option_that_a_page_names_is_one_of_its_command(page: Path) -> None:
    for line in command_lines(page):
        known = options()[asked(line)]
        assert given(line) <= known, f"{' '.join(line.words)}: {given(line) - known}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_is_there(page: Path) -> None:
    for line in command_lines(page):
        if line.words[0] == "charter-engine" and len(line.words) > 1:
            assert len(asked(line)) > 1 or line.words[1].startswith(("-", "[")), line.words


def test_command_lines_are_looked_for() -> None:
    lines = [line for page in PAGES for line in command_lines(page)]
    assert sum(line.whole for line in lines) > 150
    assert sum(not line.whole for line in lines) > 150
