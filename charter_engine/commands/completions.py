"""`charter-engine completions bash|zsh|fish`."""

import argparse
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import DONE
from charter_engine.completion import SHELLS, completion

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "completions",
        help="print the completions of a shell",
        description="Prints what makes a shell complete command lines of charter-engine. "
        "charter-tui prints its own.",
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell to print them for")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script; `args.whole_parser` gives the parser of all commands."""
    print(completion(args.shell, "charter-engine", args.whole_parser()), end="")
    return DONE
