"""Completions of three shells, out of the parsers that read the command lines."""

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from charter_engine.cli import COMMANDS, whole_parser
from charter_engine.completion import SHELLS, Shell, completion, levels_of

PROGRAM = "charter-engine"


def sample() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tool")
    parser.add_argument("--quiet", action="store_true", help="say [nothing]")
    commands = parser.add_subparsers()
    read = commands.add_parser("read", help="read it's files")
    read.add_argument("file", metavar="FILE")
    read.add_argument("--as", choices=("json", "yaml"), metavar="KIND")
    read.add_argument("--log", metavar="PATH")
    cache = commands.add_parser("cache").add_subparsers()
    cache.add_parser("clear", help="forget")
    return parser


def completed(script: str, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    line = " ".join(f"'{word}'" for word in words)
    asked = f"{script}\nCOMP_WORDS=({line}) COMP_CWORD={len(words) - 1}\n_tool\n"
    shown = subprocess.run(
        ["bash", "-c", f'{asked}printf "%s\\n" "${{COMPREPLY[@]}}"'],
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("tool", "re"), ["read"]),
        (("tool", "--q"), ["--quiet"]),
        (("tool", "read", "--as", ""), ["json", "yaml"]),
        (("tool", "cache", ""), ["clear", "-h", "--help"]),
        (("tool", "--quiet", "cache", "cl"), ["clear"]),
        (("tool", "read", "--l"), ["--log"]),
    ],
)
def test_bash_offers_what_the_parser_takes_there(
    words: tuple[str, ...], offered: list[str]
) -> None:
    assert completed(completion("bash", "tool", sample()), *words) == offered


def test_bash_offers_files_where_a_file_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.log").touch()
    script = completion("bash", "tool", sample())
    assert completed(script, "tool", "read", "--log", "a") == ["a.log"]
    assert completed(script, "tool", "read", "a") == ["a.log"]
    assert not completed(script, "tool", "cache", "a")


def test_zsh_and_fish_tell_what_each_option_is_for() -> None:
    assert r"--quiet[say \[nothing\]]" in completion("zsh", "tool", sample())
    assert "-l quiet -d 'say [nothing]'" in completion("fish", "tool", sample())
    assert "-a 'json yaml'" in completion("fish", "tool", sample())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_can_read_the_whole_programs_completions(shell: Shell, tmp_path: Path) -> None:
    script = completion(shell, PROGRAM, whole_parser())
    assert all(command in script for command in COMMANDS)
    if shutil.which(shell):
        path = tmp_path / "script"
        path.write_text(script, encoding="utf-8")
        subprocess.run([shell, "-n", str(path)], check=True)


def test_every_command_of_the_program_is_a_level_with_its_options() -> None:
    levels = {level.path: level for level in levels_of(whole_parser())}
    assert {path[0] for path in levels if path} == set(COMMANDS)
    assert "--explain" in {name for one in levels["compile",].options for name in one.names}
