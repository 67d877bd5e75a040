"""`charter-engine kv-log`."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charter_engine.api.kv_log import TreeReport
    from charter_engine.commands import Subparsers

LEVELS = {0: "GPU", 1: "host"}


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "kv-log",
        help="what a log of KV cache events says about the cache",
        description="Rebuilds the cache's tree from a log of KV cache events (JSON Lines, as "
        "trtllm-serve gives them) and reports its blocks by level and priority, what sequences "
        "share, and churn.",
    )
    parser.add_argument("file", metavar="FILE", help="the log; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Rebuild the tree, and tell what the log lacks."""
    import sys

    from charter_engine.api.kv_log import notes_of, read_kv_log
    from charter_engine.commands.narration import print_notes
    from charter_engine.commands.outcome import DONE, print_json

    report = read_kv_log(args.file, sys.stdin.buffer if args.file == "-" else None)
    print_notes(notes_of(report))
    if args.json:
        print_json(report)
    else:
        for tree in report.trees:
            _print_tree(tree, "measured" if report.complete else "measured, incomplete")
    return DONE


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
        f"sharing: {sharing.sequences} sequences of {sharing.sequence_tokens} tokens in "
        f"{tree.tokens} ({sharing.factor:.2f} times), {sharing.shared_blocks} blocks shared, "
        f"{sharing.branches} branches, deepest {sharing.deepest_tokens} tokens"
    )
    print(
        f"churn: {churn.stored} stored ({churn.stored_again} of them again), "
        f"{churn.removed} removed, {churn.offloaded} offloaded, {churn.onboarded} restored, "
        f"{churn.reprioritised} given another priority, {churn.unknown} mentions of unknown blocks"
    )
