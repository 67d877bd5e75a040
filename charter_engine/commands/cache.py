"""`charter-engine cache status|prune|clear`: the compilations kept between runs."""

import argparse
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import DONE, complain, print_json

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.compiling import CacheStatus, PoolReport

DEFAULT_DAYS = 30
"""Taken from the cache itself, which drops what is as old (`MAX_AGE_SECONDS`)."""


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "cache", help="look at the compilations kept between runs, prune or clear them"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    status = actions.add_parser("status", help="entries, sizes, hit rate and age")
    status.add_argument("--json", action="store_true", help="print JSON")
    prune = actions.add_parser(
        "prune", help="forget what was not used for some time, and files that are gone"
    )
    prune.add_argument("--days", type=float, default=DEFAULT_DAYS, help=f"default {DEFAULT_DAYS}")
    prune.add_argument("--json", action="store_true", help="print JSON")
    clear = actions.add_parser("clear", help="forget everything")
    clear.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    report = _done(args)
    for note in report.notes:
        complain(note.message, note.remedy)
    if args.action != "prune":
        print_json(report.status) if args.json else _print_status(report.status)
    elif args.json:
        print_json({"removed": report.removed})
    else:
        print(f"{report.removed} entries removed")
    return DONE


def _done(args: argparse.Namespace) -> "PoolReport":
    from charter_engine.api.compiling import cache_status, clear_cache, prune_cache

    if args.action == "prune":
        return prune_cache(args.days)
    return clear_cache() if args.action == "clear" else cache_status()


def _print_status(status: "CacheStatus") -> None:
    rate = (
        "none yet"
        if status.hit_rate is None
        else f"{status.hit_rate:.1%} of {status.hits + status.misses}"
    )
    print(status.path)
    print(f"{status.results} compilations of {status.files} files, {status.bytes} bytes")
    print(f"hit rate {rate}")
    if status.oldest_age is not None:
        print(f"least recently used {status.oldest_age / 86_400:.1f} days ago")
