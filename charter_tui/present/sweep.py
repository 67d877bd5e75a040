"""A sweep of one setting: what a run is predicted to pay under each of its values."""

from collections.abc import Sequence
from typing import Final

from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.settings import SETTING_OF
from charter_engine.contracts.sweeping import SettingSweep
from charter_tui.present.figures import (
    bar,
    byte_size_text,
    count,
    milliseconds,
    per_second,
    percent,
)
from charter_tui.present.spans import Line, Span, line
from charter_tui.present.tables import Column, Row, fill

VALUE: Final = Column("value", "VALUE", 16, "left")
COMPUTED: Final = Column("computed", "COMPUTED", 10)
PLOT: Final = Column("plot", "", 0, "left")
RUN: Final = Column("run", "RUN", 8)
TTFT: Final = Column("ttft", "TTFT", 8)
P95: Final = Column("p95", "P95", 8)
RATE: Final = Column("rate", "REQ/S", 7)
HIT: Final = Column("hit", "HIT", 8)
EVICTED: Final = Column("evicted", "EVICTED", 8)
PEAK: Final = Column("peak", "PEAK BLOCKS", 11)
NARROW: Final = (VALUE, COMPUTED, PLOT, RUN, HIT)
WIDE: Final = (VALUE, COMPUTED, PLOT, RUN, TTFT, P95, RATE, HIT, EVICTED)
WIDEST: Final = (*WIDE, PEAK)
WIDE_FROM: Final = 104
WIDEST_FROM: Final = 124
"""Derived, in cells: what the columns take, and a plot of 23 and of 31."""


def sweep_columns(width: int) -> tuple[Column, ...]:
    """The columns that fit in `width` cells; the plot takes what is left."""
    columns = NARROW if width < WIDE_FROM else WIDE if width < WIDEST_FROM else WIDEST
    return fill(columns, width, minimum=8)


def sweep_rows(sweep: SettingSweep, columns: Sequence[Column]) -> tuple[Row, ...]:
    """A row a value, with a bar as long as what is computed under it, and the best one marked."""
    most = max((one.predicted.computed_tokens for one in sweep.values), default=0)
    fastest = min((_paid(one.predicted) for one in sweep.values), default=0.0)
    room = next(column.width for column in columns if column.key == "plot")
    rows = []
    for one in sweep.values:
        found = one.predicted
        best = _paid(found) == fastest
        cells: dict[str, Line] = {
            "value": line(
                Span("▸ " if one.drafted else "  ", "draft"),
                Span(_shown(sweep.key, one.value), "draft" if one.drafted else "text"),
                Span(" ★" if best else "", "good"),
            ),
            "computed": line(count(found.computed_tokens, "predicted")),
            "plot": bar(
                found.computed_tokens / most if most else 0.0, room, "good" if best else "accent"
            ),
            "run": line(milliseconds(found.makespan_ms, found.times_label)),
            "ttft": line(milliseconds(found.ttft_ms_mean, found.times_label)),
            "p95": line(milliseconds(found.ttft_ms_p95, found.times_label)),
            "rate": line(per_second(found.requests_per_s, found.times_label)),
            "hit": line(percent(found.token_hit_rate, "predicted")),
            "evicted": line(count(sum(found.evictions_by_priority.values()), "predicted")),
            "peak": line(count(found.peak_blocks, "predicted")),
        }
        rows.append(Row(one.value, tuple(cells[column.key] for column in columns)))
    return tuple(rows)


def sweep_notes(*, taking: bool) -> Line:
    """What the signs of the table mean, and the key that takes a value over where it does
    (`taking`)."""
    key = (Span("  enter", "accent"), Span(" takes a value over into the draft", "muted"))
    return line(
        Span("▸", "draft"),
        Span(" the draft's  ", "muted"),
        Span("★", "good"),
        Span(" the shortest run", "muted"),
        *(key if taking else ()),
    )


def _paid(found: Prediction) -> float:
    """What a value is judged by: the time of the whole run, or the tokens computed."""
    return found.makespan_ms if found.makespan_ms is not None else float(found.computed_tokens)


def _shown(key: str, value: str) -> str:
    return byte_size_text(int(value)) if SETTING_OF[key].kind == "bytes" else value
