"""`charter-engine rollback [REVISION]`: go back to what was live before."""

import argparse
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, narrate, until_done
from charter_engine.commands.outcome import DONE
from charter_engine.commands.push_report import show_report
from charter_engine.commands.rollout_report import add_skip_down_option, show_rollout
from charter_engine.commands.triton_options import add_write_option, servers_to_change

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser("rollback", help="go back to an earlier revision")
    parser.add_argument(
        "revision",
        nargs="?",
        type=int,
        metavar="REVISION",
        help="default: the one before the last push that still stands; 0: as first found",
    )
    parser.add_argument(
        "--base", type=int, metavar="REVISION", help="refuse if another revision is live"
    )
    parser.add_argument("--why", default="", metavar="TEXT", help="kept in the history")
    parser.add_argument("--force", action="store_true", help="over other people's changes too")
    parser.add_argument(
        "--json", action="store_true", help="print a PushReport; of several servers a RolloutReport"
    )
    add_skip_down_option(parser)
    add_write_option(parser)
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Roll back and print what changed."""
    from charter_engine.api import deploying, rolling
    from charter_engine.contracts.deploying import RollbackRequest

    request = RollbackRequest(
        revision=args.revision, base_revision=args.base, note=args.why, force=args.force
    )
    servers = servers_to_change(args)
    if len(servers) > 1:
        rolled = rolling.rollback(request, servers, narrate, skip_down=args.skip_down)
        return show_rollout(until_done(rolled), args.json)
    report = until_done(deploying.rollback(request, servers[0], narrate))
    show_report(report, args.json)
    return DONE
