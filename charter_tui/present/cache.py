"""The cache screen beside its map: who holds the pool, what it saves, and what had to go."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from charter_engine.contracts.contents import ContentsReport, HeldBy, HeldPrefix, Holding
from charter_engine.contracts.graph import Call
from charter_tui.naming import Naming, name_by_id
from charter_tui.present.figures import (
    NOTHING,
    clock_span,
    count,
    counted,
    marked,
    percent,
    percent_text,
    priority_tone,
    short_count,
    signed,
)
from charter_tui.present.measured_pool import BY_EVENTS, difference, other_blocks, trouble, unknown
from charter_tui.present.pool_map import fill_of, holdings, split_of
from charter_tui.present.requests import nothing_sent, what_sends
from charter_tui.present.spans import (
    EMPTY,
    Line,
    Span,
    Tone,
    crop,
    fitting,
    line,
    line_width,
    plain,
    wrap,
)
from charter_tui.present.tables import Column, Row, fill_with_room, table_lines
from charter_tui.present.words import EmptyState
from charter_tui.state import Snapshot, share

Local = Callable[[float], time.struct_time]

PREDICTED: Final = "predicted by the block manager over what passed"
_NOT_KEPT: Final = EmptyState(
    "A recording holds how large and how full the pool was, not its contents: see 1."
)
UNTOLD: Final = "; this server reports no single block"
UNMATCHED: Final = "requests are matched to calls once a plan is live: 2 a, then p"
FAR_APART: Final = 5.0
"""Points of hit rate between predicted and measured that are worth a warning."""
MOST_PREFIXES: Final = 8
"""Assumed: the largest hold nearly all that is shared, and the map needs the room."""
LEAST_OF_A_TEXT: Final = 16
"""Cells; of what begins in fewer nobody can tell what it is."""
MOST_DISPLACEMENTS: Final = 6
"""Assumed: as many as stand beside the map on 24 lines."""

SIGN: Final = Column("sign", "", 2, "left")
NAME: Final = Column("name", "HELD BY", 0, "left")
BLOCKS: Final = Column("blocks", "BLOCKS", 8)
PART: Final = Column("part", "OF POOL", 8)
TOKENS: Final = Column("tokens", "TOKENS", 8)
SHARED: Final = Column("shared", "SHARED", 8)
HOST: Final = Column("host", "ON HOST", 8)
USED: Final = Column("used", "LAST USED", 10)
HELD: Final = Column("held", "HELD FOR", 9)
PREDICTED_BLOCKS: Final = Column("predicted", "PREDICTED", 9)
NARROW: Final = (SIGN, NAME, BLOCKS, PART, SHARED, USED, HELD)
WIDE: Final = (SIGN, NAME, BLOCKS, PART, TOKENS, SHARED, HOST, USED, HELD)
NARROW_BY_EVENTS: Final = (SIGN, NAME, BLOCKS, PREDICTED_BLOCKS, PART, USED)
WIDE_BY_EVENTS: Final = (SIGN, NAME, BLOCKS, PREDICTED_BLOCKS, PART, TOKENS, HOST, USED)


def summary_lines(
    report: ContentsReport, snapshot: Snapshot, width: int, local: Local = time.localtime
) -> tuple[Line, ...]:
    """How full the pool is and of what, how hard it is pressed, and how far the prediction is from
    what was measured."""
    parts = [_sizes(report, snapshot), _pressure(report, local), _agreement(report)]
    lines = [fitting(each, width) for each in parts]
    if (measured := report.measured) is not None:
        lines += [fitting(each, width) for each in (difference(measured), unknown(measured))]
        lines.append(crop(trouble(measured), width))
    return tuple(one for one in lines if one)


def _sizes(report: ContentsReport, snapshot: Snapshot) -> Iterator[Line]:
    split = split_of(report, snapshot.triton.sample.kv_pool if snapshot.triton else None)
    size = count(report.gpu_blocks, "measured")
    yield line(Span("Pool ", "title"), size, Span(" blocks", "muted"))
    yield line(count(split.used, "measured"), Span(" in use", "muted"))
    yield line(count(split.reusable, report.label), Span(" reusable", "muted"))
    yield line(count(split.free, report.label), Span(" free", "muted"))
    if report.host_size:
        host = count(report.host_blocks, report.label)
        yield line(host, Span(f" of {report.host_size:,} on host", "muted"))
    yield line(count(report.tokens_per_block, "measured"), Span(" tokens a block", "muted"))


def _pressure(report: ContentsReport, local: Local) -> Iterator[Line]:
    if report.emptied_at is not None:
        at = time.strftime("%H:%M:%S", local(report.emptied_at))
        yield line(Span("Emptied ", "title"), Span(f"by the push at {at}  ", "warning"))
    since = time.strftime("%H:%M:%S", local(report.begin)) if report.begin is not None else "–"
    pressed: Tone = "warning" if report.evicted_blocks > report.gpu_blocks else "predicted"
    evicted = count(report.evicted_blocks, "predicted")._replace(tone=pressed)
    yield line(Span("Evicted ", "title"), evicted, Span(f" blocks since {since}", "muted"))
    pools = marked(f"{report.pressure:,.1f}", "predicted")
    yield line(Span("pool filled ", "muted"), pools, Span(" times an hour", "muted"))
    if len(report.evictions_by_priority) > 1:
        each = (f"{blocks:,} at {name}" for name, blocks in report.evictions_by_priority.items())
        yield line(Span(f"by priority {', '.join(each)}", "muted"))


def _agreement(report: ContentsReport) -> Iterator[Line]:
    predicted = share(report.predicted_reused, report.compared_tokens)
    measured = share(report.measured_reused, report.compared_tokens)
    if predicted is None or measured is None:
        yield line(Span("Reused ", "title"), Span("not reported by the server", "muted"))
        return
    yield line(Span("Reused ", "title"), percent(measured, "measured"))
    apart = 100 * (predicted - measured)
    far: Tone = "warning" if abs(apart) >= FAR_APART else "muted"
    yield line(percent(predicted, "predicted"), Span(f" ({signed(apart, 1)} points)", far))
    yield line(Span(f"over {counted(report.requests)}", "muted"))


def holding_columns(width: int, *, measured: bool = False) -> tuple[Column, ...]:
    """The columns that fit in `width` cells; of what was `measured`, with what was predicted."""
    narrow, wide = (NARROW_BY_EVENTS, WIDE_BY_EVENTS) if measured else (NARROW, WIDE)
    return fill_with_room(narrow if width < 110 else wide, width, minimum=12)


def holding_rows(
    report: ContentsReport,
    by: HeldBy,
    columns: Sequence[Column],
    predicted: ContentsReport | None = None,
    named: Naming = name_by_id,
    session_named: Naming = str,
) -> tuple[Row, ...]:
    """A row a holder, those that hold the most first; priorities in the order of eviction.
    `predicted` is what the report was before what was measured stood in it."""
    names = [one.name for one in holdings(report, by)]
    called = session_named if by == "session" else named
    return tuple(
        Row(
            one.name or "nobody",
            _row(
                report,
                by,
                one,
                names,
                columns,
                other_blocks(predicted or report, by, one.name),
                called,
            ),
        )
        for one in holdings(report, by)
    )


def _row(
    report: ContentsReport,
    by: HeldBy,
    one: Holding,
    names: Sequence[str],
    columns: Sequence[Column],
    predicted: int,
    named: Naming,
) -> tuple[Line, ...]:
    _, tone, letter = fill_of(names, one.name)
    label = report.label
    cells: dict[str, Line] = {
        "sign": line(Span(letter, tone)),
        "name": line(_spoken(by, one.name, named)),
        "blocks": line(count(one.blocks, label)),
        "predicted": line(count(predicted, "predicted")),
        "part": line(percent(share(one.blocks, report.gpu_blocks), label)),
        "tokens": line(marked(short_count(one.tokens), label)),
        "shared": line(
            marked(percent_text(one.shared_blocks / one.blocks, 0), "predicted")
            if one.blocks
            else NOTHING
        ),
        "host": line(count(one.host_blocks or None, label)),
        "used": line(_ago(report.at - one.used_at) if one.used_at else NOTHING),
        "held": line(_still(one.held_until, report.at)),
    }
    return tuple(cells[column.key] for column in columns)


def _spoken(by: HeldBy, name: str, named: Naming) -> Span:
    if by == "priority":
        return Span(f"priority {name}", priority_tone(int(name)))
    if not name:
        return Span("no node" if by == "node" else "no session", "muted")
    return Span(plain(named(name)))


def _ago(seconds: float) -> Span:
    return Span(f"{clock_span(seconds)} ago", "muted")


def _still(until: float | None, now: float) -> Span:
    """For how long content is held back from eviction."""
    if until is None:
        return Span("∞", "muted")
    return marked(clock_span(max(0.0, until - now)), "predicted")


def prefix_lines(
    report: ContentsReport,
    calls: Sequence[Call],
    node: str,
    width: int,
    named: Naming = name_by_id,
) -> tuple[Line, ...]:
    """The prefixes that saved most, of one node or of all, with what they begin with."""
    found = [one for one in report.prefixes if not node or node in one.nodes][:MOST_PREFIXES]
    whose = f", of {plain(named(node))}" if node else ""
    heading = line(Span(f"Shared prefixes{whose}", "title"))
    if not found:
        return (heading, line(Span("No two requests began with the same blocks.", "muted")))
    columns = (
        Column("tokens", "TOKENS", 0),
        Column("requests", "REQUESTS", 0),
        Column("saved", "SAVED", 0),
        Column("priority", "PRIORITY", 0),
        Column("held", "HELD FOR", 0),
    )
    rows = [
        (
            marked(f"{one.begin:,} to {one.begin + one.tokens:,}", "predicted"),
            count(one.requests, "predicted"),
            count(one.saved_tokens, "predicted"),
            Span(str(one.priority), priority_tone(one.priority)),
            _still(one.held_until, report.at),
        )
        for one in found
    ]
    table = table_lines(columns, rows, width)
    if width - line_width(table[0]) < LEAST_OF_A_TEXT:
        return (heading, *table)
    begins = [Span("BEGINS WITH", "muted"), *(Span(_text(one, calls, named)) for one in found)]
    return (
        heading,
        *(crop((*made, Span("  "), text), width) for made, text in zip(table, begins, strict=True)),
    )


def _text(prefix: HeldPrefix, calls: Sequence[Call], named: Naming) -> str:
    """What the prompts of its nodes have at the prefix's beginning, as far as the source tells."""
    call = next((call for call in calls if call.id in prefix.nodes), None)
    if call is None or not call.segments:
        return ""
    if prefix.begin:
        return f"goes on in {', '.join(map(named, prefix.nodes[:2]))}"
    return plain(call.segments[0].text or f"{{{call.segments[0].name}}}")


def displacement_lines(
    report: ContentsReport, node: str, width: int, named: Naming = name_by_id
) -> tuple[Line, ...]:
    """Who evicted whom, of one node or of all."""
    found = [one for one in report.displacements if not node or node in (one.evicted, one.by)][
        :MOST_DISPLACEMENTS
    ]
    heading = line(Span("Who evicted whom", "title"))
    if not found:
        return (heading, line(Span("Nothing was evicted.", "muted")))
    columns = (
        Column("evicted", "EVICTED", 0, "left"),
        Column("by", "FOR A REQUEST OF", 0, "left"),
        Column("blocks", "BLOCKS", 0),
        Column("again", "COMPUTED AGAIN", 0),
    )
    rows = [
        (
            _spoken("node", one.evicted, named),
            _spoken("node", one.by, named),
            count(one.blocks, "predicted"),
            count(one.again_blocks, "predicted")._replace(
                tone="warning" if one.again_blocks else "predicted"
            ),
        )
        for one in found
    ]
    return (heading, *table_lines(columns, rows, width))


def note_lines(report: ContentsReport, width: int) -> tuple[Line, ...]:
    """What limits the figures."""
    predicted = PREDICTED if report.measured is not None else f"{PREDICTED}{UNTOLD}"
    notes = [predicted if report.label == "predicted" else BY_EVENTS]
    notes += [note.message for note in report.notes]
    if not any(one.name for one in report.nodes):
        notes.append(UNMATCHED)
    return tuple(line(Span(text, "muted")) for note in notes for text in wrap(note, max(20, width)))


def nothing_passed(
    report: ContentsReport, snapshot: Snapshot, local: Local = time.localtime
) -> EmptyState:
    """Why nobody holds anything in the pool, and what would change that."""
    if report.emptied_at is None:
        return nothing_sent(snapshot)
    at = time.strftime("%H:%M:%S", local(report.emptied_at))
    return EmptyState(
        f"The pool is empty: the push at {at} loaded the engine again, and what it had cached is "
        f"lost. No request has passed since. {what_sends(snapshot)}"
    )


def no_pool_lines(snapshot: Snapshot, empty: EmptyState, width: int) -> tuple[Line, ...]:
    """Why there is no map, and what to do."""
    return (EMPTY, *(_NOT_KEPT if snapshot.replaying else empty).lines(width))
