"""The one number the graph screen is looked at for.

It says how much of the prompts came out of the cache, and what could.
"""

from typing import Final

from charter_tui.present.figures import MARKS, bar, heat, percent, percent_text, short_count
from charter_tui.present.spans import Line, Span, line, line_width
from charter_tui.state import Snapshot, share

WORTH_TELLING: Final = 0.02
"""Hit rate, 0 to 1, by which an opportunity must exceed the live plan to be named."""
_GAP: Final = Span("   ")


def headline(snapshot: Snapshot, width: int) -> Line:
    """Token hit rate of the whole agent.

    Measured, predicted of the live plan, and of what could be pushed.

    What does not fit in `width` is left out from the right, whole figures at a time.
    """
    if not snapshot.calls:
        return ()
    parts = [_measured(snapshot), _of_live_plan(snapshot), _next(snapshot), _tokens(snapshot)]
    shown = line(Span("Token hit rate", "strong"))
    if width >= 110:
        parts[0] = (*parts[0], Span(" "), *_bar(snapshot))
    for part in parts:
        if part and line_width(shown) + len(_GAP.text) + line_width(part) <= width:
            shown = (*shown, _GAP, *part)
    return shown


def _totals(snapshot: Snapshot) -> tuple[int, int]:
    nodes = snapshot.nodes.nodes if snapshot.nodes else ()
    return sum(node.reused_tokens for node in nodes), sum(node.told_tokens for node in nodes)


def _measured(snapshot: Snapshot) -> Line:
    rate = share(*_totals(snapshot))
    if rate is None:
        return line(Span("not measured yet", "muted"))
    return line(Span(f"{MARKS['measured']}{percent_text(rate)}", "strong"))


def _bar(snapshot: Snapshot) -> Line:
    rate = share(*_totals(snapshot))
    return () if rate is None else bar(rate, 20, heat(rate))


def _tokens(snapshot: Snapshot) -> Line:
    reused, prompt = _totals(snapshot)
    if not prompt:
        return ()
    words = f"{MARKS['measured']}{short_count(reused)} of {short_count(prompt)} prompt tokens"
    return line(Span(words, "muted"))


def _of_live_plan(snapshot: Snapshot) -> Line:
    live = snapshot.live_prediction
    return (
        line(Span("live plan ", "muted"), percent(live.token_hit_rate, "predicted")) if live else ()
    )


def _next(snapshot: Snapshot) -> Line:
    """The draft where there is one, else the best that an opportunity promises."""
    predicted = snapshot.draft.predicted if snapshot.draft and snapshot.has_changes else None
    if predicted is not None:
        return line(
            Span("draft ", "draft"),
            percent(predicted.token_hit_rate, "predicted"),
            *_keys("2 p", "push"),
        )
    best = best_expected(snapshot)
    live = snapshot.live_prediction
    if best is None or (live is not None and best < live.token_hit_rate + WORTH_TELLING):
        return ()
    return line(Span("possible ", "muted"), percent(best, "predicted"), *_keys("2 a", "propose"))


def _keys(keys: str, does: str) -> Line:
    return line(Span(f"  {keys}", "accent"), Span(f" {does}", "muted"))


def best_expected(snapshot: Snapshot) -> float | None:
    """The highest hit rate, 0 to 1, that one opportunity promises over all of the agent's calls.

    None where there is no opportunity.
    """
    compiled = snapshot.session.compiled if snapshot.session else None
    calls = {call.id for call in snapshot.calls}
    rates = [
        item.expected_hit_rate
        for item in (compiled.opportunities if compiled else ())
        if item.expected_hit_rate is not None
        and item.expected_label == "predicted"
        and calls <= set(item.nodes)
    ]
    return max(rates, default=None)
