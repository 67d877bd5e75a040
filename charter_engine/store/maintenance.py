"""The database looked over and copied, beside whoever uses it: nothing here writes to it."""

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.keeping import StoreCheck, StoreStatus, StoreTable
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.files import sync_directory
from charter_engine.paths import make_private
from charter_engine.store.database import (
    BUSY_MILLISECONDS,
    SCHEMA_VERSION,
    StoreError,
    require_whole,
)

MOST_PROBLEMS: Final = 20
"""Assumed: one is enough to move a database aside; SQLite's own default is 100."""

_RECORDS: Final = (
    ("run", "SELECT report FROM run", RunReport),
    ("request", "SELECT record FROM request", RequestRecord),
    ("revision", "SELECT revision FROM revision", Revision),
    ("traffic", "SELECT record FROM traffic", TrafficRecord),
)
"""The tables that hold records, how these are read, and what they are."""
_TIMES: Final = {
    "session": "started_at",
    "run": "started_at",
    "request": "started_at",
    "traffic": "at",
    "tick": "at",
    "mark": "at",
}


def status(path: Path) -> StoreStatus:
    """What the database holds. Raises `StoreError` where it can't be read."""
    try:
        with closing(_reading(path)) as connection:
            tables = tuple(_table(connection, name) for name in _tables(connection))
            pages, free, size, schema = (
                _pragma(connection, name)
                for name in ("page_count", "freelist_count", "page_size", "user_version")
            )
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
    return StoreStatus(
        path=str(path), schema=schema, bytes=pages * size, spare_bytes=free * size, tables=tables
    )


def check(path: Path) -> StoreCheck:
    """Whether every page and every record of the database can be read."""
    records = 0
    problems: list[str] = []
    schema = None
    try:
        require_whole(path)
        with closing(_reading(path)) as connection:
            schema = _pragma(connection, "user_version")
            if schema > SCHEMA_VERSION:
                problems.append(
                    f"written by a newer Charter (schema {schema}, this one knows {SCHEMA_VERSION})"
                )
            problems += _integrity(connection)
            if not problems:
                records, problems = _decoded(connection)
    except (sqlite3.Error, OSError) as error:
        problems.append(str(error))
    return StoreCheck(
        path=str(path), schema=schema, records=records, problems=tuple(problems[:MOST_PROBLEMS])
    )


def backup(path: Path, target: Path) -> int:
    """Copy the database as it stands at one moment, whoever writes to it meanwhile; the copy's
    bytes. Raises `StoreError`, and `OSError` for the target, which then is not there."""
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        make_private(fresh)
        with closing(_reading(path)) as source, closing(sqlite3.connect(fresh)) as copy:
            source.backup(copy)
            # A copy is one file, to carry away, without a log of writes beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        fresh.replace(target)
        sync_directory(target.parent)
    except sqlite3.Error as error:
        raise StoreError(f"{path} was not copied: {error}") from error
    finally:
        fresh.unlink(missing_ok=True)
    return target.stat().st_size


def _reading(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_MILLISECONDS / 1000
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return [name for (name,) in found]


def _table(connection: sqlite3.Connection, name: str) -> StoreTable:
    columns = connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
    lengths = (f"coalesce(length(CAST({_quoted(column)} AS BLOB)), 0)" for (column,) in columns)
    at = _TIMES.get(name, "NULL")
    query = (
        "SELECT count(*), coalesce(sum(",
        " + ".join(lengths),
        "), 0), min(",
        at,
        "), max(",
        at,
        ") FROM",
        _quoted(name),
    )
    rows, size, begin, end = connection.execute(" ".join(query)).fetchone()
    return StoreTable(name=name, rows=rows, bytes=size, begin=begin, end=end)


def _quoted(name: str) -> str:
    """A name as SQL takes it, whatever is in it: the file may be anybody's."""
    return '"' + name.replace('"', '""') + '"'


def _integrity(connection: sqlite3.Connection) -> list[str]:
    found = [row[0] for row in connection.execute(f"PRAGMA integrity_check({MOST_PROBLEMS})")]
    strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    problems = [line for text in found for line in text.splitlines() if line != "ok"]
    return problems + [f"{table} {row} is of no {parent}" for table, row, parent, _ in strays]


def _decoded(connection: sqlite3.Connection) -> tuple[int, list[str]]:
    """How many records can be read, and which cannot."""
    records, problems = 0, []
    known = set(_tables(connection))
    for table, query, kind in _RECORDS:
        if table not in known:
            continue  # of an older schema
        decoder = msgspec.msgpack.Decoder(kind)
        for number, (blob,) in enumerate(connection.execute(query), 1):
            try:
                decoder.decode(blob)
                records += 1
            except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
                problems.append(f"{table}, record {number}: {error}")
    return records, problems
