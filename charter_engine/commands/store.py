"""`charter-engine store status|check|backup|vacuum`: the database of runs, traffic and history."""

import argparse
import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import (
    DONE,
    FAILED,
    UNKNOWN,
    complain,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.keeping import StoreStatus, StoreTable

MENDING = "stop the engines that use it and move it away: a new one is begun"
MEBIBYTE = 2**20


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "store",
        help="look at the database, check, copy or shrink it",
        description="Runs, what passed, revisions and what was measured are kept in one "
        "SQLite file in the user's state directory, or in that of CHARTER_STATE. The engine "
        "forgets the oldest by itself: traffic that is older than a month, and what makes the file "
        "larger than 500 MB.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    status = actions.add_parser("status", help="what is kept, of which time, and how large it is")
    status.set_defaults(run=_status)
    check = actions.add_parser(
        "check", help="read every page and every record; ends with 1 where one can't be read"
    )
    check.set_defaults(run=_check)
    backup = actions.add_parser("backup", help="copy it, also while engines use it")
    backup.add_argument("target", type=Path, metavar="FILE", help="a file that is not there yet")
    backup.set_defaults(run=_backup)
    vacuum = actions.add_parser(
        "vacuum",
        help="forget what is beyond what is kept, and give the room back to the disk; takes as "
        "much room again meanwhile",
    )
    vacuum.set_defaults(run=_vacuum)
    for action in (status, check, backup, vacuum):
        action.add_argument("--json", action="store_true", help="print JSON")


def _status(args: argparse.Namespace) -> int:
    from charter_engine.api import keeping

    found = keeping.status()
    print_json(found) if args.json else _print_status(found)
    return DONE


def _check(args: argparse.Namespace) -> int:
    from charter_engine.api import keeping

    found = keeping.check()
    if args.json:
        print_json(found)
    elif not found.problems:
        print(f"{found.path}: whole, {found.records:,} records of schema {found.schema}")
    for problem in found.problems:
        complain(f"{found.path}: {problem}")
    if found.problems:
        complain(f"{found.path} can't be read as a whole", MENDING)
    return FAILED if found.problems else DONE


def _backup(args: argparse.Namespace) -> int:
    from charter_engine.api import keeping

    made = keeping.backup(args.target)
    print_json(made) if args.json else print(f"{made.path}: {_size(made.bytes)}")
    return DONE


def _vacuum(args: argparse.Namespace) -> int:
    from charter_engine.api import keeping

    done = asyncio.run(keeping.vacuum())
    if args.json:
        print_json(done)
    else:
        print(
            f"{done.path}: {done.forgotten:,} rows forgotten, "
            f"{_size(done.bytes_before)} before, {_size(done.bytes_after)} after"
        )
    return DONE


def _print_status(found: "StoreStatus") -> None:
    limits = found.limits
    print(f"{found.path}: {_size(found.bytes)}, of which {_size(found.spare_bytes)} to spare")
    print_table(
        ("", "rows", "MiB", "from", "to"),
        [
            (one.name, f"{one.rows:,}", f"{one.bytes / MEBIBYTE:,.1f}", *_span(one))
            for one in found.tables
        ],
    )
    print(
        f"kept: {limits.days} days, {limits.traffic:,} requests of a deployment, "
        f"{_size(limits.bytes)} in all; runs and revisions in any case"
    )


def _span(table: "StoreTable") -> tuple[str, str]:
    return _moment(table.begin), _moment(table.end)


def _moment(at: float | None) -> str:
    return UNKNOWN if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _size(count: int) -> str:
    return f"{count / MEBIBYTE:,.1f} MiB"
