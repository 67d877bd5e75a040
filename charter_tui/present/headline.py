"""The line the graph screen is looked at for: what prompts cost, and what could be saved."""

from collections.abc import Sequence
from typing import Final

from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.graph import Opportunity
from charter_engine.contracts.live import NodeStats
from charter_engine.contracts.prediction import Prediction
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
from charter_tui.present.possible import acts
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
    measured = _measured(snapshot, brief=False)
    foreseen = _foreseen(snapshot, brief=False)
    together = fitting((*measured, *foreseen), UNBOUNDED)
    if line_width(together) <= width:
        return (together,)
    below = fitting(foreseen, UNBOUNDED)
    if line_width(below) > width:
        below = fitting(_foreseen(snapshot, brief=True), width)
    above = fitting(measured, UNBOUNDED)
    if line_width(above) > width:
        above = fitting(_measured(snapshot, brief=True), width)
    return (above, *((below,) if below else ()))


def _foreseen(snapshot: Snapshot, *, brief: bool) -> list[Line]:
    """What could be pushed, and what is live; `brief` without times."""
    both = (_next(snapshot, brief=brief), _of_live_plan(snapshot, brief=brief))
    return [part for part in both if part]


def _measured(snapshot: Snapshot, *, brief: bool) -> list[Line]:
    """What was measured; `brief` in fewer words, without the p95."""
    nodes = snapshot.shown_nodes
    prompt = sum(node.told_tokens for node in nodes)
    reused = sum(node.reused_tokens for node in nodes)
    rate = share(reused, prompt)
    if rate is None:
        return [line(Span("Computed ", "strong"), Span("not measured yet", "muted"))]
    computed = f"{MARKS['measured']}{short_count(prompt - reused)}"
    tokens = " tokens" if brief else " prompt tokens"
    source = f"{tokens} of traffic" if snapshot.shows_traffic else tokens
    figures = (
        line(
            Span("Computed ", "strong"),
            Span(computed, "strong"),
            Span(f" of {MARKS['measured']}{short_count(prompt)}{source}", "muted"),
        ),
        _whole_run(snapshot),
        _ttft(snapshot, brief=brief),
        line(Span("hit ", "muted"), Span(f"{MARKS['measured']}{percent_text(rate)}", heat(rate))),
    )
    return [part for part in figures if part]


def _whole_run(snapshot: Snapshot) -> Line:
    progress = snapshot.run.progress if snapshot.run else None
    if progress is None or progress.state == "none" or snapshot.shows_traffic:
        return ()
    return line(Span("run ", "muted"), milliseconds(progress.elapsed_ms, "measured"))


def _ttft(snapshot: Snapshot, *, brief: bool) -> Line:
    nodes = snapshot.shown_nodes
    timed = [(n.ttft_ms_mean, n.requests) for n in nodes if n.ttft_ms_mean is not None]
    requests = sum(count for _, count in timed)
    if not requests:
        return ()
    mean = sum(ttft * count for ttft, count in timed) / requests
    told = line(Span("TTFT ", "muted"), milliseconds(mean, "measured"))
    p95 = milliseconds(_ttft_p95(snapshot, nodes), "measured")
    return told if brief else (*told, Span(" p95 ", "muted"), p95)


def _ttft_p95(snapshot: Snapshot, nodes: Sequence[NodeStats]) -> float | None:
    """Of all requests: known of a run that has ended, and of an only call."""
    ended = snapshot.runs.runs[:1] if snapshot.runs and not snapshot.shows_traffic else ()
    for run in ended:
        if snapshot.run is not None and run.run == snapshot.run.progress.run:
            return run.cost.ttft_ms_p95
    timed = [node for node in nodes if node.ttft_ms_mean is not None]
    return timed[0].ttft_ms_p95 if len(timed) == 1 else None


def _of_live_plan(snapshot: Snapshot, *, brief: bool) -> Line:
    live = snapshot.live_prediction
    if live is None:
        return ()
    times = () if brief else _times(live)
    return line(
        Span("live plan ", "muted"),
        count(live.computed_tokens, "predicted"),
        Span(" computed", "muted"),
        *times,
        Span(", hit ", "muted"),
        percent(live.token_hit_rate, "predicted"),
    )


def _times(predicted: Prediction) -> Line:
    label = predicted.times_label
    return line(
        Span(", run ", "muted"),
        milliseconds(predicted.makespan_ms, label),
        Span(", TTFT ", "muted"),
        milliseconds(predicted.ttft_ms_mean, label),
        Span(" p95 ", "muted"),
        milliseconds(predicted.ttft_ms_p95, label),
    )


def _next(snapshot: Snapshot, *, brief: bool) -> Line:
    """The draft where there is one, else the best that an opportunity promises."""
    predicted = snapshot.draft.predicted if snapshot.draft and snapshot.has_changes else None
    if predicted is not None:
        keys = _keys("2 p", "push") if acts("tuning.push", snapshot) else ()
        return (*_drafted(snapshot), *keys)
    best = best_expected(snapshot)
    live = snapshot.live_prediction
    rate = best.expected_hit_rate if best else None
    if best is None or rate is None:
        return ()
    if live is not None and rate < live.token_hit_rate + WORTH_TELLING:
        return ()
    return line(
        Span("possible ", "muted"),
        *paid_of(best, brief=brief),
        Span("hit ", "muted"),
        percent(rate, "predicted"),
        *(_keys("2 a", "propose") if acts("tuning.propose", snapshot) else ()),
    )


def paid_of(item: Opportunity, *, brief: bool = False) -> Line:
    """The prompt tokens that an opportunity's calls would compute; nothing where nobody told."""
    if item.expected_computed_tokens is None:
        return ()
    whole = count(item.expected_prompt_tokens, item.expected_label)
    return line(
        count(item.expected_computed_tokens, item.expected_label),
        *(() if brief else (Span(" of ", "muted"), whole)),
        Span(" computed, ", "muted"),
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


def best_expected(snapshot: Snapshot) -> Opportunity | None:
    """What promises the highest hit rate over all of the agent's calls.

    None where there is no opportunity.
    """
    compiled = snapshot.session.compiled if snapshot.session else None
    calls = {call.id for call in snapshot.calls}
    told = (
        item
        for item in (compiled.opportunities if compiled else ())
        if item.expected_hit_rate is not None
        and item.expected_label == "predicted"
        and calls <= set(item.nodes)
    )
    return max(told, key=lambda item: item.expected_hit_rate or 0.0, default=None)
