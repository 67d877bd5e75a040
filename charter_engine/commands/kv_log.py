"""`charter-engine kv-log`."""

import argparse
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import narrate, until_done
from charter_engine.commands.options import duration
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.api.kv_log import EventLogReport, TreeReport
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.server import ProfileRequest

PUBLISHED = ("tcp://", "ipc://")
KEPT = ("http://", "https://")
LEVELS = {0: "GPU", 1: "host"}


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "kv-log",
        help="what KV cache events, from a log or live, say about the cache",
        description="Rebuilds the cache's tree from KV cache events and reports its blocks by "
        "level and priority, what sequences share, and churn. Events come from a log (JSON Lines, "
        "as trtllm-serve gives them), from a trtllm-serve that is up, or as vLLM and SGLang "
        "publish them, until Ctrl-C. The URL of these tells where all their ranks publish.",
    )
    parser.add_argument(
        "file",
        metavar="FILE|tcp://HOST:PORT[,…]|URL",
        help="the log, - for standard input, where events are published, or a server",
    )
    parser.add_argument(
        "--listen",
        action="store_true",
        help="bind the address: a publisher that was given one with a host connects to it",
    )
    parser.add_argument(
        "--replay",
        metavar="ADDRESS",
        help="the publisher's replay_endpoint: begin with what it still has, and ask it for what "
        "was lost",
    )
    parser.add_argument(
        "--duration", type=duration, metavar="TIME", help="end after 30s, 5m, … (default: Ctrl-C)"
    )
    parser.add_argument(
        "--drain",
        action="store_true",
        help="take the events of a trtllm-serve, which forgets what was read: other readers miss "
        "them",
    )
    parser.add_argument(
        "--key", metavar="SOURCE", help="its API key; env:VARIABLE, @FILE or keyring:SERVICE/USER"
    )
    parser.add_argument("--ca", metavar="FILE", help="the certificates that sign its own, in PEM")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Rebuild the tree, and tell what the log lacks."""
    from charter_engine.api.kv_log import notes_of
    from charter_engine.commands.narration import print_notes
    from charter_engine.commands.outcome import DONE, print_json

    report = _report(args)
    is_live = args.file.startswith((*PUBLISHED, *KEPT))
    print_notes(notes_of(report, published=is_live and not args.drain))
    if args.json:
        print_json(report)
    else:
        for tree in report.trees:
            _print_tree(tree, "measured" if report.complete else "measured, incomplete")
    return DONE


def _report(args: argparse.Namespace) -> "EventLogReport":
    import sys

    from charter_engine.api.kv_log import (
        follow_drained_events,
        follow_kv_events,
        follow_server_events,
        read_kv_log,
    )

    if args.file.startswith(PUBLISHED):
        following = follow_kv_events(
            args.file,
            listen=args.listen,
            replay=args.replay or "",
            seconds=args.duration,
            report=narrate,
        )
        return until_done(following)
    if args.file.startswith(KEPT):
        follow = follow_drained_events if args.drain else follow_server_events
        return until_done(follow(_request(args), seconds=args.duration, report=narrate))
    if args.listen or args.replay or args.drain or args.duration is not None:
        raise UsageError(
            "--listen, --replay, --drain and --duration are of events as they come",
            remedy="give tcp://HOST:PORT, or the URL of a server",
        )
    return read_kv_log(args.file, sys.stdin.buffer if args.file == "-" else None)


def _request(args: argparse.Namespace) -> "ProfileRequest":
    from charter_engine.api.credentials import key_of
    from charter_engine.contracts.server import ProfileRequest

    return ProfileRequest(
        address=args.file,
        key=key_of("--key", args.key),
        drain=args.drain,
        root_certificates=args.ca or "",
    )


def _print_tree(tree: "TreeReport", label: str) -> None:
    from charter_engine.commands.outcome import print_table

    sharing, churn = tree.sharing, tree.churn
    names = [
        f"{name} {number}"
        for name, number in (
            ("window", tree.window_size),
            ("layer group", tree.layer_group_id),
            ("rank", tree.attention_dp_rank),
        )
        if number is not None
    ]
    place = ", ".join(names) or "cache"
    print(f"{place}: {tree.blocks} blocks, {tree.tokens} tokens ({label})")
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
        f"{churn.removed} removed, {churn.taken_over} taken over in place (derived), "
        f"{churn.offloaded} offloaded, {churn.onboarded} restored, "
        f"{churn.reprioritised} given another priority, {churn.unknown} mentions of unknown blocks"
    )
