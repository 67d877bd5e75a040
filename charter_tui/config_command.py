"""`charter-tui config show|validate|schema|path|defaults`, `charter-tui completions SHELL` and
`charter-tui man`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from charter_engine import __version__
from charter_engine.exit_codes import DONE, FAILED
from charter_engine.paths import config_file
from charter_tui.configuration import (
    BUILT_IN,
    configured,
    defaults_text,
    places,
    problems,
    schema,
    settings,
)
from charter_tui.paths import shipped_themes, user_themes

if TYPE_CHECKING:
    from charter_tui.configuration import Setting


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Put the commands into a parser."""
    from charter_engine.completion import SHELLS

    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    config = commands.add_parser("config", help="what the console is configured to")
    actions = config.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="every value, and where it comes from")
    show.add_argument("--all", action="store_true", help="with the keys that were not changed")
    show.add_argument("--json", action="store_true", help="print JSON: every value")
    validate = actions.add_parser("validate", help="what is wrong: names, keys that clash, themes")
    validate.add_argument("--json", action="store_true", help="print JSON")
    actions.add_parser("schema", help="a JSON Schema of the configuration file, for editors")
    path = actions.add_parser("path", help="files and directories that Charter uses")
    path.add_argument("--json", action="store_true", help="print JSON")
    actions.add_parser("defaults", help="a configuration file of all defaults, to be edited")
    shells = commands.add_parser("completions", help="print the completions of a shell")
    shells.add_argument("shell", choices=SHELLS, help="the shell to print them for")
    commands.add_parser("man", help="print the manual page")


def whole_parser(console: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The console's own parser with the commands put into it."""
    add_commands(console)
    return console


def run_command(arguments: Sequence[str], console: argparse.ArgumentParser) -> int:
    """Run one of the commands; gives the exit code. `console` is the parser of everything else."""
    parser = argparse.ArgumentParser(prog="charter-tui")
    add_commands(parser)
    args = parser.parse_args(arguments)
    if args.command == "completions":
        from charter_engine.completion import completion

        print(completion(args.shell, "charter-tui", whole_parser(console)), end="")
        return DONE
    if args.command == "man":
        from charter_engine.manual import pages_of, roff

        page = next(pages_of(whole_parser(console), ("charter-tui",)))
        print(roff(page, __version__), end="")
        return DONE
    match args.action:
        case "show":
            return _show(args)
        case "validate":
            return _validate(args)
        case "path":
            return _path(args)
    as_schema = f"{json.dumps(schema(), indent=2)}\n"
    print(as_schema if args.action == "schema" else defaults_text(), end="")
    return DONE


def _show(args: argparse.Namespace) -> int:
    path = config_file()
    found = settings(configured(path), path)
    if args.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return DONE
    _print_table([(one.key, one.value, one.source) for one in found if args.all or _tells(one)])
    return DONE


def _tells(setting: "Setting") -> bool:
    """Whether a value is worth a line: all but keys that are as they are without a file."""
    return setting.source != BUILT_IN or not setting.key.startswith("keymap.")


def _validate(args: argparse.Namespace) -> int:
    from textual.theme import BUILTIN_THEMES

    from charter_tui.theme import load_themes

    path = config_file()
    themes, warnings = load_themes((shipped_themes(), user_themes()))
    found = problems(configured(path), {*themes, *BUILTIN_THEMES}, warnings)
    if args.json:
        print(json.dumps({"file": str(path), "problems": found}, indent=2))
    else:
        for problem in found:
            print(problem, file=sys.stderr)
        if not found:
            found_well = "nothing is wrong" if path.exists() else "not there; the defaults apply"
            print(f"{path}: {found_well}")
    return FAILED if found else DONE


def _path(args: argparse.Namespace) -> int:
    found = places()
    if args.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        _print_table(
            [(one.what, one.path, one.source, "" if one.exists else "not there") for one in found]
        )
    return DONE


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in columns as wide as what stands in them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
