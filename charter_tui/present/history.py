"""The history: revisions as rows, and one of them opened."""

import time
from collections.abc import Sequence
from typing import Final

from charter_engine.contracts.deploy import Diff, Revision
from charter_engine.contracts.protocol import RevisionDetail
from charter_tui.present.costs import (
    COST_ROWS,
    change_of,
    cost_line,
    shown_figure,
    verdict_lines,
)
from charter_tui.present.diff import COST_TONES, change_lines
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain, wrap
from charter_tui.present.tables import Column, Row

COLUMNS: Final = (
    Column("number", "REV", 4),
    Column("at", "PUSHED", 19, "left"),
    Column("state", "STATE", 11, "left"),
    Column("cost", "COST", 14, "left"),
    Column("note", "NOTE", 0, "left"),
)
_STATE_TONES: Final[dict[str, Tone]] = {"live": "good", "failed": "bad", "pending": "warning"}


def history_rows(revisions: Sequence[Revision]) -> tuple[Row, ...]:
    """A row a revision, newest first; its key is its number."""
    return tuple(_row(item) for item in sorted(revisions, key=lambda item: -item.number))


def _row(item: Revision) -> Row:
    cost = line(Span(item.cost, COST_TONES[item.cost])) if item.cost else EMPTY
    note = item.note or (f"from {item.parent}" if item.parent is not None else "")
    cells = (
        line(Span(str(item.number), "strong")),
        line(Span(_moment(item))),
        line(Span(item.state, _STATE_TONES.get(item.state, "muted"))),
        cost,
        line(Span(plain(note), "muted")),
    )
    return Row(str(item.number), cells)


def _moment(item: Revision) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.created_at))


def revision_lines(detail: RevisionDetail, live: int, width: int) -> tuple[Line, ...]:
    """A revision opened: when and why it was pushed, what it changed, and what runs cost before and
    after it."""
    revision = detail.revision
    tone = _STATE_TONES.get(revision.state, "muted")
    lines = [
        line(
            Span(f"Revision {revision.number}", "title"),
            Span(f"  {revision.state}", tone),
            Span(f"  {_moment(revision)}", "muted"),
        ),
        _labelled("agent", revision.agent),
        _labelled("why", revision.note or "no note was given"),
    ]
    if revision.parent is not None:
        lines.append(_labelled("behind", f"revision {revision.parent}"))
    lines += [EMPTY, *_changes("Changed", detail.diff, width), EMPTY, *_costs(detail, width)]
    if revision.number != live:
        lines += [EMPTY, *_changes("Making it live again changes", detail.back, width)]
    return tuple(lines)


def _labelled(label: str, text: str) -> Line:
    return line(Span(f"  {label:<8}", "muted"), Span(plain(text)))


def _changes(title: str, diff: Diff, width: int) -> list[Line]:
    if not diff.changes:
        return [line(Span(title, "strong"), Span("  nothing", "muted"))]
    cost = Span(f"  costs: {diff.cost}", COST_TONES[diff.cost]) if diff.cost else Span("")
    return [line(Span(title, "strong"), cost), *change_lines(diff.changes, width)]


def _costs(detail: RevisionDetail, width: int) -> list[Line]:
    before, after = detail.before, detail.after
    if before is None and after is None:
        words = "No whole run was made before or under it on this deployment: r makes one."
        return [line(Span(text, "muted")) for text in wrap(words, width)]
    one, other = (before.cost if before else None), (after.cost if after else None)
    heading = (Span("=before", "measured"), Span("=under it", "measured"))
    lines = [cost_line("", heading, Span("change"))]
    for row in COST_ROWS:
        figures = (shown_figure(row, one), shown_figure(row, other))
        lines.append(cost_line(row.name, figures, change_of(row, one, other)))
    runs = [f"run {run.number}" for run in (before, after) if run is not None]
    lines.append(line(Span(f"of {' and '.join(runs)}", "muted")))
    return [*lines, *verdict_lines("= under it, against before", detail.verdict, width)]
