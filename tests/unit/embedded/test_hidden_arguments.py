"""Arguments that other users cannot read, and files that they cannot open."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from charter_engine.embedded import hidden_arguments

SECRET = "a-key-that-nobody-may-see"
START = """
import os, sys
from charter_engine.embedded import hidden_arguments
child = hidden_arguments.start(
    [sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.stdin.read()", *sys.argv[1:]],
    {**os.environ, "KEY": "%s"},
    stdin=sys.stdin,
)
with open(f"/proc/{child.pid}/cmdline") as command:
    print(command.read().split(chr(0))[3:-1], flush=True)
sys.exit(child.wait())
"""


def started(*arguments: str) -> list[str]:
    """What others see of the arguments, and what the program itself does."""
    done = subprocess.run(
        [sys.executable, "-c", START % SECRET, *arguments],
        input="", capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(done.stdout.splitlines())


def test_the_program_gets_the_value_and_others_see_its_name() -> None:
    assert started("plain", "@KEY") == ["['plain', '@KEY']", f"['plain', '{SECRET}']"]


def test_a_name_without_a_variable_is_passed_as_it_is() -> None:
    assert started("@ELSEWHERE") == ["['@ELSEWHERE']"] * 2


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    # A process of its own: who starts one may have one thread.
    start = "import os, sys; from charter_engine.embedded import hidden_arguments\n"
    start += "hidden_arguments.start(sys.argv[1:], os.environ)"
    done = subprocess.run(
        [sys.executable, "-c", start, str(tmp_path / "none")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stderr.splitlines()[-1].startswith("FileNotFoundError")


def test_a_file_opened_to_others_by_its_maker_stays_closed(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from charter_engine.embedded.private_files import keep_files_private\n"
        "keep_files_private()\n"
        "made = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o644)\n"
        "os.fchmod(made, 0o644)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "region")], check=True)
    assert (tmp_path / "region").stat().st_mode & 0o777 == 0o600


def test_where_no_process_may_be_held_nothing_is_started(tmp_path: Path) -> None:
    def hold_already() -> None:
        # A second time, as in a sandbox that forbids it, the call fails.
        hidden_arguments._ptrace(hidden_arguments.PTRACE_TRACEME, 0)

    with pytest.raises(hidden_arguments.CannotHide):
        hidden_arguments.start(["touch", str(tmp_path / "started")], os.environ, hold_already)
    assert not (tmp_path / "started").exists()
