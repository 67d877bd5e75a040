"""Marks in the database: an operator's notes, and what happened to a deployment, for a year."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import aiosqlite

from charter_engine.contracts.gauges import Marker

KEPT_SECONDS: Final = 365 * 86_400
"""A year, as long as ticks by the hour are kept."""

CREATE: Final = """
CREATE TABLE mark (
    deployment TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
    level TEXT NOT NULL, node TEXT NOT NULL,
    PRIMARY KEY (deployment, at, kind, text)) WITHOUT ROWID;
"""
_KEEP: Final = "INSERT OR IGNORE INTO mark VALUES (?, ?, ?, ?, ?, ?)"
READ: Final = (
    "SELECT at, kind, text, level, node FROM mark "
    "WHERE deployment = ? AND at BETWEEN ? AND ? ORDER BY at DESC LIMIT ?"
)
FORGET: Final = "DELETE FROM mark WHERE at < ?"


async def keep(connection: aiosqlite.Connection, deployment: str, marks: Iterable[Marker]) -> None:
    """Keep marks of a deployment, each once. Raises `sqlite3.Error`."""
    rows = [(deployment, one.at, one.kind, one.text, one.level, one.node) for one in marks]
    await connection.executemany(_KEEP, rows)


def marks_of(rows: Sequence[Sequence[Any]]) -> tuple[Marker, ...]:
    """The marks that the database answers to `READ`, oldest first."""
    return tuple(Marker(*row) for row in reversed(rows))
