"""The sessions screen: requests that continue each other, what they cost, and why they missed."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from charter_engine.contracts.sessions import SessionTraffic
from charter_tui.naming import Naming, name_by_id
from charter_tui.present.figures import (
    NOTHING,
    clock_span,
    count,
    counted,
    heat,
    marked,
    percent,
    short_count,
)
from charter_tui.present.requests import OWN
from charter_tui.present.spans import EMPTY, Line, Span, fitting, line, plain
from charter_tui.present.tables import Column, Row, fill_with_room
from charter_tui.state import share

Local = Callable[[float], time.struct_time]

NAME: Final = Column("name", "SESSION", 0, "left")
REQUESTS: Final = Column("requests", "REQ", 6)
FAILED: Final = Column("failed", "FAILED", 6)
COMPUTED: Final = Column("computed", "COMPUTED", 9)
PROMPT: Final = Column("prompt", "PROMPT", 8)
HIT: Final = Column("hit", "HIT", 7)
AGAIN: Final = Column("again", "AGAIN", 8)
CAUSE: Final = Column("cause", "LAST CAUSE", 17, "left")
BEGAN: Final = Column("began", "BEGAN", 8, "left")
LASTED: Final = Column("lasted", "LASTED", 8)
NODES: Final = Column("nodes", "CALLS", 24, "left")
NARROW: Final = (NAME, REQUESTS, COMPUTED, HIT, LASTED, CAUSE._replace(width=12))
NORMAL: Final = (BEGAN, NAME, REQUESTS, FAILED, COMPUTED, PROMPT, HIT, AGAIN, LASTED, CAUSE)
WIDE: Final = (*NORMAL, NODES)
WIDE_FROM: Final = 150
NORMAL_FROM: Final = 104
"""Derived, in cells: what the columns take, and names of 18 and of 39."""


def session_columns(width: int) -> tuple[Column, ...]:
    """The columns that fit in `width` cells."""
    chosen = NARROW if width < NORMAL_FROM else NORMAL if width < WIDE_FROM else WIDE
    return fill_with_room(chosen, width, minimum=12)


def session_row(
    session: SessionTraffic,
    columns: Sequence[Column],
    local: Local = time.localtime,
    named: Naming = name_by_id,
    session_named: Naming = str,
) -> Row:
    """A session as a row."""
    rate = share(session.prompt_tokens - session.computed_tokens, session.prompt_tokens)
    cells: dict[str, Line] = {
        "began": line(Span(time.strftime("%H:%M:%S", local(session.begin)), "muted")),
        "name": line(
            OWN if session.source == "run" else Span(""),
            Span(plain(session_named(session.session)), "text" if session.told else "muted"),
        ),
        "requests": line(count(len(session.sequences), "measured")),
        "failed": line(
            Span(f"✗ {session.failures}", "bad") if session.failures else Span("–", "muted")
        ),
        "computed": line(_tokens(session.computed_tokens, session.prompt_tokens)),
        "prompt": line(_tokens(session.prompt_tokens, session.prompt_tokens)),
        "hit": line(
            NOTHING if rate is None else percent(rate, "measured")._replace(tone=heat(rate))
        ),
        "again": line(_tokens(session.again_tokens, session.again_tokens)),
        "cause": line(Span(session.cause or "", "muted")),
        "lasted": line(marked(clock_span(session.end - session.begin), "measured")),
        "nodes": line(Span(_calls(session, named), "muted")),
    }
    return Row(_key(session), tuple(cells[column.key] for column in columns))


def _key(session: SessionTraffic) -> str:
    """What tells a session from others: its name with its first request."""
    return f"{session.session}@{session.sequences[0] if session.sequences else 0}"


def _tokens(tokens: int, of: int) -> Span:
    return marked(short_count(tokens), "measured") if of else NOTHING


def _calls(session: SessionTraffic, named: Naming) -> str:
    names = [named(node) if node else "unmatched" for node in session.nodes]
    return plain(", ".join(names))


def sessions_summary(shown: Sequence[SessionTraffic], known: int, width: int, *, own: bool) -> Line:
    """What is listed: how many sessions, what they computed, and what of it twice."""
    computed = sum(one.computed_tokens for one in shown)
    again = sum(one.again_tokens for one in shown)
    known_too = Span(f" of {known:,}" if len(shown) < known else "", "muted")
    parts = (
        line(Span(counted(len(shown), "session"), "strong"), known_too),
        line(Span("computed ", "muted"), count(computed, "measured"), Span(" tokens", "muted")),
        line(count(again, "measured"), Span(" of them again", "muted")) if again else EMPTY,
        EMPTY if own else line(Span("own runs hidden: i", "muted")),
    )
    return fitting((part for part in parts if part), width)
