"""How commands end, and how tables are printed."""

import subprocess
import sys

import pytest

from charter_engine.commands.outcome import DONE, print_table

ROWS = [("1", "live", "the pool was too small, and requests waited for each other"), ("0", "", "")]


def test_prose_is_wrapped_beside_the_other_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("revision", "state", "note"), ROWS, prose_within=50)
    assert capsys.readouterr().out.splitlines() == [
        "revision  state  note",
        "1          live  the pool was too small, and",
        "                 requests waited for each other",
        "0",
    ]


def test_without_a_terminal_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("revision", "state", "note"), ROWS)
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(ROWS)


def test_a_command_that_was_started_without_standard_streams_does_its_work() -> None:
    command = f"exec {sys.executable} -m charter_engine.cli version <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == DONE
