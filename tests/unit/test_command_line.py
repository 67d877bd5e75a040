"""What both programs make of their words, and of Ctrl-C while they start."""

import subprocess
import sys

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
