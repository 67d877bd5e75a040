"""What a push would change, what it costs and loses, and why the draft is as it is."""

from collections.abc import Iterator, Sequence
from typing import Final

from charter_engine.contracts.deploy import COST_ORDER, Change, CostClass, Diff
from charter_engine.contracts.figures import Label
from charter_engine.contracts.plan import Plan
from charter_tui.naming import Naming, name_by_id
from charter_tui.present.costs import COST_TONES
from charter_tui.present.figures import (
    apart,
    byte_size,
    count,
    per_second,
    precise_milliseconds,
    precise_percent,
)
from charter_tui.present.possible import offered
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, line_width, plain, wrap
from charter_tui.state import Snapshot

_NOTHING_EDITED: Final = "The draft is what is live"
_HOW: Final = (
    ("tuning.push", "p makes it live"),
    ("app.undo", "u takes revision {} back"),
    ("tuning.discard", "x throws the draft away"),
)
_WAYS: Final = (
    ("tuning.edit", "e edits"),
    ("tuning.propose", "a proposes a plan"),
    ("app.undo", "u takes revision {} back"),
)


def diff_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """Every change a push would make, the dearest first, and what each lot costs and loses."""
    draft = snapshot.draft
    refused = wrap(f"refused: {draft.error}", width) if draft and draft.error else []
    lines = [line(Span(text, "bad")) for text in refused]
    if not draft or not draft.diff or not draft.diff.changes:
        words = "predicting the draft …" if draft and draft.busy else _unedited(snapshot)
        return (*lines, *(line(Span(text, "muted")) for text in wrap(words, width)))
    lines.append(_summary(snapshot, draft.diff, draft.busy))
    if draft.diff.cost and (ways := _ways(snapshot, _HOW)):
        lines += [line(Span(text, "muted")) for text in wrap(ways, width)]
    lines += change_lines(draft.diff.changes, width, snapshot.named)
    if draft.plan is not None:
        times: Label = draft.predicted.times_label if draft.predicted else "assumed"
        lines += [*_reasons(draft.plan, width), *_alternatives(draft.plan, times, width)]
    return tuple(lines)


def _unedited(snapshot: Snapshot) -> str:
    """That nothing was edited, and what can be done."""
    ways = _ways(snapshot, _WAYS)
    return f"{_NOTHING_EDITED}: {ways}" if ways else f"{_NOTHING_EDITED}."


def _ways(snapshot: Snapshot, ways: Sequence[tuple[str, str]]) -> str:
    return offered(snapshot, ways).format(snapshot.revision)


def cost_span(cost: CostClass | None) -> Span:
    """What a change costs; empty where it can't be made."""
    return Span(f": {cost}", COST_TONES[cost]) if cost else Span("")


def change_lines(changes: Sequence[Change], width: int, named: Naming = name_by_id) -> list[Line]:
    """Changes of one cost and loss together, the dearest first."""
    lines: list[Line] = []
    for heading, lot in _lots(changes, width):
        lines += [
            *heading,
            *(
                made
                for change in lot
                for made in change_beside(change, width, _place(change, named))
            ),
        ]
    return lines


def _summary(snapshot: Snapshot, diff: Diff, busy: bool) -> Line:
    changes = len(diff.changes)
    parts = [
        Span(
            f"{changes} change{'s' if changes > 1 else ''} to revision {diff.base_revision}",
            "title",
        )
    ]
    parts.append(cost_span(diff.cost))
    if busy:
        parts.append(Span("  predicting …", "muted"))
    if diff.base_revision != snapshot.revision:
        parts.append(
            Span(f"  decided on revision {diff.base_revision}, live is {snapshot.revision}", "bad")
        )
    return tuple(parts)


def _lots(changes: Sequence[Change], width: int) -> Iterator[tuple[list[Line], list[Change]]]:
    """Changes of one cost and loss together under a heading that says it."""
    possible = [change for change in changes if change.possible]
    for cost in reversed(COST_ORDER):
        for loses in dict.fromkeys(change.loses for change in possible if change.cost == cost):
            first, *more = wrap(f"{cost}: loses {plain(loses)}", width)
            yield (
                [
                    line(Span(cost, COST_TONES[cost]), Span(first.removeprefix(cost), "muted")),
                    *(line(Span(text, "muted")) for text in more),
                ],
                [change for change in possible if (change.cost, change.loses) == (cost, loses)],
            )
    for reason in dict.fromkeys(change.reason for change in changes if not change.possible):
        words = wrap(f"not possible here: {plain(reason)}", width)
        yield (
            [line(Span(text, "bad")) for text in words],
            [change for change in changes if not change.possible and change.reason == reason],
        )


def change_beside(change: Change, width: int, place: str) -> list[Line]:
    """Old and new beside each other where there is room, else below; `place` names where."""
    what = line(Span(f"  {plain(place)} ", "muted"), Span(f"{plain(change.key)} ", "strong"))
    old, new = Span(f"− {plain(change.old)} ", "bad"), Span(f"+ {plain(change.new)}", "good")
    beside = (*what, old, new)
    return [beside] if line_width(beside) <= width else [what, line("    ", old), line("    ", new)]


def _place(change: Change, named: Naming) -> str:
    return change.place if change.place == "server" else named(change.place)


def _reasons(plan: Plan, width: int) -> list[Line]:
    lines: list[Line] = []
    for key, reason in plan.why.items():
        lines += [line(Span(text, reason.label)) for text in wrap(f"{key}: {reason.text}", width)]
    return [EMPTY, line(Span("Why", "strong")), *lines] if lines else []


def _alternatives(plan: Plan, times: Label, width: int) -> list[Line]:
    """What was predicted of the points of the search, and on which workload: another than that of
    the comparison, perhaps."""
    if not plan.alternatives:
        return []
    on = f" on {plain(plan.workload)}" if plan.workload else ""
    told = "tokens computed, whole run, TTFT and its p95, requests/s, hit rate, KV needed"
    basis = f"predicted{on}: {told}"
    lines = [
        EMPTY,
        line(Span("Considered", "strong")),
        *(line(Span(text, "muted")) for text in wrap(basis, width)),
    ]
    items = sorted(plan.alternatives, key=lambda other: -other.token_hit_rate)
    wholes = apart([item.makespan_ms for item in items], precise_milliseconds, times)
    ttfts = apart([item.ttft_ms for item in items], precise_milliseconds, times)
    p95s = apart([item.ttft_p95_ms for item in items], precise_milliseconds, times)
    hits = apart([item.token_hit_rate for item in items], precise_percent, "predicted")
    for item, *waited, hit in zip(items, wholes, ttfts, p95s, hits, strict=True):
        settings = ", ".join(f"{key} {value}" for key, value in item.settings.items())
        memory = byte_size(item.memory_bytes, "predicted")
        computed = count(item.computed_tokens, "predicted")
        rate = per_second(item.requests_per_s, times)
        figures = " ".join(f"{figure.text:>8}" for figure in (computed, *waited, rate, hit, memory))
        tone: Tone = "good" if item.chosen else "predicted"
        lines.append(
            line(
                Span("▸ " if item.chosen else "  ", tone),
                Span(figures, tone),
                Span(f"  {plain(settings)}", "muted"),
            )
        )
    return lines
