"""`charter-engine workload info|convert|pool`: what a workload holds, and other forms of it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.api.workload_files import load, through_cache
from charter_engine.commands.options import positive
from charter_engine.commands.outcome import DONE, print_json, print_table
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.kvcache.workload.columns import Workload


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
        description="Picks sessions by the seed, starts each at a random moment of the window, caps the pauses.",
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
    from charter_engine.kvcache.workload.info import describe

    facts = describe(load(args.file, strict=args.strict))
    if args.json:
        print_json(facts)
    else:
        names = [name for name in facts.__struct_fields__ if name != "notes"]
        print_table(
            ("workload", args.file),
            [(name.replace("_", " "), f"{getattr(facts, name):,}") for name in names],
        )
        for note in facts.notes:
            print(note)
    return DONE


def _write(args: argparse.Namespace) -> int:
    return _save(load(args.file, strict=args.strict), args.output)


def _pool(args: argparse.Namespace) -> int:
    from charter_engine.kvcache.workload.lines import read_sessions
    from charter_engine.kvcache.workload.sessions import pool

    parameters = (args.sessions, args.window, args.gap_cap, args.seed)
    workload = through_cache(
        args.file,
        ("pool", *parameters),
        args.strict,
        lambda path, report: pool(list(read_sessions(path, report)), *parameters),
    )
    return _save(workload, args.output)


def _save(workload: "Workload", output: str | None) -> int:
    from charter_engine.kvcache.workload.lines import write_lines
    from charter_engine.store.workload_cache import save

    if output is None:
        write_lines(workload.requests(), sys.stdout.buffer)
        return DONE
    path = Path(output)
    try:
        if path.suffix == ".npz":
            save(workload, path)
        else:
            unfinished = path.with_name(f"{path.name}.part")
            with unfinished.open("wb") as file:
                count = write_lines(workload.requests(), file)
            unfinished.replace(path)
            assert count == len(workload)
    except OSError as error:
        raise UsageError(
            f"{output}: {error.strerror}",
            remedy="name a file that can be written",
        ) from error
    print(
        f"{output}: {len(workload):,} requests, {workload.prompt_tokens:,} prompt tokens",
        file=sys.stderr,
    )
    return DONE
