"""`charter-engine trial`: a layout tried on a share of the sessions, beside the others."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, narrate, until_done
from charter_engine.commands.outcome import DONE, FAILED, print_json, print_table
from charter_engine.commands.push_report import show_report
from charter_engine.commands.rollout_report import add_skip_down_option, show_rollout
from charter_engine.commands.triton_options import (
    add_write_option,
    servers_apart,
    servers_to_change,
)
from charter_engine.contracts.trial import TrialMargins
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.trial import ArmDifference, ArmFigures, TrialReport, TrialRequest

DESCRIPTION = """Lays out the prompts of a share of the sessions as a plan says, and leaves the
others as they come. Both arms stand side by side, with intervals; watched, the trial stops itself
where the treated arm is worse by more than a margin. Outputs may differ: that is what a trial is
for. A trial on several servers is one: a session is in the same arm on all of them, and both arms
are of all servers together."""
UNKNOWN = "-"
MARGINS = TrialMargins()


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "trial", help="try a layout on a share of the sessions", description=DESCRIPTION
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    starting = actions.add_parser("start", help="push a plan for a share of the sessions")
    starting.add_argument("plan", metavar="PLAN", help="a plan file")
    starting.add_argument("--share", type=float, default=0.1, help="default: %(default)s")
    starting.add_argument("--agent", metavar="FILE", help="the agent's source, if not beside it")
    starting.add_argument("--note", default="", help="kept in the history")
    starting.add_argument("--force", action="store_true", help="as for push")
    starting.set_defaults(run=_start)
    share = actions.add_parser("share", help="raise or lower the share; treated sessions stay so")
    share.add_argument("share", type=float, metavar="SHARE", help="from 0 to 1")
    share.add_argument("--note", default="", help="kept in the history")
    share.set_defaults(run=_set_share)
    stopping = actions.add_parser("stop", help="lay out no more prompts: a share of 0")
    stopping.add_argument("--note", default="trial stopped", help="kept in the history")
    stopping.set_defaults(run=_set_share, share=0.0)
    status = actions.add_parser("status", help="both arms, side by side")
    _add_judging(status)
    status.add_argument(
        "--traffic", default="", metavar="FILE", help="judge records that `traffic --output` wrote"
    )
    status.set_defaults(run=_status)
    watching = actions.add_parser(
        "watch", help="judge until the trial must be stopped: and stop it"
    )
    _add_judging(watching)
    watching.add_argument("--interval", type=float, default=10.0, metavar="SECONDS")
    watching.set_defaults(run=_watch)
    for action in (starting, share, stopping, status, watching):
        action.add_argument("--json", action="store_true", help="print the report as JSON")
        add_deployment_arguments(action, several=True)
    for action in (starting, share, stopping, watching):
        add_write_option(action)
    for action in (starting, share, stopping):
        add_skip_down_option(action)


def _add_judging(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check",
        default="",
        metavar="COMMAND",
        help="reads answers of both arms, a line of JSON each (request, arm, session, node, "
        "answer), and writes true or false for each; json: an answer must be valid JSON",
    )
    of_control = "worse than control by this part is too much (default: %(default)s)"
    of_answers = "more of all answers than in control are too many (default: %(default)s)"
    parser.add_argument("--ttft-margin", type=float, default=MARGINS.ttft, help=of_control)
    parser.add_argument("--latency-margin", type=float, default=MARGINS.total, help=of_control)
    parser.add_argument("--failure-margin", type=float, default=MARGINS.failures, help=of_answers)
    parser.add_argument("--check-margin", type=float, default=MARGINS.check, help=of_answers)
    parser.add_argument(
        "--error-rate",
        type=float,
        default=MARGINS.error_rate,
        help="chance that a trial within its margins is ever stopped (default: %(default)s)",
    )


def _start(args: argparse.Namespace) -> int:
    from charter_engine.api import rolling, trials
    from charter_engine.contracts.trial import StartTrial

    request = StartTrial(
        plan=args.plan, share=args.share, agent=args.agent, note=args.note, force=args.force
    )
    servers = servers_to_change(args)
    if len(servers) > 1:
        rolled = rolling.start_trial(request, servers, narrate, skip_down=args.skip_down)
        return show_rollout(until_done(rolled), args.json)
    show_report(until_done(trials.start(request, servers[0], narrate)), args.json)
    return DONE


def _set_share(args: argparse.Namespace) -> int:
    from charter_engine.api import rolling, trials

    servers = servers_to_change(args)
    if len(servers) > 1:
        rolled = rolling.set_share(
            args.share, servers, narrate, note=args.note, skip_down=args.skip_down
        )
        return show_rollout(until_done(rolled), args.json)
    pushed = trials.set_share(args.share, servers[0], narrate, note=args.note)
    show_report(until_done(pushed), args.json)
    return DONE


def _status(args: argparse.Namespace) -> int:
    from charter_engine.api import trials

    servers = servers_apart(args)
    if args.traffic and len(servers) > 1:
        raise UsageError(
            "--traffic is of one server's records, and several servers are named",
            remedy="name the server that they are of",
        )
    show(asyncio.run(trials.status(_request(args, args.traffic), *servers)), args.json)
    return DONE


def _watch(args: argparse.Namespace) -> int:
    return until_done(_watched(args))


async def _watched(args: argparse.Namespace) -> int:
    """Until the trial is stopped: by itself, which is a failure of what was tried."""
    from charter_engine.api import drifting, trials

    servers = servers_to_change(args)
    async with drifting.told_meanwhile(servers, narrate):
        async for report in trials.watch(_request(args), *servers, interval_s=args.interval):
            show(report, args.json)
    return FAILED


def _request(args: argparse.Namespace, traffic: str = "") -> "TrialRequest":
    from charter_engine.contracts.trial import TrialRequest

    return TrialRequest(
        traffic=traffic,
        check=args.check,
        margins=TrialMargins(
            ttft=args.ttft_margin,
            total=args.latency_margin,
            failures=args.failure_margin,
            check=args.check_margin,
            error_rate=args.error_rate,
        ),
    )


def show(report: "TrialReport", as_json: bool) -> None:
    """Print both arms, and what is known of their differences."""
    if as_json:
        print_json(report)
        return
    print(f"revision {report.revision}: layouts on {report.share:.0%} of the sessions")
    for one in report.servers:
        print(
            f"  {one.server}: revision {one.revision}, {one.share:.0%}, {one.requests:,} requests"
        )
    rows = [_arm(arm) for arm in (report.treated, report.control)]
    print_table(("arm", "sessions", "requests", "laid out", "failed", "ended by", "checked"), rows)
    if report.differences:
        _print_differences(report.differences)
    for note in report.notes:
        print(f"note: {note}")
    if report.stop:
        print(f"to be stopped: {report.stop}")
    if report.stopped is not None:
        print(f"stopped: {report.stopped.message}")


def _print_differences(differences: "Sequence[ArmDifference]") -> None:
    print_table(
        ("measured", "treated", "control", "difference", "95 % interval", ""),
        [
            (
                item.quality,
                f"{item.treated:,.4g}",
                f"{item.control:,.4g}",
                f"{item.difference:+,.4g}",
                f"{item.low:+,.4g} to {item.high:+,.4g}",
                "worse by more than its margin" if item.worse else "",
            )
            for item in differences
        ],
    )


def _arm(arm: "ArmFigures") -> tuple[str, ...]:
    ended = ", ".join(f"{finish} {count:,}" for finish, count in sorted(arm.finish.items()))
    checked = f"{arm.passed:,} of {arm.checked:,} passed" if arm.checked else UNKNOWN
    return (
        arm.arm,
        f"{arm.sessions:,}",
        f"{arm.requests:,}",
        f"{arm.laid_out:,}",
        f"{arm.failures:,}",
        ended or UNKNOWN,
        checked,
    )
