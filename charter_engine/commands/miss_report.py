"""Why requests missed, as text."""

from typing import TYPE_CHECKING, Final

from charter_engine.commands.outcome import harmless, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.contracts.explaining import (
        Divergence,
        MissCause,
        MissCost,
        MissExplanation,
        MissGroup,
        MissReport,
        Part,
        WordChange,
    )
    from charter_engine.contracts.figures import Label

HEADER: Final = ("cause", "node", "requests", "tokens again", "an hour", "mending gives", "such as")

PARTS: Final[dict["Part", str]] = {
    "reused": "reused",
    "new": "new",
    "diverged": "seen behind another beginning",
    "evicted": "evicted",
    "rounding": "lost to block size and last token",
    "scope": "cached for another salt or adapter",
    "server": "not given by the server",
}
MARKS: Final = {"same": ("", ""), "stood": ("[-", "-]"), "stands": ("{+", "+}")}
"""As `wdiff` and `git diff --word-diff` write what is gone and what came."""


def print_explanation(explanation: "MissExplanation") -> None:
    """One request, with a blank line behind it."""
    about = [f"request {explanation.request}"]
    about += [f"node {explanation.node}"] if explanation.node else []
    about += [f"session {explanation.session}"] if explanation.session else []
    print(f"{harmless(', '.join(about))}: {explanation.prompt_tokens:,} prompt tokens")
    for name, words in PARTS.items():
        tokens = getattr(explanation.parts, name)
        if tokens:
            print(f"  {tokens:>10,}  {words}{_label(explanation, name)}")
    if explanation.divergence is not None:
        _print_divergence(explanation.divergence)
    _print_cause(explanation.cause)
    if explanation.cost is not None:
        _print_cost(explanation.cost, explanation.diverged_label)
    if explanation.cause.remedy:
        print(f"  what to do: {explanation.cause.remedy}")
    for note in explanation.notes:
        print(f"  note: {note}")
    print()


def in_words(words: "Sequence[WordChange]") -> str:
    """A word diff, with what is gone and what came marked."""
    return "".join(
        f"{MARKS[change.kind][0]}{change.text}{MARKS[change.kind][1]}" for change in words
    )


def print_causes(report: "MissReport") -> None:
    """What was computed again, by cause and node, with what it would give to mend each."""
    if report.causes:
        print_table(HEADER, [_row(group) for group in report.causes])
    total, again = report.parts.total, report.parts.again
    share = f" ({again / total:.0%})" if total else ""
    assumed = any(group.label == "assumed" for group in report.causes)
    at_most, at_least = ("at most ", "at least ") if assumed else ("", "")
    print(
        f"{at_most}{again:,} of {total:,} prompt tokens{share} were computed again, "
        f"and {at_least}{report.parts.new:,} were new"
    )
    if report.predicted_reused is not None:
        print(
            f"{report.parts.reused:,} were reused; the block manager gives "
            f"{report.predicted_reused:,} (predicted)"
        )
    if any(group.tokens_per_hour is None for group in report.causes):
        print(f"nothing is told by the hour: {_too_short(report.seconds)}")
    elif report.causes and report.seconds:
        print(f"an hour is told from {_lasting(report.seconds)} of traffic")


def _row(group: "MissGroup") -> tuple[str, ...]:
    mended = "-" if group.mended_tokens is None else f"{group.mended_tokens:,}"
    return (
        group.cause,
        group.node or "(unmatched)",
        f"{group.requests:,}",
        f"{_at_most(group.label)}{group.tokens:,}",
        _an_hour(group.tokens_per_hour, group.label),
        mended,
        group.example,
    )


def _label(explanation: "MissExplanation", name: str) -> str:
    match name:
        case "reused":
            label = explanation.reused_label
        case "diverged":
            label = explanation.diverged_label
        case "evicted":
            label = "predicted"
        case _:
            return ""
    return f" ({label})" if label != "measured" else ""


def _print_divergence(divergence: "Divergence") -> None:
    place = f"{'' if divergence.exact else 'about '}token {divergence.token:,}"
    whose = "the same session's " if divergence.same_session else ""
    print(f"  it follows {whose}request {divergence.followed} up to {place}")
    if divergence.words:
        print("    " + harmless(in_words(divergence.words)).replace("\n", "\n    "))
    elif divergence.no_words:
        print(f"    {divergence.no_words}")


def _print_cause(cause: "MissCause") -> None:
    place = f" ({cause.path}:{cause.line}: {cause.segment})" if cause.path else ""
    evidence = f": {cause.evidence}" if cause.evidence else ""
    print(harmless(f"  cause: {cause.kind}{place}{evidence}"))


def _print_cost(cost: "MissCost", label: "Label") -> None:
    count = "1 request" if cost.requests == 1 else f"{cost.requests:,} requests"
    if cost.tokens_per_hour is None:
        print(
            f"  cost: {_at_most(label)}{cost.tokens:,} tokens computed again by {count} like it; "
            f"nothing is told by the hour: {_too_short(cost.seconds)}"
        )
        return
    print(
        f"  cost: {_at_most(label)}{cost.tokens_per_hour:,.0f} tokens computed again an hour "
        f"({cost.tokens:,} by {count} like it in {_lasting(cost.seconds)})"
    )


def _an_hour(tokens: float | None, label: "Label") -> str:
    return "-" if tokens is None else f"{_at_most(label)}{tokens:,.0f}"


def _too_short(seconds: float) -> str:
    if not seconds:
        return "no times are known"
    return f"{_lasting(seconds)} of traffic are too short"


def _lasting(seconds: float) -> str:
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.0f} {name}"
    return f"{seconds:,.0f} s"


def _at_most(label: "Label") -> str:
    """Hashes alone tell as many tokens as can be."""
    return "at most " if label == "assumed" else ""
