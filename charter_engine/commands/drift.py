"""`charter-engine drift`: what others changed since the last push, and what becomes of it."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, narrate, until_done
from charter_engine.commands.outcome import DONE, FAILED, complain, print_json, print_table
from charter_engine.commands.push_report import show_report
from charter_engine.commands.rollout_report import add_skip_down_option, code_of, show_rollout
from charter_engine.commands.triton_options import (
    add_write_option,
    servers_apart,
    servers_to_change,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.deploy import Change
    from charter_engine.contracts.deploying import DeploymentDrift


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "drift",
        help="tell what others changed since the last push",
        description="The whole configurations that Triton shows, and the files, are compared with "
        "the live revision. Exit code 1 where anything differs or a push was cut short, and "
        "nothing was asked to be done; charter-engine push --force pushes over it. Of several "
        "servers each is settled by itself: it goes no further than one that fails, and those "
        "before it stay settled.",
    )
    settle = parser.add_mutually_exclusive_group()
    settle.add_argument("--adopt", action="store_true", help="make it a revision of its own")
    settle.add_argument("--put-back", action="store_true", help="make it what was pushed again")
    parser.add_argument("--why", default="", metavar="TEXT", help="of --adopt, for the history")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a DeploymentDrift (with --adopt or --put-back: a PushReport); of several "
        "servers a ServerDrift each (a RolloutReport)",
    )
    add_skip_down_option(parser)
    add_write_option(parser)
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show what differs, or settle it."""
    from charter_engine.api import drifting

    servers = servers_to_change(args) if args.adopt or args.put_back else servers_apart(args)
    if len(servers) > 1:
        return _run_several(servers, args)
    (triton,) = servers
    if args.adopt:
        show_report(until_done(drifting.adopt(triton, narrate, note=args.why)), args.json)
        return DONE
    if args.put_back:
        show_report(until_done(drifting.put_back(triton, narrate)), args.json)
        return DONE
    found = asyncio.run(drifting.drift(triton))
    if args.json:
        print_json(found)
    else:
        _show(found)
    return FAILED if _differs(found) else DONE


def _run_several(servers: "Sequence[TritonOptions]", args: argparse.Namespace) -> int:
    from charter_engine.api import rolling

    if args.adopt:
        rolled = rolling.adopt(servers, narrate, note=args.why, skip_down=args.skip_down)
        return show_rollout(until_done(rolled), args.json)
    if args.put_back:
        rolled = rolling.put_back(servers, narrate, skip_down=args.skip_down)
        return show_rollout(until_done(rolled), args.json)
    found = asyncio.run(rolling.drifts(servers))
    if args.json:
        print_json(found)
    for one in found:
        if one.drift is None:
            complain(f"{one.server}: {one.message}", one.remedy)
        elif not args.json:
            print(f"{one.server}:")
            _show(one.drift)
    failures = [one.kind for one in found if one.kind is not None]
    if failures:
        return code_of(list(failures))
    return FAILED if any(one.drift and _differs(one.drift) for one in found) else DONE


def _differs(found: "DeploymentDrift") -> bool:
    return bool(found.changes or found.interruption)


def _show(found: "DeploymentDrift") -> None:
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
