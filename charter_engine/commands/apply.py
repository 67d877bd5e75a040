"""`charter-engine apply FILE`: make a deployment what a file says."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import narrate, until_done
from charter_engine.commands.drift import show_drift
from charter_engine.commands.outcome import DONE, FAILED, TRITON, complain, print_json
from charter_engine.commands.push_report import show_diff, show_report
from charter_engine.commands.rollout_report import code_of, exit_code, show_rollout
from charter_engine.commands.triton_options import add_write_option, require_writable
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.applying import ApplyReport, FleetApplied

WOULD_CHANGE = 2
"""As `terraform plan -detailed-exitcode` has it. So with --plan-only nothing else ends with it."""


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "apply",
        help="make a deployment what a file says",
        description="The file names the deployment and its plan. Applied again it does nothing. "
        "With --plan-only the exit code is 2 where something would change and 0 where nothing "
        "would; 1 where the file or its plan cannot be used, 3 where Triton does not answer.",
    )
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="a deployment file (charter.yaml)"
    )
    parser.add_argument("--plan-only", action="store_true", help="show what would change, and stop")
    parser.add_argument("--schema", action="store_true", help="print the file's JSON schema")
    parser.add_argument(
        "--json", action="store_true", help="print an ApplyReport; of several a FleetApplied"
    )
    add_write_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Apply the file, or tell what that would change."""
    from charter_engine.api import applying

    if args.schema:
        print_json(applying.schema())
        return DONE
    path = args.file or Path("charter.yaml")
    if args.plan_only:
        return _plan_only(path, args.json)
    file = applying.deployment_of(path)
    require_writable(args, (server.url for server in applying.servers_of(file)))
    if applying.names_several(file):
        applied = until_done(applying.apply_to_all(file, narrate))
        assert applied.rollout is not None
        if args.json:
            print_json(applied)
            return exit_code(applied.rollout)
        return show_rollout(applied.rollout, False)
    done = until_done(applying.apply(file, narrate))
    _show(done, args.json)
    return FAILED if done.pushed is not None and not done.pushed.ok else DONE


def _plan_only(path: Path, as_json: bool) -> int:
    from charter_engine.api import applying

    try:
        file = applying.deployment_of(path)
        if applying.names_several(file):
            several = until_done(applying.difference_of_all(file, narrate))
            return _show_several(several, as_json)
        found = until_done(applying.difference(file, narrate))
    except UsageError as error:
        raise CharterError(error.message, remedy=error.remedy) from None
    _show(found, as_json)
    return WOULD_CHANGE if found.changed else DONE


def _show_several(found: "FleetApplied", as_json: bool) -> int:
    if as_json:
        print_json(found)
    failures = []
    for one in found.servers:
        if one.found is None:
            failures.append(one.kind)
            complain(f"{one.server}: {one.message}", one.remedy)
        elif not as_json:
            print(f"{one.server}:")
            _show(one.found, False)
    if failures:
        # What only looks never ends with the code that says something would change.
        return TRITON if code_of(failures) == TRITON else FAILED
    return WOULD_CHANGE if found.changed else DONE


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
    if found.pushed is None and (found.diff.changes or not found.interruption):
        show_diff(found.diff, False)
