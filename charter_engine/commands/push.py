"""`charter-engine push PLAN`: make a plan live on Triton, or change nothing."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, narrate, until_done
from charter_engine.commands.options import duration
from charter_engine.commands.outcome import DONE, FAILED
from charter_engine.commands.push_report import show_diff, show_report
from charter_engine.commands.rollout_report import add_skip_down_option, show_diffs, show_rollout
from charter_engine.commands.triton_options import (
    add_write_option,
    servers_apart,
    servers_to_change,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.deploying import PushRequest, PushWatch


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser("push", help="make a plan live on Triton")
    parser.add_argument("plan", type=Path, metavar="PLAN", help="a plan file")
    parser.add_argument(
        "--agent", type=Path, metavar="FILE", help="the agent's source, if not where the plan says"
    )
    parser.add_argument(
        "--base", type=int, metavar="REVISION", help="refuse if another revision is live"
    )
    parser.add_argument(
        "--why", "--note", dest="note", default="", metavar="TEXT", help="kept in the history"
    )
    parser.add_argument(
        "--watch",
        type=duration,
        metavar="TIME",
        help="compare the requests of this time after the push (5m) with those before, and take it "
        "back where they are worse",
    )
    parser.add_argument(
        "--max-regression",
        default="5%",
        metavar="SHARE",
        help="what --watch lets pass (default: %(default)s)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="push over other people's changes, or another agent's plan",
    )
    parser.add_argument(
        "--traffic",
        default="",
        metavar="FILE",
        help="preview layouts for traffic on records that `charter-engine traffic --output` wrote "
        "(default: on what the deployment's tap holds)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and stop")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a PushReport (with --dry-run: a Diff); of several servers a RolloutReport "
        "(FleetDiff)",
    )
    add_skip_down_option(parser)
    add_write_option(parser)
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Push, or with --dry-run show the difference."""
    from charter_engine.api import deploying
    from charter_engine.contracts.deploying import PushRequest

    request = PushRequest(
        plan=str(args.plan),
        agent=str(args.agent) if args.agent else None,
        base_revision=args.base,
        note=args.note,
        force=args.force,
        watch=_watch(args),
        traffic=args.traffic,
    )
    servers = servers_apart(args) if args.dry_run else servers_to_change(args)
    if len(servers) > 1:
        return _run_several(request, servers, args)
    if args.dry_run:
        show_diff(until_done(deploying.diff(request, servers[0], narrate)), args.json)
        return DONE
    report = until_done(deploying.push(request, servers[0], narrate))
    show_report(report, args.json)
    return DONE if report.ok else FAILED


def _run_several(
    request: "PushRequest", servers: "Sequence[TritonOptions]", args: argparse.Namespace
) -> int:
    from charter_engine.api import rolling

    if args.dry_run:
        return show_diffs(until_done(rolling.diff(request, servers, narrate)), args.json)
    rolled = rolling.push(request, servers, narrate, skip_down=args.skip_down)
    return show_rollout(until_done(rolled), args.json)


def _watch(args: argparse.Namespace) -> "PushWatch | None":
    from charter_engine.api.units import share_of
    from charter_engine.contracts.deploying import PushWatch

    if args.watch is None:
        return None
    return PushWatch(
        seconds=args.watch,
        margin=share_of(args.max_regression, "--max-regression"),
    )
