"""`charter-engine requests`: requests on record, of runs and of what passed, by what they cost."""

import argparse
import asyncio
import time
from typing import TYPE_CHECKING

from charter_engine.commands.cost_report import number
from charter_engine.commands.options import duration, positive
from charter_engine.commands.outcome import DONE, UNKNOWN, print_json, print_table

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.live import RequestRecord

SHOWN = 50
"""Assumed: what a terminal scrolls through; `--limit` has more."""
HEADER = ("node", "sent", "by", "prompt", "computed", "generated", "TTFT ms", "whole ms", "failed")


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "requests",
        help="find requests on record, of runs and of what passed",
        description="The latest first, out of the database: those of runs, and those that engines "
        "saw pass. What is asked for with several options must hold all at once.",
    )
    parser.add_argument("--run", dest="number", type=positive, metavar="N", help="of that run")
    parser.add_argument(
        "--node", default="", metavar="NAME", help="of a node, by its id or what is behind a dot"
    )
    parser.add_argument(
        "--id",
        default="",
        metavar="ID",
        help="of that X-Request-Id at the gateway, or id at Triton",
    )
    parser.add_argument("--since", type=duration, metavar="DURATION", help="of the last 30m, 6h …")
    parser.add_argument("--failed", action="store_true", help="that were not answered")
    parser.add_argument(
        "--slower-than", type=float, metavar="MS", help="whose whole answer took longer"
    )
    parser.add_argument(
        "--computed-more-than", type=int, metavar="TOKENS", help="that computed more of the prompt"
    )
    parser.add_argument(
        "--limit", type=positive, default=SHOWN, metavar="N", help=f"so many (default {SHOWN})"
    )
    parser.add_argument("--json", action="store_true", help="print a RequestList as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from charter_engine.api import runs
    from charter_engine.contracts.request_query import RequestQuery

    query = RequestQuery(
        run=args.number,
        node=args.node,
        request_id=args.id,
        since=None if args.since is None else time.time() - args.since,
        failed=args.failed,
        slower_than_ms=args.slower_than,
        computed_more_than=args.computed_more_than,
        limit=args.limit,
    )
    found = asyncio.run(runs.find_requests(query))
    if args.json:
        print_json(found)
        return DONE
    if not found.requests:
        print("no such request is on record")
        return DONE
    print_table(HEADER, [_row(one) for one in found.requests])
    if found.more:
        print(f"and others: --limit shows more than {query.limit}")
    return DONE


def _row(one: "RequestRecord") -> tuple[str, ...]:
    return (
        one.node or UNKNOWN,
        time.strftime("%m-%d %H:%M:%S", time.localtime(one.started_at)),
        one.source,
        number(one.prompt_tokens),
        number(one.computed_tokens),
        number(one.output_tokens),
        number(one.ttft_ms),
        number(one.latency_ms),
        one.error or "",
    )
