"""`charter-engine cache status|prune|clear`: the compilations kept between runs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import DONE, complain, print_json
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers

DEFAULT_DAYS = 30


def cache_path() -> Path:
    """Where compilations are kept for this user."""
    import platformdirs

    return platformdirs.user_cache_path("charter") / "compile.sqlite3"


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
    from charter_engine.store.compile_cache import CompileCache

    with CompileCache(cache_path()) as cache:
        if cache.notice:
            complain(cache.notice)
        if args.action == "prune":
            if args.days < 0:
                raise UsageError(
                    "--days is negative",
                    remedy="give a number of days from 0",
                )
            removed = cache.prune(args.days * 86_400)
            print_json({"removed": removed}) if args.json else print(f"{removed} entries removed")
            return DONE
        if args.action == "clear":
            cache.clear()
        status = cache.status()
    if args.json:
        print_json(status)
    else:
        rate = (
            "none yet"
            if status.hit_rate is None
            else f"{status.hit_rate:.1%} of {status.hits + status.misses}"
        )
        print(
            f"{status.path}\n{status.results} compilations of {status.files} files, {status.bytes} bytes"
        )
        print(f"hit rate {rate}")
        if status.oldest_age is not None:
            print(f"least recently used {status.oldest_age / 86_400:.1f} days ago")
    return DONE
