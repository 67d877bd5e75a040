"""`charter-engine man [COMMAND …]`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine import __version__
from charter_engine.commands.outcome import DONE
from charter_engine.errors import UsageError
from charter_engine.manual import pages_of, roff

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers

PROGRAM = "charter-engine"


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "man",
        help="print the manual page of a command",
        description="Prints a page for man(1): `charter-engine man push | man -l -`. "
        "charter-tui prints its own.",
    )
    parser.add_argument(
        "words", nargs="*", metavar="COMMAND", help="the command (default: the whole program)"
    )
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="DIR",
        help="write every page into this directory instead, such as ~/.local/share/man/man1",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a page, or write all of them; `args.whole_parser` gives the parser of all commands."""
    pages = {page.words[1:]: page for page in pages_of(args.whole_parser(), (PROGRAM,))}
    if args.output is not None:
        args.output.mkdir(parents=True, exist_ok=True)
        for page in pages.values():
            (args.output / f"{page.name}.1").write_text(roff(page, __version__), "utf-8")
        print(f"{len(pages)} pages written into {args.output}", file=sys.stderr)
        return DONE
    if tuple(args.words) not in pages:
        raise UsageError(
            f"there is no command {' '.join(args.words)}",
            remedy=f"`{PROGRAM} --help` lists the commands",
        )
    print(roff(pages[tuple(args.words)], __version__), end="")
    return DONE
