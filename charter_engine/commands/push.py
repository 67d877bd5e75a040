"""`charter-engine push PLAN`: make a plan live on Triton, or change nothing."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, narrate, until_done
from charter_engine.commands.outcome import DONE, FAILED, UNKNOWN, print_json, print_table
from charter_engine.commands.triton_options import triton_options

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.deploy import Diff, PushReport, WatchedQuality, WatchReport
    from charter_engine.contracts.deploying import PushWatch
    from charter_engine.contracts.layout_preview import LayoutPreview

LONGEST_EXAMPLE = 1_500
"""In characters."""


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser("push", help="make a plan live on Triton")
    parser.add_argument("plan", type=Path, metavar="PLAN", help="a plan file")
    parser.add_argument(
        "--agent", type=Path, metavar="FILE", help="the agent's source, if not where the plan says"
    )
    parser.add_argument(
        "--base", type=int, metavar="REVISION", help="refuse if another revision is live"
    )
    parser.add_argument(
        "--why", "--note", dest="note", default="", metavar="TEXT", help="kept in the history"
    )
    parser.add_argument(
        "--watch",
        metavar="TIME",
        help="compare the requests of this time after the push (5m) with those before, and take it "
        "back where they are worse",
    )
    parser.add_argument(
        "--max-regression",
        default="5%",
        metavar="SHARE",
        help="what --watch lets pass (default: %(default)s)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="push over other people's changes, or another agent's plan",
    )
    parser.add_argument(
        "--traffic",
        default="",
        metavar="FILE",
        help="preview layouts for traffic on records that `charter-engine traffic --output` wrote "
        "(default: on what the deployment's tap holds)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and stop")
    parser.add_argument(
        "--json", action="store_true", help="print a PushReport (with --dry-run: a Diff)"
    )
    add_deployment_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Push, or with --dry-run show the difference."""
    from charter_engine.api import deploying
    from charter_engine.contracts.deploying import PushRequest

    request = PushRequest(
        plan=str(args.plan),
        agent=str(args.agent) if args.agent else None,
        base_revision=args.base,
        note=args.note,
        force=args.force,
        watch=_watch(args),
        traffic=args.traffic,
    )
    triton = triton_options(args)
    if args.dry_run:
        show_diff(until_done(deploying.diff(request, triton, narrate)), args.json)
        return DONE
    report = until_done(deploying.push(request, triton, narrate))
    show_report(report, args.json)
    return DONE if report.ok else FAILED


def _watch(args: argparse.Namespace) -> "PushWatch | None":
    from charter_engine.api.units import seconds_of, share_of
    from charter_engine.contracts.deploying import PushWatch

    if args.watch is None:
        return None
    return PushWatch(
        seconds=seconds_of(args.watch, "--watch"),
        margin=share_of(args.max_regression, "--max-regression"),
    )


def show_report(report: "PushReport", as_json: bool) -> None:
    """Print what a push or rollback did."""
    if as_json:
        print_json(report)
        return
    show_diff(report.diff, False)
    print(f"{report.message} ({report.elapsed_ms / 1000:.1f} s)")
    for line in report.verified:
        print(f"  verified: {line}")
    if report.watch is not None:
        show_watch(report.watch)


def show_watch(watch: "WatchReport") -> None:
    """Print what the time after a push showed."""
    rows = [
        (item.name, *_values(item), _share(item.change), _share(item.at_least))
        for item in watch.qualities
    ]
    print_table(("quality", "before", "after", "change", "at least"), rows)
    print(
        f"{watch.outcome} after {watch.seconds:.0f} s: {watch.requests_before:,} requests before, "
        f"{watch.requests_after:,} after; a push that makes nothing worse is taken back with a "
        f"chance below {watch.error_rate:.0%}"
    )
    if watch.left_out:
        print(f"{watch.left_out:,} requests are of nodes that nothing was known of before")


def _values(item: "WatchedQuality") -> tuple[str, str]:
    if item.name == "failures":
        return _share(item.before), _share(item.after)
    before, after = (
        UNKNOWN if value is None else f"{value:,.1f}" for value in (item.before, item.after)
    )
    return before, after


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1%}"


def show_diff(diff: "Diff", as_json: bool) -> None:
    """Print what changes and what it costs."""
    if as_json:
        print_json(diff)
        return
    if not diff.changes:
        print(diff.nothing_differs)
        return
    rows = [
        (item.place, item.key, item.old, item.new, item.cost, item.loses) for item in diff.changes
    ]
    print_table(("place", "key", "live", "new", "cost", "loses"), rows)
    for item in diff.changes:
        if not item.possible:
            print(f"not possible: {item.place} {item.key}: {item.reason}")
    for note in diff.notes:
        print(f"note: {note}")
    if diff.preview is not None:
        show_preview(diff.preview)


def show_preview(preview: "LayoutPreview") -> None:
    """Print what layouts for traffic would do."""
    laid_out = "" if preview.laid_out is None else f", {preview.laid_out:,} of them laid out"
    print(
        f"{preview.source}: {preview.requests:,} requests, {preview.matched:,} as a node's source "
        f"writes them{laid_out}"
    )
    for reason, count in sorted(preview.reasons.items(), key=lambda item: -item[1]):
        print(f"  {count:,} would go on as they came: {reason}")
    rows = [
        (name, f"{found.hit_rate:.1%}", f"{found.computed_tokens:,}", f"{found.prompt_tokens:,}")
        for name, found in (("as they came", preview.before), ("laid out", preview.after))
        if found is not None
    ]
    if rows:
        print_table(("predicted", "hit rate", "computed tokens", "prompt tokens"), rows)
    for note in preview.notes:
        print(f"note: {note}")
    for example in preview.examples:
        alike = _alike(example.before, example.after)
        print(f"\n{example.node}, as it came ({preview.source}):")
        print(_shown(example.before, alike))
        print(f"{example.node}, laid out:")
        print(_shown(example.after, alike))


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _shown(text: str, alike: int) -> str:
    """A text of an example, from where it differs from the other; not all of a long one."""
    begin = max(0, text.rfind("\n", 0, alike) + 1)
    rest = text[begin : begin + LONGEST_EXAMPLE]
    lines = [f"({begin:,} characters alike)"] if begin else []
    lines += rest.splitlines()
    lines += [f"({len(text) - begin - len(rest):,} more)"] if len(text) > begin + len(rest) else []
    return "\n".join(f"    {line}" for line in lines)
