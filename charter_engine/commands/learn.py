"""`charter-engine learn SOURCE…`: when an agent's prompts come back, learnt from recorded
sessions."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.api.workload_files import load
from charter_engine.commands.options import add_moment_option
from charter_engine.commands.outcome import (
    DONE,
    complain,
    print_json,
    print_table,
)
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.bls.reuse_times import DecideAt
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.waits import LearnReport, Wait
    from charter_engine.plan.retention.model import ReuseTimeModel


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "learn",
        help="learn from recorded sessions when prompts come back",
        description="Learns the waits between an agent's requests from sessions, for the policy next-use. "
        "`plan --waits`, `predict --waits` and a plan's key `waits` take the file it writes.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="recordings, workloads, agent sessions, or what `run --json` printed",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to write the waits (default: only tell)"
    )
    add_moment_option(parser)
    parser.add_argument("--strict", action="store_true", help="refuse a file with a bad line")
    parser.add_argument("--json", action="store_true", help="print what was learnt as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Learn, write the waits file whole or not at all, and tell what was learnt."""
    if args.output and not Path(args.output).parent.is_dir():
        raise UsageError(
            f"{args.output}: there is no such folder",
            remedy="make it first",
        )
    from charter_engine.plan.retention.learnt import learn_report

    model = learn_from(args.sources, args.moment, strict=args.strict)
    if args.output:
        write_waits(Path(args.output), model, tuple(args.sources))
    report = learn_report(model, output=args.output or "", sources=tuple(args.sources))
    if args.json:
        print_json(report)
    else:
        _print(report)
    if not report.usable:
        complain(
            "what was learnt explains too little of when sessions return: plans stay with defaults"
        )
    return DONE


def learn_from(
    sources: list[str], moment: "DecideAt" = "sent", *, strict: bool = False
) -> "ReuseTimeModel":
    """The waits of all sessions in some files. Raises CharterError."""
    from charter_engine.kvcache.workload.joining import joined
    from charter_engine.plan.retention.model import learn

    workloads = [load(source, strict=strict) for source in dict.fromkeys(sources)]
    try:
        return learn(joined(workloads), moment)
    except ValueError as error:
        raise UsageError(
            f"{', '.join(sources)}: {error}",
            remedy="waits are learnt from requests with a `session`: recordings, agent sessions, or such workloads",
        ) from None


def write_waits(
    path: Path, model: "ReuseTimeModel", sources: tuple[str, ...], price: float | None = None
) -> None:
    """Write a waits file, or leave what is there as it was. Raises CharterError."""
    from charter_engine.commands.lint import write_atomically
    from charter_engine.plan.retention.scale import PRICE
    from charter_engine.plan.retention.waits_file import encode

    content = encode(model, price=PRICE if price is None else price, sources=sources)
    try:
        write_atomically(path, content.decode())
    except OSError as error:
        raise CharterError(f"{path}: {error.strerror}", remedy="nothing was changed") from None
    print(
        f"{path}: waits of {model.requests:,} requests in {model.sessions:,} sessions",
        file=sys.stderr,
    )


def _print(report: "LearnReport") -> None:
    print(f"{report.requests:,} requests of {report.sessions:,} sessions; waits are measured")
    print(
        f"explained: {report.explained:.1%} of the variance of how soon sessions return, in sessions not seen; "
        f"spread {report.spread:.2f} (deviation of the logarithm)"
    )
    print(f"most telling: {', '.join(report.telling) or 'nothing'}\n")
    header = (
        "",
        "requests",
        "median wait",
        "never again",
        "spread",
        "explained",
        "shared tokens",
        "again by others",
    )
    print_table(
        header,
        [
            (
                one.node or "(unnamed)",
                f"{one.own.requests:,}",
                seconds(one.own),
                f"{one.own.never_share:.1%}",
                f"{one.own.spread:.2f}",
                f"{one.explained:.1%}",
                f"{one.shared_tokens:,}",
                seconds(one.shared) if one.shared_tokens else "",
            )
            for one in report.nodes
        ],
    )
    if not report.kinds:
        return
    print()
    print_table(
        ("kind of wait", "requests", "median wait", "never again", "spread"),
        [
            (
                kind,
                f"{wait.requests:,}",
                seconds(wait),
                f"{wait.never_share:.1%}",
                f"{wait.spread:.2f}",
            )
            for kind, wait in report.kinds.items()
        ],
    )


def seconds(wait: "Wait") -> str:
    """The median wait as it is printed."""
    return "never" if wait.median_s is None else f"{wait.median_s:.3g} s"
