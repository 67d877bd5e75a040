"""`charter-engine runs`: the runs on record, one of them, or two side by side."""

import argparse
import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.cost_report import (
    RUN_HEADER,
    cost_cells,
    cost_header,
    difference_cells,
    lever_words,
    number,
    what,
)
from charter_engine.commands.options import positive
from charter_engine.commands.outcome import DONE, print_json, print_table
from charter_engine.commands.recording_report import DIFFERENCE_HEADER, difference_rows

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.runs import RunComparison, RunDetail, RunSummary

SHOWN = 20
"""Runs that are listed unless more are asked for."""
SLOWEST = 10
"""Assumed: enough to see whether they are of one call."""


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "runs",
        help="list the runs on record, show one, or compare two",
        description="Every run that charter-engine run or a console made is kept on this machine "
        "with its plan and its requests. What is paid comes first: prompt tokens computed, whole "
        "time, time to the first token.",
    )
    kinds = parser.add_subparsers(dest="what", metavar="list|show|compare", required=True)
    listing = kinds.add_parser("list", help="the latest runs, each with what it cost")
    listing.add_argument("--agent", default="", metavar="NAME", help="of the agent of that name")
    listing.add_argument(
        "--limit", type=positive, default=SHOWN, metavar="N", help=f"so many (default {SHOWN})"
    )
    listing.set_defaults(run=_list)
    showing = kinds.add_parser("show", help="one run with its slow and failed requests")
    showing.add_argument("number", type=positive, help="the number that runs list shows")
    showing.set_defaults(run=_show)
    comparing = kinds.add_parser("compare", help="how the second run differs from the first")
    comparing.add_argument("before", type=positive, metavar="A")
    comparing.add_argument("after", type=positive, metavar="B")
    comparing.add_argument(
        "--html", type=Path, metavar="FILE", help="also write a page that one can send on"
    )
    comparing.set_defaults(run=_compare)
    for one, record in ((listing, "RunList"), (showing, "RunDetail"), (comparing, "RunComparison")):
        one.add_argument("--json", action="store_true", help=f"print a {record} as JSON")


def _list(args: argparse.Namespace) -> int:
    from msgspec.structs import replace

    from charter_engine.api import runs

    found = asyncio.run(runs.runs(args.agent))
    shown = replace(found, runs=found.runs[: args.limit])
    if args.json:
        print_json(shown)
    elif not shown.runs:
        print("no run is on record yet: charter-engine run AGENT makes one")
    else:
        _print_list(shown.runs)
    return DONE


def _show(args: argparse.Namespace) -> int:
    from charter_engine.api import runs

    found = asyncio.run(runs.run_of(args.number))
    if args.json:
        print_json(found)
    else:
        _print_run(found)
    return DONE


def _compare(args: argparse.Namespace) -> int:
    from charter_engine.api import runs

    found = asyncio.run(runs.compare(args.before, args.after))
    if args.html is not None:
        from charter_engine.api.output_files import write_output
        from charter_engine.commands.pages.runs import page_of

        write_output(args.html, page_of(found))
    if args.json:
        print_json(found)
    else:
        _print_comparison(found)
    return DONE


def _print_list(runs: "tuple[RunSummary, ...]") -> None:
    print_table(
        ("run", "began", "agent", "what", "state", "items", *cost_header(), "cache"),
        [
            (
                str(run.number),
                time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started_at)),
                run.agent.rsplit("/", 1)[-1],
                what(run),
                run.state,
                str(run.cost.items),
                *cost_cells(run.cost),
                "?" if run.earlier is None else "filled" if run.earlier else "empty",
            )
            for run in runs
        ],
    )


def _print_run(found: "RunDetail") -> None:
    _print_list((found.summary,))
    failed = [one for one in found.requests if one.error is not None]
    answered = [one for one in found.requests if one.error is None]
    print()
    print(f"{len(found.requests):,} requests, {len(failed):,} failed")
    for one in failed[:SLOWEST]:
        print(f"failed: item {one.item}, {one.node}: {one.error}")
    slowest = sorted(answered, key=lambda one: -(one.latency_ms or 0.0))[:SLOWEST]
    print_table(
        ("slowest", "item", "whole ms", "TTFT ms", "prompt", "reused", "generated"),
        [
            (
                one.node,
                str(one.item),
                number(one.latency_ms),
                number(one.ttft_ms),
                number(one.prompt_tokens),
                number(one.reused_tokens),
                number(one.output_tokens),
            )
            for one in slowest
        ],
    )


def _print_comparison(found: "RunComparison") -> None:
    for name, run in (("A", found.before), ("B", found.after)):
        print(f"{name}: run {run.number}, {what(run)}, {run.state}")
    if found.levers:
        print(f"they differ in: {lever_words(found.levers)}")
    print_table(
        RUN_HEADER,
        [difference_cells(one) for one in found.differences],
    )
    if found.nodes:
        print("\na request of each node")
        print_table(DIFFERENCE_HEADER, difference_rows(found.nodes))
    if found.verdict.words:
        print(f"B against A: {found.verdict.words}")
    for note in found.notes:
        print(f"! {note}")
