"""What both programs make of their words and their streams, and of Ctrl-C while they start."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from charter_engine.command_line import with_values

INTERRUPTED = 130

PRESSED_AT_IMPORT = """
import os, signal, sys

entry, module, *sys.argv[1:] = sys.argv[1:]

class PressedAtImport:
    def find_spec(self, name, path, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, PressedAtImport())
from importlib import import_module
sys.exit(import_module(entry).main())
"""
"""A program on which Ctrl-C is pressed as it imports a module."""

CIRCLES = 20_000
LEAVING_GARBAGE = f"""
import gc, os, sys
from charter_engine.entry import main

gc.set_threshold(1_000_000_000)
for _ in range({CIRCLES}):
    itself = []
    itself.append(itself)
sys.argv[1:] = ["version"]
main()
gc.callbacks.append(lambda phase, told: phase == "stop" and os.write(2, b"%d " % told["collected"]))
"""
"""A command that leaves garbage, and tells how much of it is collected as the process ends."""


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        (["--duration", "-5s"], ["--duration=-5s"]),
        (["--share", "-.5", "agent.py"], ["--share=-.5", "agent.py"]),
        (["--since=1h", "-5s"], ["--since=1h", "-5s"]),
        (["run", "-o", "plan.yaml"], ["run", "-o", "plan.yaml"]),
        (["-5s"], ["-5s"]),
    ],
)
def test_a_value_below_nought_belongs_to_the_option_before_it(
    given: list[str], joined: list[str]
) -> None:
    assert with_values(given) == joined


@pytest.mark.parametrize(
    ("entry", "module", "words"),
    [
        ("charter_engine.entry", "charter_engine.cli", ["version"]),
        ("charter_engine.entry", "argparse", ["version"]),
        ("charter_engine.entry", "charter_engine.commands.compile", ["compile", "agent.py"]),
        ("charter_tui.entry", "charter_tui.cli", ["--version"]),
        ("charter_tui.entry", "charter_tui.arguments", ["--version"]),
        ("charter_tui.entry", "charter_tui.config_command", ["config", "path"]),
    ],
)
def test_an_interrupt_while_a_program_is_imported_ends_it_without_a_traceback(
    entry: str, module: str, words: list[str]
) -> None:
    command = [sys.executable, "-c", PRESSED_AT_IMPORT, entry, module, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == INTERRUPTED
    assert "Traceback" not in ended.stderr
    assert not ended.stdout


def test_what_a_command_leaves_is_not_gone_through_for_garbage_as_it_ends() -> None:
    command = [sys.executable, "-c", LEAVING_GARBAGE]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert sum(map(int, ended.stderr.split())) < CIRCLES


PRINTED = [
    ("charter_engine.entry", ["version"]),
    ("charter_engine.entry", ["--help"]),
    ("charter_tui.entry", ["config", "path"]),
    ("charter_tui.entry", ["completions", "bash"]),
    ("charter_tui.entry", ["--help"]),
]


def started(
    entry: str, words: list[str], output: int | IO[bytes], **environment: str
) -> subprocess.Popen[bytes]:
    program = f"import sys; from {entry} import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=output,
        stderr=subprocess.PIPE,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}, **environment},
    )


@pytest.mark.parametrize(("entry", "words"), PRINTED)
def test_output_that_cannot_be_written_is_an_error(entry: str, words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full, started(entry, words, full) as program:
        _, said = program.communicate(timeout=60)
    assert program.returncode == 1
    assert b"output: No space left on device" in said
    assert b"Traceback" not in said


@pytest.mark.parametrize(("entry", "words"), PRINTED)
def test_output_that_nobody_reads_is_none(entry: str, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe, started(entry, words, pipe) as program:
        _, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (141, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    ("entry", "words"),
    [("charter_engine.entry", ["man", "compile"]), ("charter_tui.entry", ["man"])],
)
def test_what_a_locale_has_no_sign_for_is_written_as_its_escape(
    entry: str, words: list[str], encoding: str
) -> None:
    with started(entry, words, subprocess.PIPE, PYTHONIOENCODING=encoding) as program:
        out, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (0, b"")
    assert b"\\u" in out
