"""Manual pages say what a parser says, and man(1) can read them."""

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from charter_engine.cli import COMMANDS, main, whole_parser
from charter_engine.manual import Argument, ArgumentGroup, ManualPage, pages_of, roff
from charter_tui.cli import main as console


def sample() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tool", description="Does\nthings.", epilog="exit codes")
    parser.add_argument("--secret", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    read = commands.add_parser("read", help="read a file")
    read.add_argument("path", metavar="PATH", nargs="?", help="the file")
    read.add_argument("-n", "--lines", type=int, default=5, help="so many (default: %(default)s)")
    read.add_argument("--as", choices=("json", "yaml"), dest="form")
    return parser


def pages() -> dict[str, ManualPage]:
    return {page.name: page for page in pages_of(sample(), ("tool",))}


def test_a_program_and_each_of_its_commands_have_a_page() -> None:
    assert list(pages()) == ["tool", "tool-read"]
    assert pages()["tool"].commands == (Argument("read", "read a file"),)
    assert pages()["tool-read"].summary == "read a file"


def test_a_synopsis_has_the_words_in_their_order_and_brackets_where_they_may_be_left_out() -> None:
    assert pages()["tool"].synopsis == "tool [option …] COMMAND"
    assert pages()["tool-read"].synopsis == "tool read [option …] [PATH]"


def test_options_stand_as_they_are_written_with_defaults_and_choices() -> None:
    arguments, options = pages()["tool-read"].groups
    assert arguments == ArgumentGroup("arguments", (Argument("PATH", "the file"),))
    assert Argument("-n, --lines LINES", "so many (default: 5)") in options.arguments
    assert Argument("--as json|yaml", "") in options.arguments


def test_what_the_help_hides_is_on_no_page() -> None:
    assert "secret" not in roff(pages()["tool"], "1")


def test_text_that_roff_would_read_is_printed_as_it_is() -> None:
    page = ManualPage(("tool",), "a", "tool", r".hidden -x \n", (), (), "")
    assert r"\&.hidden \-x \en" in roff(page, "1")


def test_every_command_of_the_program_has_a_page() -> None:
    found = {
        page.words[1] for page in pages_of(whole_parser(), ("charter-engine",)) if page.words[1:]
    }
    assert found == set(COMMANDS)


def test_man_reads_every_page_without_complaint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["man", "--output", str(tmp_path)]) == 0
    written = sorted(tmp_path.glob("*.1"))
    assert f"{len(written)} pages" in capsys.readouterr().err
    assert (tmp_path / "charter-engine-triton-up.1") in written
    if groff := shutil.which("groff"):
        command = [groff, "-man", "-ww", "-Kutf8", "-Tutf8", *map(str, written)]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
        assert ended.stderr == ""


def test_the_page_of_a_command_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man", "triton", "up"]) == 0
    assert capsys.readouterr().out.startswith(".TH CHARTER-ENGINE-TRITON-UP 1")


def test_a_command_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man", "pull"]) == 2
    assert "there is no command pull" in capsys.readouterr().err


def test_the_console_prints_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert console(["man"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(".TH CHARTER-TUI 1")
    assert r"\-\-replay FILE" in page
