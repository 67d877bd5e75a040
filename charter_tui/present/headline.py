"""The line the graph screen is looked at for: what prompts cost, and what could be saved."""

from collections.abc import Sequence
from typing import Final

from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.live import NodeStats
from charter_tui.present.costs import verdict_tone
from charter_tui.present.figures import (
    MARKS,
    count,
    heat,
    milliseconds,
    percent,
    percent_text,
    short_count,
)
from charter_tui.present.spans import Line, Span, fitting, line, line_width
from charter_tui.state import Snapshot, share

WORTH_TELLING: Final = 0.02
"""Hit rate, 0 to 1, by which an opportunity must exceed the live plan to be named."""
UNBOUNDED: Final = 10_000
"""A width that any line fits in."""


def headline(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """What the agent's prompts cost, measured: tokens computed, time, and only then the hit rate;
    behind or below it what is predicted of what could be pushed.

    What does not fit in `width` is left out from the right, whole figures at a time.
    """
    if not snapshot.calls:
        return ()
    measured = _measured(snapshot)
    foreseen = [part for part in (_next(snapshot), _of_live_plan(snapshot)) if part]
    together = fitting((*measured, *foreseen), UNBOUNDED)
    if line_width(together) <= width:
        return (together,)
    below = fitting(foreseen, width)
    return (fitting(measured, width), *((below,) if below else ()))


def _measured(snapshot: Snapshot) -> list[Line]:
    nodes = snapshot.shown_nodes
    prompt = sum(node.told_tokens for node in nodes)
    reused = sum(node.reused_tokens for node in nodes)
    rate = share(reused, prompt)
    if rate is None:
        return [line(Span("Computed ", "strong"), Span("not measured yet", "muted"))]
    computed = f"{MARKS['measured']}{short_count(prompt - reused)}"
    source = " prompt tokens of traffic" if snapshot.shows_traffic else " prompt tokens"
    figures = (
        line(
            Span("Computed ", "strong"),
            Span(computed, "strong"),
            Span(f" of {short_count(prompt)}{source}", "muted"),
        ),
        _whole_run(snapshot),
        _ttft(nodes),
        line(Span("hit ", "muted"), Span(f"{MARKS['measured']}{percent_text(rate)}", heat(rate))),
    )
    return [part for part in figures if part]


def _whole_run(snapshot: Snapshot) -> Line:
    progress = snapshot.run.progress if snapshot.run else None
    if progress is None or progress.state == "none" or snapshot.shows_traffic:
        return ()
    return line(Span("run ", "muted"), milliseconds(progress.elapsed_ms, "measured"))


def _ttft(nodes: Sequence[NodeStats]) -> Line:
    timed = [(n.ttft_ms_mean, n.requests) for n in nodes if n.ttft_ms_mean is not None]
    requests = sum(count for _, count in timed)
    if not requests:
        return ()
    mean = sum(ttft * count for ttft, count in timed) / requests
    return line(Span("TTFT ", "muted"), milliseconds(mean, "measured"))


def _of_live_plan(snapshot: Snapshot) -> Line:
    live = snapshot.live_prediction
    if live is None:
        return ()
    return line(
        Span("live plan ", "muted"),
        count(live.computed_tokens, "predicted"),
        Span(" computed, hit ", "muted"),
        percent(live.token_hit_rate, "predicted"),
    )


def _next(snapshot: Snapshot) -> Line:
    """The draft where there is one, else the best that an opportunity promises."""
    predicted = snapshot.draft.predicted if snapshot.draft and snapshot.has_changes else None
    if predicted is not None:
        return (*_drafted(snapshot), *_keys("2 p", "push"))
    best = best_expected(snapshot)
    live = snapshot.live_prediction
    if best is None or (live is not None and best < live.token_hit_rate + WORTH_TELLING):
        return ()
    return line(
        Span("possible hit ", "muted"), percent(best, "predicted"), *_keys("2 a", "propose")
    )


def _drafted(snapshot: Snapshot) -> Line:
    """The verdict on the draft in words, or its tokens where there is none yet."""
    draft = snapshot.draft
    said = draft.verdict if draft else Verdict()
    if draft is None or draft.predicted is None or said.words:
        words = f"{MARKS['predicted']}{said.words}"
        return line(Span("draft ", "draft"), Span(words, verdict_tone(said)))
    computed = count(draft.predicted.computed_tokens, "predicted")
    return line(Span("draft ", "draft"), computed, Span(" computed", "muted"))


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
