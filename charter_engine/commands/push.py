"""`charter-engine push PLAN`: make a plan live on Triton, or change nothing."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.api.plan_files import plan_of
from charter_engine.api.waits_files import waits_of_plan
from charter_engine.commands.deployment import add_deployment_arguments, opened
from charter_engine.commands.outcome import DONE, print_json, print_table
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.deploy import Diff, PushReport
    from charter_engine.contracts.graph import Call
    from charter_engine.contracts.plan import Plan
    from charter_engine.plan.retention.waits_file import WaitsFile


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser("push", help="make a plan live on Triton")
    parser.add_argument("plan", type=Path, metavar="PLAN", help="a plan file")
    parser.add_argument(
        "--agent", type=Path, metavar="FILE", help="the agent's source, if not where the plan says"
    )
    parser.add_argument(
        "--base", type=int, metavar="REVISION", help="refuse if another revision is live"
    )
    parser.add_argument("--note", default="", help="kept in the history")
    parser.add_argument("--force", action="store_true", help="push over other people's changes")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and stop")
    parser.add_argument(
        "--json", action="store_true", help="print a PushReport (with --dry-run: a Diff)"
    )
    add_deployment_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Push, or with --dry-run show the difference."""
    plan = plan_of(args.plan)
    waits = waits_of_plan(plan, args.plan)
    # A plan learnt from requests alone has no nodes to find in a source.
    calls = (
        _calls(args.agent or _agent_of(plan.agent, args.plan)) if args.agent or plan.nodes else ()
    )
    asyncio.run(_push(args, plan, calls, waits))
    return DONE


async def _push(
    args: argparse.Namespace, plan: "Plan", calls: "tuple[Call, ...]", file: "WaitsFile | None"
) -> None:
    from charter_engine.plan.retention.online import online

    waits = online(file.model, file.price) if file is not None else None
    async with opened(args) as deployer:
        if args.dry_run:
            show_diff(await deployer.diff(plan, waits), args.json)
            return
        report = await deployer.push(
            plan, calls, waits=waits, base_revision=args.base, note=args.note, force=args.force
        )
        show_report(report, args.json)


def show_report(report: "PushReport", as_json: bool) -> None:
    """Print what a push or rollback did."""
    if as_json:
        print_json(report)
        return
    show_diff(report.diff, False)
    print(f"{report.message} ({report.elapsed_ms / 1000:.1f} s)")
    for line in report.verified:
        print(f"  verified: {line}")


def show_diff(diff: "Diff", as_json: bool) -> None:
    """Print what changes and what it costs."""
    if as_json:
        print_json(diff)
        return
    if not diff.changes:
        print(f"nothing differs from revision {diff.base_revision}")
        return
    rows = [
        (item.place, item.key, item.old, item.new, item.cost, item.loses) for item in diff.changes
    ]
    print_table(("place", "key", "live", "new", "cost", "loses"), rows)
    for item in diff.changes:
        if not item.possible:
            print(f"not possible: {item.place} {item.key}: {item.reason}")


def _agent_of(agent: str, plan: Path) -> Path:
    """The agent as the plan names it: from here, else from where the plan lies."""
    beside = plan.parent / agent
    return beside if not Path(agent).exists() and beside.exists() else Path(agent)


def _calls(agent: Path) -> "tuple[Call, ...]":
    from charter_engine.api.agents import agent_without_errors

    if not agent.exists():
        raise UsageError(
            f"the plan's agent {agent}: there is no such file",
            remedy="give its source with --agent FILE",
        )
    return agent_without_errors(agent).compiled.calls
