"""`charter-engine uninstall`: leave a deployment as it was found."""

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
    parser = subparsers.add_parser(
        "uninstall",
        help="leave a deployment as it was found",
        description="Go back to revision 0 and put the journal away: of the model repository every "
        "file has its content, owner, mode, links and times again. Where Triton does not answer, "
        "the files are put back. Several servers are asked first whether it can be done; it goes "
        "no further than one that fails, and those before it stay as they were found.",
    )
    parser.add_argument("--force", action="store_true", help="over other people's changes too")
    parser.add_argument(
        "--json", action="store_true", help="print a PushReport; of several servers a RolloutReport"
    )
    add_skip_down_option(parser)
    add_write_option(parser)
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Take Charter out of a deployment and print what that changed."""
    from charter_engine.api import deploying, rolling

    servers = servers_to_change(args)
    if len(servers) > 1:
        rolled = rolling.uninstall(servers, narrate, force=args.force, skip_down=args.skip_down)
        return show_rollout(until_done(rolled), args.json)
    work = deploying.uninstall(servers[0], narrate, force=args.force)
    show_report(until_done(work), args.json)
    return DONE
