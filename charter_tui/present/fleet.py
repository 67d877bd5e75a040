"""Several servers: their sum in one line, a row each, and where they differ."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len

from charter_engine.contracts.fleet import FleetNow, ServerNow
from charter_engine.contracts.server import ServerReport
from charter_tui.present.breaker import BREAKER
from charter_tui.present.figures import (
    NOTHING,
    clock_span,
    count,
    heat,
    marked,
    milliseconds,
    percent,
    short_count,
)
from charter_tui.present.panels import HEALTH
from charter_tui.present.spans import EMPTY, Line, Span, Tone, fitting, line, plain, wrap
from charter_tui.present.tables import Column, Row, fill, table_lines
from charter_tui.present.words import sentence_lines
from charter_tui.state import LastKnown, Snapshot, share

SERVER: Final = Column("server", "SERVER", 0, "left")
STATE: Final = Column("state", "STATE", 13, "left")
REVISION: Final = Column("revision", "REV", 4)
HIT: Final = Column("hit", "HIT", 7)
COMPUTED: Final = Column("computed", "COMPUTED/S", 10)
TTFT: Final = Column("ttft", "TTFT", 8)
QUEUE: Final = Column("queue", "QUEUE", 5)
POOL: Final = Column("pool", "POOL", 7)
BREAKER_STATE: Final = Column("breaker", "BREAKER", 11, "left")
DRIFT: Final = Column("drift", "CHANGED", 8, "left")
DIFFERS: Final = Column("differs", "DIFFERS", 8, "left")
REQUESTS: Final = Column("requests", "REQ/MIN", 7)
NARROW: Final = (SERVER, STATE, REVISION, HIT, COMPUTED, QUEUE, POOL, DIFFERS)
SMALL: Final = (SERVER, STATE, REVISION, HIT, POOL, DIFFERS)
NORMAL: Final = (
    *(SERVER, STATE, REVISION, HIT, COMPUTED, TTFT, QUEUE, POOL),
    *(BREAKER_STATE, DRIFT, DIFFERS),
)
FIGURES: Final = frozenset(
    column.key for column in (REVISION, HIT, COMPUTED, TTFT, QUEUE, POOL, REQUESTS)
)
"""Columns that show what was told last where a server does not answer."""
WIDE: Final = (*NORMAL[:4], REQUESTS, *NORMAL[4:])
LEAST_NAME: Final = 14
NARROW_FROM: Final = 76
NORMAL_FROM: Final = 110
WIDE_FROM: Final = 150
"""Derived, in cells: what the columns take, and names of 19 and of 51."""
OPEN: Final = "enter shows what a server is and can do."


def fleet_line(snapshot: Snapshot, width: int, *, key: bool = True) -> Line:
    """The servers together, and the `key` that shows each; empty where there is one."""
    if snapshot.fleet is None:
        return EMPTY
    now = snapshot.fleet.now
    differing = len({one.server for one in now.differences})
    parts = (
        line(Span("servers ", "muted"), _up(now)),
        line(Span(_differ(differing), "bad")) if differing else EMPTY,
        line(Span("computed ", "muted"), _computed(now), Span(" tokens/s", "muted")),
        line(Span("hit ", "muted"), percent(_hit_rate(now.servers), "measured")),
        line(Span("pool ", "muted"), percent(_pool(now.servers), "measured")),
        line(Span("F", "accent"), Span(" each", "muted")) if key else EMPTY,
    )
    return fitting((part for part in parts if part), width)


def fleet_columns(width: int, now: FleetNow | None) -> tuple[Column, ...]:
    """The columns that fit in `width` cells, that of the servers no wider than their names."""
    narrow = SMALL if width < NARROW_FROM else NARROW
    chosen = narrow if width < NORMAL_FROM else NORMAL if width < WIDE_FROM else WIDE
    longest = max((cell_len(one.server) for one in now.servers), default=0) if now else 0
    filled, *others = fill(chosen, width, minimum=LEAST_NAME)
    return (filled._replace(width=min(filled.width, max(LEAST_NAME, longest + 2))), *others)


def fleet_rows(snapshot: Snapshot, columns: Sequence[Column]) -> list[Row]:
    """A row a server, in the order in which they are named; one that does not answer has its last
    figures, muted."""
    if snapshot.fleet is None:
        return []
    now, known = snapshot.fleet.now, snapshot.last_servers
    return [
        _row(server, now.differing(server.server), columns, known.get(server.server))
        for server in now.servers
    ]


def difference_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """Where servers differ with both values and what to do, and what else is to be known."""
    if snapshot.fleet is None:
        return ()
    return (
        *_reasons(snapshot, snapshot.fleet.now, width),
        *_differences(snapshot.fleet.now, width),
    )


def server_report_lines(report: ServerReport, width: int) -> tuple[Line, ...]:
    """What a server is, and which levers act on it."""
    profile = report.profile
    facts = (
        ("address", profile.address),
        ("version", profile.version or "–"),
        ("model", profile.model or "–"),
        ("block size", f"{profile.tokens_per_block or '–'} tokens"),
        ("manager", f"{profile.manager} ({profile.manager_evidence})"),
        ("predicted by", f"{profile.rules or '–'} ({profile.rules_evidence})"),
    )
    levers = [
        (
            Span(lever.name),
            Span("● acts", "good") if lever.acts else Span("✗ does not", "warning"),
            Span(lever.cost or "–", "muted"),
            Span(plain(lever.reason or lever.where), "muted"),
        )
        for lever in profile.levers
    ]
    columns = (
        Column("lever", "LEVER", 0, "left"),
        Column("acts", "ACTS", 0, "left"),
        Column("cost", "COST", 0, "left"),
        Column("by", "BY, OR WHY NOT", 0, "left"),
    )
    return (
        *(
            line(Span(f"{name:<14}", "muted"), Span(plain(part)))
            for name, value in facts
            for part in wrap(value, max(20, width - 14))[:1]
        ),
        EMPTY,
        *table_lines(columns, levers, width),
        *(
            part
            for proof in report.proofs
            for part in (
                EMPTY,
                line(Span(f"{proof.proof} {proof.result}", "strong")),
                *sentence_lines(proof.evidence, width, "muted"),
            )
        ),
    )


def _differ(servers: int) -> str:
    return "1 differs" if servers == 1 else f"{servers} differ"


def _up(now: FleetNow) -> Span:
    tone: Tone = "good" if now.up == len(now.servers) else "bad"
    return Span(f"{now.up} of {len(now.servers)} up", tone)


def _computed(now: FleetNow) -> Span:
    rates = [one.total.computed_per_second for one in now.servers if one.total is not None]
    return count(sum(rates), "measured") if rates else NOTHING


def _hit_rate(servers: Sequence[ServerNow]) -> float | None:
    totals = [one.total for one in servers if one.total is not None]
    prompt = sum(one.prompt_tokens for one in totals)
    return share(prompt - sum(one.computed_tokens for one in totals), prompt)


def _pool(servers: Sequence[ServerNow]) -> float | None:
    pools = [one.sample.kv_pool for one in servers if one.sample.kv_pool is not None]
    return share(sum(pool.used_blocks for pool in pools), sum(pool.max_blocks for pool in pools))


def _row(
    server: ServerNow,
    differing: int,
    columns: Sequence[Column],
    known: LastKnown[ServerNow] | None,
) -> Row:
    sample = server.sample
    is_old = sample.health != "ready" and known is not None
    told = known.value if is_old and known is not None else server
    total = told.total
    rate = total.hit_rate if total is not None else None
    words, tone = HEALTH[sample.health]
    sign, breaker_tone, _ = BREAKER[sample.breaker]
    cells: dict[str, Line] = {
        "server": line(Span(plain(server.server))),
        "state": line(Span(words, tone)),
        "revision": line(NOTHING if told.revision is None else Span(str(told.revision))),
        "hit": line(
            NOTHING if rate is None else percent(rate, "measured")._replace(tone=heat(rate))
        ),
        "requests": line(count(total.requests if total else None, "measured")),
        "computed": line(
            NOTHING
            if total is None
            else marked(short_count(round(total.computed_per_second)), "measured")
        ),
        "ttft": line(milliseconds(total.ttft_ms if total else None, "measured")),
        "queue": line(count(told.sample.waiting_requests, "measured")),
        "pool": line(percent(_pool((told,)), "measured")),
        "breaker": line(Span(f"{sign} {sample.breaker}", breaker_tone)),
        "drift": _places(server.drift),
        "differs": _places(differing),
    }
    if is_old:
        cells |= {key: _muted(cells[key]) for key in FIGURES}
    return Row(server.server, tuple(cells[column.key] for column in columns))


def _muted(cell: Line) -> Line:
    return tuple(span._replace(tone="muted") for span in cell)


def _places(number: int) -> Line:
    return line(Span(f"✗ {number}", "bad") if number else Span("–", "muted"))


def _reasons(snapshot: Snapshot, now: FleetNow, width: int) -> Iterator[Line]:
    if now.trouble:
        yield from sentence_lines(plain(f"✗ {now.trouble}"), width, "warning")
    for server in now.servers:
        reason, known = server.sample.reason, snapshot.last_servers.get(server.server)
        named = reason if server.server in reason else f"{server.server}: {reason}"
        if server.sample.health != "ready" and known is not None:
            age = clock_span(snapshot.age(known))
            why = named if reason else f"{server.server} does not answer"
            yield from sentence_lines(
                plain(f"{why.rstrip('.')}. Its figures are as of {age} ago."), width, "warning"
            )
        elif reason:
            yield from sentence_lines(plain(named), width, "warning")


def _differences(now: FleetNow, width: int) -> Iterator[Line]:
    if not now.differences:
        yield line(Span("The servers are alike where they answer. ", "muted"), Span(OPEN, "muted"))
        return
    for one in now.differences:
        yield line(Span(plain(one.server), "strong"), Span(f"  {plain(one.path)}"))
        yield line(
            Span("  has ", "muted"),
            Span(plain(one.found), "bad"),
            Span(", the others have ", "muted"),
            Span(plain(one.usual)),
        )
    for remedy in dict.fromkeys(one.remedy for one in now.differences):
        yield from sentence_lines(plain(f"→ {remedy}"), width, "muted")
