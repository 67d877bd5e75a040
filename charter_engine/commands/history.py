"""`charter-engine history`: the revisions of a deployment."""

import argparse
import asyncio
import time
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments
from charter_engine.commands.outcome import DONE, print_json, print_table
from charter_engine.commands.triton_options import triton_options

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.deploy import Revision


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser("history", help="list the revisions of a deployment")
    parser.add_argument("--json", action="store_true", help="print every Revision with its plan")
    add_deployment_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the revisions, the latest first. Works while Triton is down."""
    from charter_engine.api import deploying

    revisions = asyncio.run(deploying.history(triton_options(args)))[::-1]
    if args.json:
        print_json(revisions)
    elif not revisions:
        print("nothing was pushed to this deployment yet")
    else:
        print_table(
            ("revision", "state", "when", "agent", "cost", "note"),
            [_row(item) for item in revisions],
        )
    return DONE


def _row(item: "Revision") -> tuple[str, ...]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.created_at))
    return (str(item.number), item.state, when, item.agent, item.cost or "", item.note)
