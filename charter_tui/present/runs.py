"""The runs screen: the agent's runs as a table, two of them side by side, and what went slowly or
wrong in one."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.runs import RunComparison, RunDetail, RunDifference, RunSummary
from charter_tui.naming import Naming, name_by_id
from charter_tui.present.costs import (
    COMPUTED,
    FIGURE_ROWS,
    GENERATED,
    HIT_RATE,
    PER_ITEM,
    TTFT,
    TTFT_P95,
    WHOLE,
    cost_line,
    points,
    relative,
    shown_figure,
    verdict_lines,
)
from charter_tui.present.figures import count, counted, milliseconds, percent, signed
from charter_tui.present.possible import no_agent, with_ways
from charter_tui.present.spans import Line, Span, Tone, line, plain, wrap
from charter_tui.present.tables import Column, Row, fill, fill_with_room, table_lines
from charter_tui.present.words import EmptyState
from charter_tui.state import Snapshot, share

NUMBER: Final = Column("number", "RUN", 6)
AT: Final = Column("at", "BEGAN", 8, "left")
WHAT: Final = Column("what", "WHAT", 0, "left")
STATE: Final = Column("state", "STATE", 9, "left")
SIGN: Final = Column("sign", "S", 1, "left")
ITEMS: Final = Column("items", "ITEMS", 5)
CACHE: Final = Column("cache", "CACHE", 7, "left")
"""What the cache held when the run began: two runs that found unlike caches are hard to compare."""
_COSTS: Final = (
    (Column("computed", "COMPUTED", 10), COMPUTED),
    (Column("whole", "WHOLE RUN", 9), WHOLE),
    (Column("item", "PER ITEM", 8), PER_ITEM),
    (Column("ttft", "TTFT", 8), TTFT),
    (Column("p95", "P95", 8), TTFT_P95),
    (Column("generated", "GENERATED", 9), GENERATED),
    (Column("hit", "HIT", 7), HIT_RATE),
)
_NARROW: Final = ("computed", "whole", "ttft", "p95", "hit")
_STATE_TONES: Final[dict[str, Tone]] = {"done": "good", "failed": "bad", "cancelled": "warning"}
_SIGNS: Final = {"done": "●", "failed": "✗", "cancelled": "○"}
WIDE_FROM: Final = 112
WIDEST_FROM: Final = 121
"""Derived, in cells: the columns take 97 and 106, and what was run 15."""
INTERVALS_FROM: Final = 64
"""Derived: cells of a label, two figures, their difference and its interval."""
SLOWEST: Final = 10
"""Requests of a run that are listed as its slowest."""
_NO_RUN: Final = "No run of this agent on this deployment yet"
_RUNS: Final = (
    ("app.run_plan", "r runs it under the live plan"),
    ("app.run_baseline", "b as written"),
)


NOT_IN_A_RECORDING: Final = EmptyState(
    "A recording holds what each run cost: runs are compared where they were made. "
    "charter-engine export FILE --requests prints their requests."
)


def run_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width."""
    if width < WIDE_FROM:
        computed, whole, *rest = (column for column, _ in _COSTS if column.key in _NARROW)
        columns = (NUMBER, WHAT, SIGN, computed, whole, CACHE, *rest)
        return fill_with_room(columns, width, minimum=12)
    costs = tuple(column for column, row in _COSTS if row is not PER_ITEM or width >= WIDEST_FROM)
    return fill((NUMBER, AT, WHAT, STATE, ITEMS, *costs, CACHE), width)


def no_runs(snapshot: Snapshot) -> EmptyState:
    """Why there is no run, and what to do."""
    if snapshot.session and not snapshot.session.agent:
        return no_agent(snapshot)
    return EmptyState(with_ways(snapshot, _NO_RUN, _RUNS))


def run_rows(snapshot: Snapshot, chosen: int | None, columns: Sequence[Column]) -> tuple[Row, ...]:
    """A row a run, the latest first; its key is its number. `chosen` is the one others are compared
    with."""
    found = snapshot.runs.runs if snapshot.runs else ()
    return tuple(
        Row(str(run.number), tuple(_cells(run, run.number == chosen)[one.key] for one in columns))
        for run in found
    )


def _cells(run: RunSummary, is_chosen: bool) -> dict[str, Line]:
    tone = _STATE_TONES.get(run.state, "muted")
    began = time.strftime("%H:%M:%S", time.localtime(run.started_at))
    cells = {
        "number": line(Span("A " if is_chosen else "", "accent"), Span(str(run.number), "strong")),
        "at": line(Span(began, "muted")),
        "what": line(Span(what(run))),
        "state": line(Span(run.state, tone)),
        "sign": line(Span(_SIGNS.get(run.state, "○"), tone)),
        "items": line(Span(str(run.cost.items))),
        "cache": line(Span(began_with(run), "muted")),
    }
    return cells | {column.key: line(shown_figure(row, run.cost)) for column, row in _COSTS}


def what(run: RunSummary) -> str:
    """What a run was made under."""
    if run.variant == "repeat":
        return "earlier plan"
    if run.variant == "baseline" or (run.as_written and not run.revision):
        return "as written"
    return f"revision {run.revision}"


def began_with(run: RunSummary) -> str:
    """What the cache held when a run began: what so many runs had left there."""
    if run.earlier is None:
        return "unknown"
    return counted(run.earlier, "run") if run.earlier else "empty"


def comparison_of_runs(found: RunComparison, width: int) -> tuple[Line, ...]:
    """Two runs figure by figure: the change and, where there is room, what it is likely to lie
    within."""
    before, after = found.before, found.after
    told = width >= INTERVALS_FROM
    heading = line(
        Span(f"A run {before.number} {what(before)}", "title"),
        Span("  against  ", "muted"),
        Span(f"B run {after.number} {what(after)}", "title"),
    )
    lines = [
        heading,
        (
            *cost_line("", (Span("A", "measured"), Span("B", "measured"), Span("change"))),
            Span("  95 % within" if told else "", "muted"),
        ),
        *(_difference(item, found, told=told) for item in found.differences),
        *verdict_lines("B against A", found.verdict, width),
    ]
    for note in found.notes:
        lines += [line(Span(text, "warning")) for text in wrap(f"! {note}", max(20, width))]
    return tuple(lines)


def _difference(item: RunDifference, found: RunComparison, *, told: bool) -> Line:
    row = FIGURE_ROWS[item.figure]
    old, new = shown_figure(row, found.before.cost), shown_figure(row, found.after.cost)
    is_rate = item.figure == "token_hit_rate"
    change = Span("") if item.change is None else (points if is_rate else relative)(item.change)
    figures = [old, new, change]
    shown = cost_line(row.name, figures)
    if item.interval is None or not told:
        return shown
    unit = "pt" if is_rate else "%"
    within = f"  {signed(item.interval.low * 100)} to {signed(item.interval.high * 100)} {unit}"
    return (*shown, Span(within, "muted"))


def request_lines(
    detail: RunDetail,
    width: int,
    local: Callable[[float], time.struct_time] = time.localtime,
    named: Naming = name_by_id,
) -> tuple[Line, ...]:
    """What failed in a run, and its slowest requests."""
    failed = [one for one in detail.requests if one.error is not None]
    answered = [one for one in detail.requests if one.error is None]
    slowest = sorted(answered, key=lambda one: -(one.latency_ms or 0.0))[:SLOWEST]
    lines: list[Line] = [
        line(
            Span(f"Run {detail.summary.number}", "title"),
            Span(f"  {counted(len(detail.requests))}, {len(failed):,} failed", "muted"),
        )
    ]
    for one in failed[:SLOWEST]:
        text = f"✗ item {one.item}  {named(one.node)}: {one.error}"
        lines += [line(Span(part, "bad")) for part in wrap(plain(text), max(20, width))[:2]]
    columns = (
        Column("node", "SLOWEST", 0, "left"),
        Column("item", "ITEM", 0),
        Column("whole", "WHOLE", 0),
        Column("ttft", "TTFT", 0),
        Column("computed", "COMPUTED", 0),
        Column("prompt", "PROMPT", 0),
        Column("generated", "GENERATED", 0),
        Column("hit", "HIT", 0),
        Column("at", "AT", 0, "left"),
    )
    if slowest:
        lines += table_lines(columns, [_request(one, local, named) for one in slowest], width)
    return tuple(lines)


def _request(
    one: RequestRecord, local: Callable[[float], time.struct_time], named: Naming
) -> tuple[Span, ...]:
    return (
        Span(plain(named(one.node))),
        Span(str(one.item)),
        milliseconds(one.latency_ms, "measured"),
        milliseconds(one.ttft_ms, "measured"),
        count(one.computed_tokens, "measured"),
        count(one.prompt_tokens, "measured"),
        count(one.output_tokens, "measured"),
        percent(share(one.reused_tokens or 0, one.prompt_tokens or 0), "measured"),
        Span(time.strftime("%H:%M:%S", local(one.started_at)), "muted"),
    )
