"""Ticks in the database: a day of them by the second, and ever longer ones for longer, up to a year
by the hour.

What is asked for is put together by the database itself, from the longest stretches that a column
of the screen has room for: a month takes it no longer than an hour. A row is `until` (the epoch
second at which its stretch ends, a multiple of its `step`), so that those of several engines that
watch the same deployment are one.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil
from typing import Any, Final, NamedTuple

import aiosqlite

from charter_engine.contracts.series import TICK_FIGURES, Tick, TickFigure, ValueRange

DAY: Final = 86_400


class TickLevel(NamedTuple):
    """How long ticks of so many seconds are kept, in seconds."""

    step: int
    kept: int


LEVELS: Final = (
    TickLevel(1, DAY),
    TickLevel(10, 7 * DAY),
    TickLevel(60, 30 * DAY),
    TickLevel(600, 90 * DAY),
    TickLevel(3_600, 365 * DAY),
)

_COUNTED: Final = ("requests", "prompt_tokens", "computed_tokens")
_WEIGHT: Final[dict[TickFigure, str]] = {
    "ttft_ms": "requests",
    "pool_used": "seconds",
    "waiting": "seconds",
    "gpu_utilization": "seconds",
    "gpu_memory_used": "seconds",
}
"""What the mean of a figure is weighed by."""
_RANGES: Final = [f"{figure}_{end}" for figure in TICK_FIGURES for end in ("low", "high")]
_COLUMNS: Final = ("at", "seconds", *_COUNTED, *_WEIGHT, *_RANGES)
_ADDED: Final = ("gpu_memory_used", "gpu_memory_used_low", "gpu_memory_used_high")
"""Columns that `ADD_GPU_MEMORY` brings to a table that was created without them."""

CREATE: Final = f"""
CREATE TABLE tick (
    deployment TEXT NOT NULL, step INTEGER NOT NULL, until INTEGER NOT NULL,
    {", ".join(f"{name} REAL" for name in _COLUMNS if name not in _ADDED)},
    PRIMARY KEY (deployment, step, until)) WITHOUT ROWID;
"""
ADD_GPU_MEMORY: Final = ";".join(f"ALTER TABLE tick ADD COLUMN {name} REAL" for name in _ADDED)
_TOGETHER: Final = ", ".join(
    (
        "max(at)",
        "sum(seconds)",
        *(f"sum({name})" for name in _COUNTED),
        *(
            f"sum({name} * {weight}) / sum(CASE WHEN {name} IS NOT NULL THEN {weight} END)"
            for name, weight in _WEIGHT.items()
        ),
        *(f"{'min' if name.endswith('low') else 'max'}({name})" for name in _RANGES),
    )
)
"""Rows as one, as `ticks.together` makes them."""
_PUT: Final = f"INSERT OR REPLACE INTO tick (deployment, step, until, {', '.join(_COLUMNS)})"
_KEEP: Final = f"{_PUT} VALUES (?, ?, ?{', ?' * len(_COLUMNS)})"
_ROLL_UP: Final = " ".join(
    (
        f"{_PUT} SELECT deployment, :step, (until + :step - 1) / :step * :step,",
        _TOGETHER,
        "FROM tick WHERE deployment = :deployment AND step = :finer AND until > :begin GROUP BY 3",
    )
)
_READ: Final = " ".join(
    (
        "SELECT",
        _TOGETHER,
        "FROM tick WHERE deployment = :deployment AND step = :step",
        "AND until > :first AND until - :step < :last",
        "GROUP BY min((until - :first + :width - 1) / :width, :columns) ORDER BY 1",
    )
)
"""A stretch counts where it began: the one in progress has its end to come."""


async def keep(connection: aiosqlite.Connection, deployment: str, ticks: Sequence[Tick]) -> None:
    """Keep seconds of a deployment, bring the longer stretches up to date, and forget what is too
    old. Raises `sqlite3.Error`."""
    if not ticks:
        return
    await connection.executemany(_KEEP, [(deployment, 1, *_row(one)) for one in ticks])
    first = ceil(min(one.at for one in ticks))
    for finer, level in pairwise(LEVELS):
        begin = (first - 1) // level.step * level.step
        await connection.execute(
            _ROLL_UP,
            {
                "step": level.step,
                "deployment": deployment,
                "finer": finer.step,
                "begin": begin,
            },
        )
    newest = max(one.at for one in ticks)
    for level in LEVELS:
        await connection.execute(
            "DELETE FROM tick WHERE deployment = ? AND step = ? AND until <= ?",
            (deployment, level.step, newest - level.kept),
        )


def question(
    deployment: str, begin: float, end: float, most: int, now: float
) -> tuple[str, dict[str, object]]:
    """What to ask for at most so many ticks of the time between two epoch seconds, and with which
    values."""
    first, last, columns = int(begin), ceil(end), max(1, most)
    width = max(1, ceil((last - first) / columns))
    step = _level_for(width, now - begin).step
    return _READ, {
        "deployment": deployment,
        "step": step,
        "first": first,
        "last": last,
        "width": width,
        "columns": columns,
    }


def ticks_of(rows: Iterable[Sequence[Any]]) -> tuple[Tick, ...]:
    """The ticks that the database answers."""
    return tuple(_tick(dict(zip(_COLUMNS, row, strict=True))) for row in rows)


def _level_for(width: int, age: float) -> TickLevel:
    """The coarsest ticks that a column of so many seconds is made of, of those that are still kept
    at that age; the finest where none is so short."""
    reaching = [level for level in LEVELS if level.kept >= age] or [LEVELS[-1]]
    return max((level for level in reaching if level.step <= width), default=reaching[0])


def _row(tick: Tick) -> tuple[object, ...]:
    ranges = [tick.range_of(figure) for figure in TICK_FIGURES]
    return (
        ceil(tick.at),
        *(getattr(tick, name) for name in ("at", "seconds", *_COUNTED, *_WEIGHT)),
        *(end for one in ranges for end in ((one.low, one.high) if one else (None, None))),
    )


def _tick(row: dict[str, Any]) -> Tick:
    ranges: dict[str, ValueRange] = {
        figure: ValueRange(row[f"{figure}_low"], row[f"{figure}_high"])
        for figure in TICK_FIGURES
        if row[f"{figure}_low"] is not None and row[f"{figure}_low"] < row[f"{figure}_high"]
    }
    return Tick(
        **{name: row[name] for name in ("at", "seconds", *_WEIGHT)},
        **{name: int(row[name]) for name in _COUNTED},
        ranges=ranges,
    )
