"""`charter-engine learn SOURCE…`: when an agent's prompts come back, learnt from recorded
sessions."""

import argparse
from typing import TYPE_CHECKING

from charter_engine.commands.options import add_decide_at_option, add_reading_options, read_as
from charter_engine.commands.outcome import DONE, print_json, print_table
from charter_engine.commands.plan_report import median_text

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.reuse_times import LearnReport


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "learn",
        help="learn from recorded sessions when prompts come back",
        description="Learns the reuse times between an agent's requests from sessions, for the "
        "policy next-use. `plan --reuse-times`, `predict --reuse-times` and a plan's key `waits` "
        "take the file it writes.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="recordings, workloads, agent sessions, or what `run --json` printed",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to write the reuse times (default: only tell)"
    )
    add_decide_at_option(parser)
    add_reading_options(parser)
    parser.add_argument("--strict", action="store_true", help="refuse a file with a bad line")
    parser.add_argument("--json", action="store_true", help="print what was learnt as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Learn, write the reuse-times file whole or not at all, and tell what was learnt."""
    from charter_engine.api.learning import learn
    from charter_engine.commands.narration import print_notes
    from charter_engine.commands.plan_report import tell_reuse_times_written
    from charter_engine.contracts.learning import LearnRequest

    result = learn(
        LearnRequest(
            sources=tuple(args.sources),
            output=args.output or "",
            decide_at=args.decide_at,
            strict=args.strict,
            read_as=read_as(args),
        )
    )
    tell_reuse_times_written(result.reuse_times_written)
    if args.json:
        print_json(result.report)
    else:
        _print(result.report)
    print_notes(result.notes)
    return DONE


def _print(report: "LearnReport") -> None:
    print(f"{report.requests:,} requests of {report.sessions:,} sessions; reuse times are measured")
    print(
        f"explained: {report.explained:.1%} of the variance of how soon sessions return, "
        "in sessions not seen; "
        f"spread {report.spread:.2f} (deviation of the logarithm)"
    )
    print(f"most telling: {', '.join(report.telling) or 'nothing'}\n")
    header = (
        "",
        "requests",
        "median reuse time",
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
                median_text(one.own),
                f"{one.own.never_share:.1%}",
                f"{one.own.spread:.2f}",
                f"{one.explained:.1%}",
                f"{one.shared_tokens:,}",
                median_text(one.shared) if one.shared_tokens else "",
            )
            for one in report.nodes
        ],
    )
    if not report.kinds:
        return
    print()
    print_table(
        ("kind of reuse", "requests", "median reuse time", "never again", "spread"),
        [
            (
                kind,
                f"{reuse_time.requests:,}",
                median_text(reuse_time),
                f"{reuse_time.never_share:.1%}",
                f"{reuse_time.spread:.2f}",
            )
            for kind, reuse_time in report.kinds.items()
        ],
    )
