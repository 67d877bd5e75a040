"""`charter-engine drift`: what others changed since the last push, and what becomes of it."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, narrate, until_done
from charter_engine.commands.outcome import DONE, FAILED, print_json, print_table
from charter_engine.commands.push_report import show_report
from charter_engine.commands.triton_options import triton_options

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.deploy import Change
    from charter_engine.contracts.deploying import DeploymentDrift


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "drift",
        help="tell what others changed since the last push",
        description="The whole configurations that Triton shows, and the files, are compared with "
        "the live revision. Exit code 1 where anything differs or a push was cut short, and "
        "nothing was asked to be done; charter-engine push --force pushes over it.",
    )
    settle = parser.add_mutually_exclusive_group()
    settle.add_argument("--adopt", action="store_true", help="make it a revision of its own")
    settle.add_argument("--put-back", action="store_true", help="make it what was pushed again")
    parser.add_argument("--why", default="", metavar="TEXT", help="of --adopt, for the history")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a DeploymentDrift (with --adopt or --put-back: a PushReport)",
    )
    add_deployment_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show what differs, or settle it."""
    from charter_engine.api import drifting

    triton = triton_options(args)
    if args.adopt:
        show_report(until_done(drifting.adopt(triton, narrate, note=args.why)), args.json)
        return DONE
    if args.put_back:
        show_report(until_done(drifting.put_back(triton, narrate)), args.json)
        return DONE
    found = asyncio.run(drifting.drift(triton))
    _show(found, args.json)
    return FAILED if found.changes or found.interruption else DONE


def _show(found: "DeploymentDrift", as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if found.interruption:
        print(found.interruption)
    elif found.revision is None:
        print("nothing was pushed to this deployment from here")
    elif found.changes:
        show_drift(found.changes)
    else:
        print(f"nothing differs from revision {found.revision}")


def show_drift(changes: "tuple[Change, ...]") -> None:
    """Print each difference with its place and both values."""
    rows = [(item.place, item.key, item.old, item.new) for item in changes]
    print_table(("place", "field", "pushed", "found"), rows)
