"""The history: revisions as rows, and one of them opened."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, Literal

from charter_engine.contracts.commands import RevisionDetail
from charter_engine.contracts.deploy import Change, Diff, Revision
from charter_tui.present.costs import (
    COST_ROWS,
    COST_TONES,
    change_of,
    cost_line,
    relative,
    shown_figure,
    verdict_lines,
)
from charter_tui.present.diff import change_beside, change_lines, cost_span
from charter_tui.present.drift import foreign_lines
from charter_tui.present.figures import count, milliseconds, moment
from charter_tui.present.possible import offered, with_ways
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain, wrap
from charter_tui.present.tables import Column, Row, fill_with_room, row_line, table_lines
from charter_tui.present.words import ASKING, EmptyState, Standing, sentence_lines
from charter_tui.state import Snapshot

NUMBER: Final = Column("number", "REV", 4)
AT: Final = Column("at", "PUSHED", 19, "left")
STATE: Final = Column("state", "STATE", 11, "left")
BY: Final = Column("by", "BY", 16, "left")
COST: Final = Column("cost", "COST", 14, "left")
COMPUTED: Final = Column("computed", "COMPUTED", 8)
TTFT: Final = Column("ttft", "TTFT", 6)
NOTE: Final = Column("note", "NOTE", 0, "left")
NARROW: Final = (NUMBER, AT, STATE, COST, NOTE)
WIDE: Final = (NUMBER, AT, STATE, BY, COST, COMPUTED, TTFT, NOTE)
WIDE_FROM: Final = 100
"""Derived, in cells: the columns take 85, and a note needs 15."""
_NOT_PUSHED: Final = "Nothing was pushed yet: the deployment runs as it was found."
_TUNES: Final = (("tuning.edit", "2 tunes it, and p pushes from there"),)
_NO_RUN: Final = "No whole run was made before or under it on this deployment"
_RUN: Final = (("app.run_plan", "r makes one"),)
_OPENED: Final = "enter opens the history, where each revision can be opened."
_WAYS: Final = (
    ("app.undo", "u undoes the last push"),
    ("deploy.uninstall", "U takes Charter out of the deployment"),
)
_NOT_KEPT: Final = EmptyState("A recording holds no revisions: only a live deployment has them.")
_SERVED: Final = (
    Column("when", "REQUESTS", 0, "left"),
    Column("requests", "SERVED", 0),
    Column("computed", "COMPUTED EACH", 0),
    Column("ttft", "TTFT", 0),
    Column("total", "WHOLE", 0),
    Column("failures", "FAILED", 0),
)
_STATE_TONES: Final[dict[str, Tone]] = {"live": "good", "failed": "bad", "pending": "warning"}


def history_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width; who pushed, and what was measured, where there is room."""
    return fill_with_room(WIDE if width >= WIDE_FROM else NARROW, width, minimum=12)


def history_rows(revisions: Sequence[Revision], columns: Sequence[Column]) -> tuple[Row, ...]:
    """A row a revision, newest first; its key is its number."""
    newest_first = sorted(revisions, key=lambda item: -item.number)
    return tuple(
        Row(str(item.number), tuple(_cells(item)[column.key] for column in columns))
        for item in newest_first
    )


def _cells(item: Revision) -> dict[str, Line]:
    note = item.note or (f"from {item.parent}" if item.parent is not None else "")
    return {
        "number": line(Span(str(item.number), "strong")),
        "at": line(Span(moment(item.created_at))),
        "state": line(Span(item.state, _STATE_TONES.get(item.state, "muted"))),
        "by": line(Span(plain(item.by), "muted")),
        "cost": line(Span(item.cost, COST_TONES[item.cost])) if item.cost else EMPTY,
        "computed": line(measured_change(item, "computed_tokens")),
        "ttft": line(measured_change(item, "ttft_ms")),
        "note": line(Span(plain(note), "muted")),
    }


def measured_change(
    item: Revision, figure: Literal["computed_tokens", "ttft_ms", "total_ms"]
) -> Span:
    """By how much requests came to more or less of something than under the revision before; empty
    where nobody measured both."""
    before = getattr(item.before, figure, None)
    after = getattr(item.after, figure, None)
    return relative(after / before - 1) if before and after is not None else Span("")


def live_standing(snapshot: Snapshot, revisions: Sequence[Revision] | None) -> Standing:
    """The live revision: why, by whom, and since when."""
    if not snapshot.revision:
        return Standing(Span("○ as it was found", "muted"))
    live = next((item for item in revisions or () if item.number == snapshot.revision), None)
    state = Span(f"● revision {snapshot.revision} is live", "good")
    if live is None:
        return Standing(state)
    why = f"{plain(live.note)}  " if live.note else ""
    by = f" by {plain(live.by)}" if live.by else ""
    return Standing(state, line(why, Span(f"since {moment(live.created_at)}{by}", "muted")))


def no_revisions(
    snapshot: Snapshot, revisions: Sequence[Revision] | None = None, refused: str = ""
) -> EmptyState:
    """What stands where there are no revisions. `refused`: why the engine told of none."""
    if snapshot.replaying:
        return _NOT_KEPT
    if revisions is None:
        return EmptyState(refused, refused=True) if refused else ASKING
    return EmptyState(with_ways(snapshot, _NOT_PUSHED, _TUNES, " "))


def history_lines(
    snapshot: Snapshot, revisions: Sequence[Revision] | None, width: int, refused: str = ""
) -> tuple[Line, ...]:
    """All revisions as lines, newest first. `refused`: why the engine told of none."""
    if not revisions:
        return no_revisions(snapshot, revisions, refused).lines(width)
    columns = history_columns(width)
    heading = row_line(columns, [line(Span(column.heading, "muted")) for column in columns])
    rows = (row_line(columns, row.cells) for row in history_rows(revisions, columns))
    ways = offered(snapshot, _WAYS)
    words = f"{_OPENED} {ways}." if ways else _OPENED
    return (heading, *rows, EMPTY, *sentence_lines(words, width, "muted"))


def revision_lines(detail: RevisionDetail, snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """A revision opened: when and why it was pushed, what it changed, also in its files, and what
    runs cost before and after it; of the live one also what others changed since, of another what
    making it live again changes."""
    revision = detail.revision
    tone = _STATE_TONES.get(revision.state, "muted")
    lines = [
        line(
            Span(f"Revision {revision.number}", "title"),
            Span(f"  {revision.state}", tone),
            Span(f"  {moment(revision.created_at)}", "muted"),
        ),
        _labelled("agent", revision.agent),
        _labelled("why", revision.note or "no note was given"),
    ]
    if revision.by:
        lines.append(_labelled("by", revision.by))
    if revision.parent is not None:
        lines.append(_labelled("after", f"revision {revision.parent}"))
    lines += [
        EMPTY,
        *_changes("Changed", detail.diff, width),
        EMPTY,
        *_costs(detail, snapshot, width),
    ]
    lines += _requests(revision, width)
    if detail.files:
        lines += [EMPTY, line(Span("In its files", "strong")), *_in_files(detail.files, width)]
    drift = snapshot.session.drift if snapshot.session else ()
    if revision.number != snapshot.revision:
        lines += [EMPTY, *_changes("Making it live again changes", detail.back, width)]
    elif drift:
        lines += [
            EMPTY,
            line(
                Span("Served differently", "strong"),
                Span("  by others: 9 tells the ways out", "bad"),
            ),
        ]
        lines += foreign_lines(drift, width)
    return tuple(lines)


def _requests(revision: Revision, width: int) -> tuple[Line, ...]:
    """What all requests came to under the revision before and under this one, whoever sent them;
    nothing where nobody measured them."""
    served = [
        (name, figures)
        for name, figures in (("before", revision.before), ("under it", revision.after))
        if figures is not None
    ]
    if not served:
        return ()
    rows = [
        (
            Span(name),
            count(figures.requests, "measured"),
            count(figures.computed_tokens, "measured"),
            milliseconds(figures.ttft_ms, "measured"),
            milliseconds(figures.total_ms, "measured"),
            count(figures.failures, "measured"),
        )
        for name, figures in served
    ]
    return (EMPTY, *table_lines(_SERVED, rows, width))


def _labelled(label: str, text: str) -> Line:
    return line(Span(f"  {label:<8}", "muted"), Span(plain(text)))


def _changes(title: str, diff: Diff, width: int) -> list[Line]:
    if not diff.changes:
        return [line(Span(title, "strong"), Span("  nothing", "muted"))]
    return [line(Span(title, "strong"), cost_span(diff.cost)), *change_lines(diff.changes, width)]


def _in_files(changes: Sequence[Change], width: int) -> Iterator[Line]:
    """A file, and the fields of it that are otherwise than in the revision before."""
    for path, fields in groupby(changes, key=lambda change: change.place):
        yield line(Span(f"  {plain(path)}", "muted"))
        for change in fields:
            yield from change_beside(change, width, " ")


def _costs(detail: RevisionDetail, snapshot: Snapshot, width: int) -> list[Line]:
    before, after = detail.before, detail.after
    if before is None and after is None:
        words = with_ways(snapshot, _NO_RUN, _RUN)
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
