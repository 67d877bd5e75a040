"""`charter-engine kv-log`."""

import argparse
from typing import TYPE_CHECKING

from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.kvcache.manager.event_log import EventLogReport
    from charter_engine.kvcache.manager.event_tree import TreeReport

LEVELS = {0: "GPU", 1: "host"}


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "kv-log",
        help="what a log of KV cache events says about the cache",
        description="Rebuilds the cache's tree from a log of KV cache events (JSON Lines, as trtllm-serve gives them) "
        "and reports its blocks by level and priority, what sequences share, and churn.",
    )
    parser.add_argument("file", metavar="FILE", help="the log; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import sys
    from pathlib import Path

    from charter_engine.commands import outcome
    from charter_engine.kvcache.manager.event_log import report_event_log

    try:
        if args.file == "-":
            report = report_event_log(sys.stdin.buffer)
        else:
            with Path(args.file).open("rb") as lines:
                report = report_event_log(lines)
    except OSError as error:
        raise UsageError(
            f"{args.file}: {error.strerror}",
            remedy="name a readable file of KV cache events",
        ) from error
    if not report.events:
        first = (
            f"; line {report.bad_lines[0].line}: {report.bad_lines[0].reason}"
            if report.bad_lines
            else ""
        )
        raise UsageError(
            f"{args.file}: no KV cache event in it{first}",
            remedy="write what POST /kv_cache_events returns, one answer a line",
        )
    _narrate(report)
    if args.json:
        outcome.print_json(report)
    else:
        for tree in report.trees:
            _print_tree(tree, "measured" if report.complete else "measured, incomplete")
    return outcome.DONE


def _narrate(report: "EventLogReport") -> None:
    from charter_engine.commands.outcome import complain

    for bad in report.bad_lines:
        complain(f"line {bad.line} skipped: {bad.reason}")
    if report.bad_line_count > len(report.bad_lines):
        complain(f"{report.bad_line_count} lines skipped in all")
    for gap in report.gaps:
        complain(f"{gap.lost} events lost before event {gap.before_id}")
    if report.lost_events:
        complain(
            f"{report.lost_events} events lost in all",
            "raise event_buffer_max_size, or read the events more often",
        )


def _print_tree(tree: "TreeReport", label: str) -> None:
    from charter_engine.commands.outcome import print_table

    sharing, churn = tree.sharing, tree.churn
    rank = "" if tree.attention_dp_rank is None else f", rank {tree.attention_dp_rank}"
    print(f"window {tree.window_size}{rank}: {tree.blocks} blocks, {tree.tokens} tokens ({label})")
    rows = [
        (
            LEVELS.get(count.cache_level, str(count.cache_level)),
            str(count.priority),
            str(count.blocks),
            str(count.tokens),
        )
        for count in tree.by_level
    ]
    print_table(("level", "priority", "blocks", "tokens"), rows)
    print(
        f"sharing: {sharing.sequences} sequences of {sharing.sequence_tokens} tokens in {tree.tokens} "
        f"({sharing.factor:.2f} times), {sharing.shared_blocks} blocks shared, {sharing.branches} branches, "
        f"deepest {sharing.deepest_tokens} tokens"
    )
    print(
        f"churn: {churn.stored} stored ({churn.stored_again} of them again), {churn.removed} removed, "
        f"{churn.offloaded} offloaded, {churn.onboarded} restored, {churn.reprioritised} given another priority, "
        f"{churn.unknown} mentions of unknown blocks"
    )
