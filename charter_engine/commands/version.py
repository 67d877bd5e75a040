"""`charter-engine version`."""

import argparse
from typing import TYPE_CHECKING

from charter_engine import __version__

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser("version", help="print the version")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    print(f'{{"charter": "{__version__}"}}' if args.json else f"charter-engine {__version__}")
    return 0
