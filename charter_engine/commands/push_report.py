"""What a push or a rollback did, and what a push would change, as they are printed."""

from typing import TYPE_CHECKING

from charter_engine.commands.outcome import UNKNOWN, print_json, print_table

if TYPE_CHECKING:
    from charter_engine.contracts.deploy import Diff, PushReport, WatchedQuality, WatchReport
    from charter_engine.contracts.layout_preview import LayoutPreview

LONGEST_EXAMPLE = 1_500
"""In characters."""


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
