"""What the agent costs as written, under the live plan and under the draft, side by side."""

from collections.abc import Iterator
from typing import Final

from charter_engine.contracts.costs import RunCost
from charter_engine.contracts.prediction import Prediction
from charter_tui.present.costs import (
    BRIEF_ROWS,
    COST_ROWS,
    FIGURE_WIDTH,
    LABEL_WIDTH,
    change_of,
    cost_line,
    shown_figure,
    verdict_lines,
)
from charter_tui.present.figures import (
    NOTHING,
    byte_size,
    count,
    milliseconds,
    percent,
    percent_text,
)
from charter_tui.present.spans import Line, Span, line, wrap
from charter_tui.state import Snapshot

_ALL_FIGURES: Final = LABEL_WIDTH + 4 * FIGURE_WIDTH
"""Cells that a label and all four figures of a row take."""
_HEADINGS = (
    Span("=as written", "measured"),
    Span("=live", "measured"),
    Span("~live", "predicted"),
    Span("~draft", "draft"),
)


def comparison_lines(snapshot: Snapshot, width: int, brief: bool = False) -> tuple[Line, ...]:
    """Measured from a run each: as written and under the live plan; predicted: the live plan and
    the draft. What is paid comes first, then the verdicts in words, and what was assumed.

    `brief` keeps the rows that decide. What was measured as written is left out where there is no
    room for it.
    """
    shown = len(_HEADINGS) if width >= _ALL_FIGURES else len(_HEADINGS) - 1
    written, live = measured_costs(snapshot)
    expected, drafted = predicted_costs(snapshot)
    lines = [cost_line("", _HEADINGS[-shown:], Span("change"))]
    for row in BRIEF_ROWS if brief else COST_ROWS:
        figures = [shown_figure(row, cost) for cost in (written, live, expected, drafted)]
        change = change_of(row, expected, drafted)
        lines.append(cost_line(row.name, figures[-shown:], change))
    if not brief:
        lines += _memory_rows(snapshot, shown, width)
    lines += verdicts(snapshot, width)
    if said := beyond_prediction(snapshot):
        lines += [line(Span(text, "muted")) for text in wrap(said, width)]
    if not brief and (expected or drafted):
        lines += [line(Span(text, "muted")) for text in wrap(assumption(snapshot), width)]
    if not brief and (warm := next_run(snapshot)):
        lines += [line(Span(text, "muted")) for text in wrap(warm, width)]
    return tuple(lines)


def measured_costs(snapshot: Snapshot) -> tuple[RunCost | None, RunCost | None]:
    """What the last whole runs cost: as written, and under the live plan."""
    runs = snapshot.runs
    if runs is None:
        return None, None
    written, live = runs.numbered(runs.as_written), runs.numbered(runs.live)
    return (written.cost if written else None), (live.cost if live else None)


def predicted_costs(snapshot: Snapshot) -> tuple[RunCost | None, RunCost | None]:
    """What a run is predicted to cost: under the live plan, and under the draft."""
    items = snapshot.draft.items if snapshot.draft else 0
    drafted = snapshot.draft.predicted if snapshot.draft and snapshot.has_changes else None
    live = snapshot.live_prediction
    return (live.cost(items) if live else None), (drafted.cost(items) if drafted else None)


def verdicts(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """What was measured of the live plan against the source, and what is predicted of the draft."""
    lines: tuple[Line, ...] = ()
    if snapshot.runs is not None:
        lines += verdict_lines("= live, against as written", snapshot.runs.verdict, width)
    if snapshot.has_changes and snapshot.draft is not None:
        lines += verdict_lines("~ draft, against live", snapshot.draft.verdict, width)
    return lines


def assumption(snapshot: Snapshot) -> str:
    """What every prediction of a run takes for granted."""
    draft = snapshot.draft
    if draft is None or not draft.items:
        return "predicted for a run that begins with an empty cache"
    items = "1 item" if draft.items == 1 else f"{draft.items} items"
    side = "one at a time" if draft.at_once == 1 else f"{draft.at_once} at once"
    return f"predicted for a run over {items}, {side}, that begins with an empty cache"


def next_run(snapshot: Snapshot) -> str:
    """What the next run under the live plan is predicted to pay with what earlier runs left in the
    cache; empty where there were none."""
    expected = snapshot.session.next_run if snapshot.session else None
    if expected is None:
        return ""
    computed = count(expected.computed_tokens, "predicted").text
    whole = milliseconds(expected.makespan_ms, expected.times_label).text
    return f"the next run finds in the cache what earlier ones left: {computed} computed, {whole}"


def beyond_prediction(snapshot: Snapshot) -> str:
    """Why the live run computed less than predicted, where earlier runs explain it; else empty."""
    live = snapshot.runs.numbered(snapshot.runs.live) if snapshot.runs else None
    expected = snapshot.live_prediction
    if live is None or not live.earlier or expected is None:
        return ""
    computed = live.cost.computed_tokens
    if computed is None or computed >= expected.computed_tokens:
        return ""
    left = "1 run" if live.earlier == 1 else f"{live.earlier} runs"
    return (
        f"= live computed less than ~ live: {left} before it had left prompts in the cache, and a "
        "prediction begins with an empty one"
    )


def _memory_rows(snapshot: Snapshot, shown_figures: int, width: int) -> Iterator[Line]:
    def predicted(label: str, live: Span, draft: Span) -> Line:
        figures = (NOTHING, NOTHING, live, draft)
        return cost_line(label, figures[-shown_figures:])

    live = snapshot.live_prediction
    draft = snapshot.draft.predicted if snapshot.draft and snapshot.has_changes else None
    both = (live, draft)
    yield predicted(
        "peak blocks", *(count(p.peak_blocks if p else None, "predicted") for p in both)
    )
    sizes = [p.memory_bytes if p else None for p in both]
    if sizes != [None, None]:
        yield predicted("KV pool", *(byte_size(size, "predicted") for size in sizes))
    yield predicted("evicted blocks", *map(_evicted, both))
    shown = draft or live
    if shown is None:
        return
    if shown.bound is not None:
        bounds = (percent(p.bound if p else None, "predicted") for p in both)
        yield predicted("layout's bound", *bounds)
    if shown.bracket:
        ends = {
            "default LRU": shown.bracket.default_lru,
            "offline optimum": shown.bracket.optimum,
        }
        told = (
            f"{name} ~{shown.computed_at(rate):,} computed (~{percent_text(rate)})"
            for name, rate in ends.items()
        )
        words = f"at this pool: {', '.join(told)}; times of neither are predicted"
        yield from (line(Span(text, "predicted")) for text in wrap(words, width))


def _evicted(prediction: Prediction | None) -> Span:
    if prediction is None:
        return NOTHING
    return count(sum(prediction.evictions_by_priority.values()), "predicted")
