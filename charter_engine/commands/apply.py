"""`charter-engine apply FILE`: make a deployment what a file says."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import narrate, until_done
from charter_engine.commands.drift import show_drift
from charter_engine.commands.outcome import DONE, FAILED, USAGE, print_json
from charter_engine.commands.push import show_diff, show_report

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.applying import ApplyReport

WOULD_CHANGE = USAGE
"""As `terraform plan -detailed-exitcode` has it."""


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "apply",
        help="make a deployment what a file says",
        description="The file names the deployment and its plan. Applied again it does nothing. "
        "With --plan-only the exit code is 2 where something would change, 0 where nothing would.",
    )
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="a deployment file (charter.yaml)"
    )
    parser.add_argument("--plan-only", action="store_true", help="show what would change, and stop")
    parser.add_argument("--schema", action="store_true", help="print the file's JSON schema")
    parser.add_argument("--json", action="store_true", help="print an ApplyReport")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Apply the file, or tell what that would change."""
    from charter_engine.api import applying

    if args.schema:
        print_json(applying.schema())
        return DONE
    file = applying.deployment_of(args.file or Path("charter.yaml"))
    if args.plan_only:
        found = until_done(applying.difference(file, narrate))
        _show(found, args.json)
        return WOULD_CHANGE if found.changed else DONE
    done = until_done(applying.apply(file, narrate))
    _show(done, args.json)
    return FAILED if done.pushed is not None and not done.pushed.ok else DONE


def _show(found: "ApplyReport", as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if found.interruption:
        print(found.interruption)
    if found.drift:
        show_drift(found.drift)
    for report in (found.settled, found.pushed):
        if report is not None:
            show_report(report, False)
    if found.pushed is None:
        show_diff(found.diff, False)
