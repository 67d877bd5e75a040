"""`charter-engine workload info|convert|pool`: what a workload holds, and other forms of it."""

import argparse
import sys
from typing import TYPE_CHECKING

from charter_engine.commands.options import add_reading_options, positive, read_as
from charter_engine.commands.outcome import DONE, print_json, print_table

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.workload_files import WorkloadWritten


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser("workload", help="inspect, convert and pool workloads")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    info = actions.add_parser("info", help="what a workload holds")
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(action=_info)
    convert = actions.add_parser(
        "convert", help="write a workload as JSON Lines, or in the binary form (.npz)"
    )
    convert.set_defaults(action=_write)
    pool = actions.add_parser(
        "pool",
        help="interleave agent sessions into one workload",
        description="Picks sessions by the seed, starts each at a random moment of the window, "
        "caps the pauses.",
    )
    pool.add_argument(
        "--sessions", type=positive, default=60, metavar="N", help="how many sessions (default 60)"
    )
    pool.add_argument(
        "--window",
        type=_seconds,
        default=3600,
        metavar="S",
        help="seconds they start in (default 3600)",
    )
    pool.add_argument(
        "--gap-cap", type=_seconds, default=600, metavar="S", help="longest pause (default 600 s)"
    )
    pool.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed gives the same workload"
    )
    pool.set_defaults(action=_pool)
    for action in (info, convert, pool):
        action.add_argument(
            "file",
            metavar="FILE",
            help="workload lines, agent sessions, or an .npz of this command",
        )
        action.add_argument("--strict", action="store_true", help="refuse a file with a bad line")
        add_reading_options(action)
    for action in (convert, pool):
        action.add_argument(
            "-o", "--output", metavar="FILE", help="where to write (default: JSON Lines on stdout)"
        )
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return value


def run(args: argparse.Namespace) -> int:
    """Do what the chosen action does."""
    code: int = args.action(args)
    return code


def _info(args: argparse.Namespace) -> int:
    from charter_engine.api.workloads import info
    from charter_engine.commands.narration import print_notes
    from charter_engine.contracts.workload_files import InfoRequest

    found = info(InfoRequest(file=args.file, strict=args.strict, read_as=read_as(args)))
    print_notes(found.notes)
    if args.json:
        print_json(found.facts)
    else:
        names = [name for name in found.facts.__struct_fields__ if name != "notes"]
        print_table(
            ("workload", args.file),
            [(name.replace("_", " "), f"{getattr(found.facts, name):,}") for name in names],
        )
        for note in found.facts.notes:
            print(note)
    return DONE


def _write(args: argparse.Namespace) -> int:
    from charter_engine.api.workloads import convert
    from charter_engine.contracts.workload_files import ConvertRequest

    request = ConvertRequest(
        file=args.file, output=args.output or "", strict=args.strict, read_as=read_as(args)
    )
    return _tell(convert(request, sys.stdout.buffer))


def _pool(args: argparse.Namespace) -> int:
    from charter_engine.api.workloads import pool
    from charter_engine.contracts.workload_files import PoolRequest

    request = PoolRequest(
        file=args.file,
        output=args.output or "",
        strict=args.strict,
        read_as=read_as(args),
        sessions=args.sessions,
        window_s=args.window,
        gap_cap_s=args.gap_cap,
        seed=args.seed,
    )
    return _tell(pool(request, sys.stdout.buffer))


def _tell(written: "WorkloadWritten") -> int:
    from charter_engine.commands.narration import print_notes

    print_notes(written.notes)
    if written.output:
        print(
            f"{written.output}: {written.requests:,} requests, "
            f"{written.prompt_tokens:,} prompt tokens",
            file=sys.stderr,
        )
    return DONE
