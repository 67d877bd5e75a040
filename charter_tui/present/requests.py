"""The requests screen: what passed through the deployment, whoever sent it, and what was computed
again, by cause."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from charter_engine.contracts.explaining import MissExplanation, MissReport
from charter_engine.contracts.traffic import TrafficRecord
from charter_tui.naming import Naming, name_by_id
from charter_tui.present.figures import (
    NOTHING,
    count,
    counted,
    heat,
    milliseconds,
    percent,
    short_count,
)
from charter_tui.present.miss import part_lines
from charter_tui.present.possible import offered, with_ways
from charter_tui.present.spans import EMPTY, Line, Span, fit, fitting, line, plain, wrap
from charter_tui.present.tables import Column, Row, fill_with_room, table_lines
from charter_tui.present.words import EmptyState
from charter_tui.state import Snapshot, share

Local = Callable[[float], time.struct_time]

AT: Final = Column("at", "AT", 8, "left")
NODE: Final = Column("node", "NODE", 0, "left")
SESSION: Final = Column("session", "SESSION", 12, "left")
COMPUTED: Final = Column("computed", "COMPUTED", 8)
PROMPT: Final = Column("prompt", "PROMPT", 7)
TTFT: Final = Column("ttft", "TTFT", 7)
WHOLE: Final = Column("whole", "WHOLE", 7)
HIT: Final = Column("hit", "HIT", 7)
CAUSE: Final = Column("cause", "CAUSE", 17, "left")
NARROW: Final = (AT, NODE, COMPUTED, WHOLE, HIT, CAUSE._replace(width=12))
NORMAL: Final = (AT, NODE, SESSION, COMPUTED, PROMPT, TTFT, WHOLE, HIT, CAUSE)
NODE_WIDTH: Final = 28
"""Cells in which most names are whole."""
SESSION_WIDTH: Final = 23
"""Cells in which the id of a run is whole, which is a session where programs name none."""
CAUSE_WIDTH: Final = 28
"""Cells in which most causes and errors are whole."""
OWN: Final = Span("▸ ", "accent")
"""In front of what a run of Charter's own sent."""
IN_A_RECORDING: Final = EmptyState(
    "A recording's requests are in its file: charter-engine export FILE --requests prints them."
)
BAR: Final = 24
"""Assumed: cells of a time line beside its figures on 80 columns."""
_OTHERS: Final = (
    ("requests.choose", "/ changes the filter"),
    ("requests.own_runs", "i shows or hides own runs"),
)
_SAYS: Final = "enter tells what became of each token of its prompt, and why"
_SAYS_MORE: Final = "enter shows the words around the place where it left an earlier prompt"


@dataclass(frozen=True)
class RequestFilter:
    """Which requests are shown. `text` is looked for in node, session and run; `cause` is a kind of
    cause; `slow_ms` the least time of the whole answer; `own` whether those of own runs are.

    `sequences` are the numbers at the tap of the requests of a `session`; None: of any.
    """

    text: str = ""
    cause: str = ""
    slow_ms: float = 0.0
    failed: bool = False
    own: bool = True
    session: str = ""
    sequences: frozenset[int] | None = None

    def takes(
        self,
        record: TrafficRecord,
        cause: str,
        named: Naming = name_by_id,
        session_named: Naming = str,
    ) -> bool:
        """Whether a request is shown."""
        if record.run and not self.own:
            return False
        if self.sequences is not None and record.sequence not in self.sequences:
            return False
        if self.failed and not record.error:
            return False
        if self.slow_ms and (record.total_ms or 0.0) < self.slow_ms:
            return False
        if self.cause and self.cause not in cause:
            return False
        nodes = (record.node, named(record.node), record.unmatched)
        sessions = (record.session, session_named(record.session), record.run)
        known_by = (*nodes, *sessions, session_named(record.run))
        return self.text.lower() in " ".join(known_by).lower()

    def in_words(self, session_named: Naming = str) -> str:
        """What is shown, for the line above the table; empty where nothing is left out."""
        parts = [
            f"of {_session_words(session_named(self.session))}" if self.session else "",
            f"of {self.text}" if self.text else "",
            f"cause {self.cause}" if self.cause else "",
            f"slower than {self.slow_ms / 1000:g} s" if self.slow_ms else "",
            "failed" if self.failed else "",
        ]
        return ", ".join(part for part in parts if part)


def _session_words(name: str) -> str:
    """A session by its name, which of an own run says so itself."""
    return plain(name if name.startswith("run ") else f"session {name}")


def request_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width; nodes leave what they do not need to causes, and sessions are whole
    where there is room for both."""
    columns = fill_with_room(NARROW if width < 110 else NORMAL, width, minimum=12)
    widths = {column.key: column.width for column in columns}
    if CAUSE.key not in widths:
        return columns
    spare = max(0, widths[NODE.key] - NODE_WIDTH)
    for_names = max(0, widths[CAUSE.key] + spare - CAUSE_WIDTH)
    named = min(spare, for_names, SESSION_WIDTH - SESSION.width) if SESSION.key in widths else 0
    given = {NODE.key: -spare, SESSION.key: named, CAUSE.key: spare - named}
    return tuple(one._replace(width=one.width + given.get(one.key, 0)) for one in columns)


def request_row(
    record: TrafficRecord,
    cause: str,
    columns: Sequence[Column],
    local: Local = time.localtime,
    named: Naming = name_by_id,
    session_named: Naming = str,
) -> Row:
    """A request as a row; its key is its number at the tap."""
    computed = record.computed_tokens
    rate = share(record.reused_tokens or 0, record.prompt_tokens or 0)
    room = next((column.width for column in columns if column.key == "node"), 0)
    name = named(record.node) if record.node else _unmatched(record, room)
    failed = Span(plain(record.error), "bad") if record.error else Span(cause, "muted")
    cells: dict[str, Line] = {
        "at": line(Span(time.strftime("%H:%M:%S", local(record.at)), "muted")),
        "node": line(
            OWN if record.run else Span(""),
            Span("✗ " if record.error else "", "bad"),
            Span(plain(name), "text" if record.node else "muted"),
        ),
        "session": line(Span(plain(session_named(record.session)), "muted")),
        "computed": line(count(computed, "measured")),
        "prompt": line(NOTHING if record.prompt_tokens is None else _short(record.prompt_tokens)),
        "ttft": line(milliseconds(record.ttft_ms, "measured")),
        "whole": line(milliseconds(record.total_ms, "measured")),
        "hit": line(
            NOTHING if rate is None else percent(rate, "measured")._replace(tone=heat(rate))
        ),
        "cause": line(failed),
    }
    return Row(str(record.sequence), tuple(cells[column.key] for column in columns))


def _short(tokens: int) -> Span:
    return Span(f"={short_count(tokens)}", "measured")


def _unmatched(record: TrafficRecord, room: int) -> str:
    """That a request belongs to no call, with the reason where all of it can be read."""
    whole = f"unmatched: {record.unmatched}"
    return whole if len(whole) + len(OWN.text) <= room else "unmatched"


def summary_line(
    shown: Sequence[TrafficRecord],
    known: int,
    lost: int,
    chosen: RequestFilter,
    session_named: Naming = str,
) -> Line:
    """What is listed: how many requests, what they computed, and what is left out."""
    computed = [one.computed_tokens for one in shown if one.computed_tokens is not None]
    words = chosen.in_words(session_named)
    parts: list[Span | str] = [
        Span(counted(len(shown)), "strong"),
        Span(f" of {known:,}" if len(shown) < known else "", "muted"),
        Span(f"  {words}" if words else "", "accent"),
        Span("  computed ", "muted"),
        count(sum(computed), "measured"),
        Span(" prompt tokens", "muted"),
    ]
    own = sum(bool(one.run) for one in shown)
    if not chosen.own:
        parts.append(Span("  own runs hidden: i", "muted"))
    elif own:
        parts += [Span("  "), OWN, Span(f"{own:,} of own runs", "muted")]
    if lost:
        parts.append(Span(f"  {lost:,} passed unseen", "warning"))
    return line(*parts)


def cause_lines(
    report: MissReport | None,
    width: int,
    waiting: str = "working it out …",
    named: Naming = name_by_id,
) -> tuple[Line, ...]:
    """What was computed again, by cause, the most tokens first, and what mending it would give.
    `waiting` is said while there is no report; without either there is nothing to tell."""
    if report is None and not waiting:
        return ()
    if report is None:
        title = Span("Computed again, by cause", "title")
        return (line(title, Span(f"  {waiting}", "muted")),)
    heading = line(
        Span("Computed again, by cause", "title"),
        Span(f"  of {counted(report.requests)}{_too_short(report)}", "muted"),
    )
    if not report.causes:
        return (heading, line(Span("Nothing was computed twice.", "muted")))
    columns = (
        Column("cause", "CAUSE", 0, "left"),
        Column("tokens", "TOKENS", 0),
        Column("hour", "AN HOUR", 0),
        Column("mended", "IF MENDED", 0),
        Column("requests", "REQUESTS", 0),
        Column("node", "NODE", 0, "left"),
    )
    rows = [
        (
            Span(group.cause, "warning"),
            count(group.tokens, group.label),
            count(group.tokens_per_hour, group.label),
            NOTHING
            if group.mended_tokens is None
            else Span(f"~−{group.mended_tokens:,}", "predicted"),
            count(group.requests, "measured"),
            Span(plain(named(group.node) if group.node else "no node")),
        )
        for group in report.causes
    ]
    notes = (
        line(Span(text, "muted")) for note in report.notes for text in wrap(note.message, width)
    )
    return (heading, *table_lines(columns, rows, width), *notes)


def _too_short(report: MissReport) -> str:
    """Why nothing is told by the hour, where nothing is."""
    if all(group.tokens_per_hour is not None for group in report.causes):
        return ""
    return f" in {report.seconds:,.0f} s, too short to tell what an hour would bring"


def what_sends(snapshot: Snapshot) -> str:
    """What would have requests pass."""
    run = offered(snapshot, (("app.run_plan", "r runs the agent; "),))
    others = "other programs' requests appear as they come."
    return f"{run}{others}" if run else others.capitalize()


def nothing_sent(snapshot: Snapshot) -> EmptyState:
    """That no request has passed, and what to do."""
    return EmptyState(f"No request has passed yet. {what_sends(snapshot)}")


def no_requests(known: int, snapshot: Snapshot, refused: str = "") -> EmptyState:
    """Why the table is empty, and what to do. `refused`: why the engine told of none."""
    if snapshot.replaying:
        return IN_A_RECORDING
    if known:
        return EmptyState(with_ways(snapshot, "No request matches", _OTHERS))
    return EmptyState(refused, refused=True) if refused else nothing_sent(snapshot)


def causes_by_request(explanations: Sequence[MissExplanation]) -> Mapping[str, str]:
    """The kind of cause of each request that was explained, by its number."""
    return {one.request: one.cause.kind for one in explanations if one.parts.again}


def brief_lines(
    record: TrafficRecord,
    explained: MissExplanation | None,
    session: Sequence[TrafficRecord],
    width: int,
    named: Naming = name_by_id,
    session_named: Naming = str,
) -> tuple[Line, ...]:
    """A request beside the others: its figures, what became of its prompt as far as that is known
    already, and its session in time."""
    computed = record.computed_tokens
    name = named(record.node) if record.node else _unmatched(record, width)
    heading = line(Span(f"Request {record.sequence}", "title"), Span(f"  {plain(name)}", "strong"))
    figures = (
        line(count(computed, "measured"), Span(" computed", "muted")),
        line(count(record.prompt_tokens, "measured"), Span(" prompt tokens", "muted")),
        line(count(record.output_tokens, "measured"), Span(" generated", "muted")),
        line(Span("TTFT ", "muted"), milliseconds(record.ttft_ms, "measured")),
        line(Span("whole ", "muted"), milliseconds(record.total_ms, "measured")),
    )
    failed = wrap(record.error, width) if record.error else ()
    timeline = timeline_lines(session, record.sequence, named=named, session_named=session_named)
    return (
        heading,
        fitting(figures, width),
        *(line(Span(text, "bad")) for text in failed),
        EMPTY,
        *(part_lines(explained, width) if explained is not None else ()),
        line(Span(f"{_SAYS_MORE if explained is not None else _SAYS}.", "muted")),
        *((EMPTY, *timeline) if timeline else ()),
    )


def timeline_lines(
    session: Sequence[TrafficRecord],
    here: int,
    local: Local = time.localtime,
    named: Naming = name_by_id,
    session_named: Naming = str,
) -> tuple[Line, ...]:
    """A session's requests in time: when each began, how long it took, and what it computed."""
    if not session:
        return ()
    begin = min(record.at for record in session)
    end = max(record.at + (record.total_ms or 0.0) / 1000 for record in session)
    span = max(end - begin, 0.001)
    called = _session_words(session_named(session[0].session))
    lines = [
        line(
            Span(f"{called[:1].upper()}{called[1:]}", "title"),
            Span(
                f"  {counted(len(session))} in {milliseconds(span * 1000, 'measured').text}",
                "muted",
            ),
        )
    ]
    for record in session:
        start = round((record.at - begin) / span * (BAR - 1))
        length = max(1, round((record.total_ms or 0.0) / 1000 / span * BAR))
        drawn = (" " * start + "█" * length)[:BAR].ljust(BAR)
        sign = "▸" if record.sequence == here else " "
        name = named(record.node) if record.node else "unmatched"
        lines.append(
            line(
                Span(f"{sign} {time.strftime('%H:%M:%S', local(record.at))} ", "muted"),
                Span(drawn, "bad" if record.error else "accent"),
                Span(" "),
                *fit(line(count(record.computed_tokens, "measured")), 9, "right"),
                Span(" computed  ", "muted"),
                Span(plain(name)),
            )
        )
    return tuple(lines)
