"""Sessions, runs, requests and revisions in SQLite. Several engines may share the file; damage
loses nothing.

A damaged file is moved aside and a new one started. A full disk fails the write with `StoreError`;
what was stored before stays readable.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import aiosqlite
import msgspec

from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.paths import make_private

T = TypeVar("T")
BUSY_MILLISECONDS = 5_000
RECENT_RUNS = 200
MOST_TRAFFIC = 50_000
"""Records of traffic kept of each deployment: at 8,000 tokens a prompt about 200 MB."""
MIGRATIONS = (
    """
CREATE TABLE session (
    id INTEGER PRIMARY KEY, started_at REAL NOT NULL, ended_at REAL, agent TEXT NOT NULL,
    deployment TEXT NOT NULL);
CREATE TABLE run (
    id TEXT PRIMARY KEY, session INTEGER NOT NULL REFERENCES session, started_at REAL NOT NULL,
    report BLOB NOT NULL);
CREATE TABLE request (
    run TEXT NOT NULL, node TEXT NOT NULL, item INTEGER NOT NULL, started_at REAL NOT NULL,
    record BLOB NOT NULL);
CREATE INDEX request_by_run ON request (run);
CREATE TABLE revision (
    deployment TEXT NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL, revision BLOB NOT NULL,
    PRIMARY KEY (deployment, number));
""",
    """
CREATE TABLE traffic (
    deployment TEXT NOT NULL, at REAL NOT NULL, sequence INTEGER NOT NULL, source TEXT NOT NULL,
    record BLOB NOT NULL, PRIMARY KEY (deployment, at, sequence)) WITHOUT ROWID;
""",
)
"""What brings a database from each schema to the next, from an empty one on."""
SCHEMA_VERSION = len(MIGRATIONS)


class KeptRun(NamedTuple):
    """A run as it is kept, without its requests: its number, where it ran, and what it gave."""

    number: int
    deployment: str
    report: RunReport


class StoreError(Exception):
    """Something could not be kept or read back; the message says what and why."""


class Store:
    """One engine's hold on the database. An async context manager; `notice` says what was found
    wrong at opening."""

    def __init__(self, path: Path, most_traffic: int = MOST_TRAFFIC) -> None:
        self.path = path
        self.most_traffic = most_traffic
        self.notice = ""
        self._connection: aiosqlite.Connection | None = None
        self._writing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        try:
            self._connection = await connect(self.path)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not is_damage(error):
                raise StoreError(f"cannot open {self.path}: {error}") from error
            await self._begin_anew(error)
        return self

    async def _begin_anew(self, damage: Exception) -> None:
        aside = await asyncio.to_thread(move_aside, self.path)
        try:
            self._connection = await connect(self.path)
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path} was damaged, and a new one can't be begun: {error}"
            ) from error
        self.notice = (
            f"{self.path} was damaged ({damage}); it was moved to {aside.name} and a new one begun"
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def begin_session(self, agent: str, deployment: str) -> int:
        """A new session's number."""
        return await self._write(
            "INSERT INTO session (started_at, agent, deployment) VALUES (?, ?, ?)",
            (time.time(), agent, deployment),
        )

    async def end_session(self, session: int) -> None:
        await self._write("UPDATE session SET ended_at = ? WHERE id = ?", (time.time(), session))

    async def save_run(self, session: int, report: RunReport) -> int:
        """Keep a finished run and its requests, all or nothing; the run's number among all that are
        kept."""
        requests = [
            (
                request.run,
                request.node,
                request.item,
                request.started_at,
                msgspec.msgpack.encode(request),
            )
            for request in report.requests
        ]
        summary = msgspec.structs.replace(report, requests=())
        async with self._writing:
            try:
                kept = await self._open.execute(
                    "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)",
                    (report.run, session, time.time(), msgspec.msgpack.encode(summary)),
                )
                await self._open.executemany("INSERT INTO request VALUES (?, ?, ?, ?, ?)", requests)
                await self._open.commit()
            except sqlite3.Error as error:
                await self._open.rollback()
                raise _failure(self.path, error) from error
        return kept.lastrowid or 0

    async def kept_runs(self, limit: int = RECENT_RUNS) -> tuple[KeptRun, ...]:
        """The last runs without their requests, the latest first."""
        return await self._kept("ORDER BY run.rowid DESC LIMIT ?", (limit,))

    async def kept_run(self, number: int) -> KeptRun | None:
        """The run of that number, without its requests; None where there is none."""
        found = await self._kept("WHERE run.rowid = ?", (number,))
        return found[0] if found else None

    async def _kept(self, which: str, values: Iterable[object]) -> tuple[KeptRun, ...]:
        rows = await self._rows(
            "SELECT run.rowid, session.deployment, run.report FROM run "
            f"JOIN session ON session.id = run.session {which}",
            values,
        )
        return tuple(KeptRun(row[0], row[1], _decoded(row[2], RunReport)) for row in rows)

    async def runs(self, session: int | None = None) -> tuple[RunReport, ...]:
        """Runs without their requests, oldest first."""
        query = "SELECT report FROM run WHERE ? IS NULL OR session = ? ORDER BY started_at"
        return tuple(
            [_decoded(row[0], RunReport) for row in await self._rows(query, (session, session))]
        )

    async def requests(self, run: str) -> tuple[RequestRecord, ...]:
        """A run's requests in the order they were sent."""
        query = "SELECT record FROM request WHERE run = ? ORDER BY started_at"
        return tuple([_decoded(row[0], RequestRecord) for row in await self._rows(query, (run,))])

    async def save_revision(self, revision: Revision) -> None:
        """Keep a revision, or its new state."""
        await self._write(
            "INSERT OR REPLACE INTO revision VALUES (?, ?, ?, ?)",
            (
                revision.deployment,
                revision.number,
                revision.state,
                msgspec.msgpack.encode(revision),
            ),
        )

    async def revisions(self, deployment: str) -> tuple[Revision, ...]:
        """A deployment's revisions, oldest first."""
        query = "SELECT revision FROM revision WHERE deployment = ? ORDER BY number"
        return tuple([_decoded(row[0], Revision) for row in await self._rows(query, (deployment,))])

    async def save_traffic(
        self, deployment: str, source: str, records: Iterable[TrafficRecord]
    ) -> None:
        """Keep requests that passed, each once however often it is told of, and forget the oldest
        that there is no room for."""
        rows = [
            (deployment, record.at, record.sequence, source, msgspec.msgpack.encode(record))
            for record in records
        ]
        async with self._writing:
            try:
                await self._open.executemany(
                    "INSERT OR IGNORE INTO traffic VALUES (?, ?, ?, ?, ?)", rows
                )
                await self._open.execute(
                    "DELETE FROM traffic WHERE deployment = ?1 AND at < (SELECT at FROM traffic "
                    "WHERE deployment = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)",
                    (deployment, self.most_traffic - 1),
                )
                await self._open.commit()
            except sqlite3.Error as error:
                await self._open.rollback()
                raise _failure(self.path, error) from error

    async def traffic(
        self, deployment: str, since: float = 0.0, most: int = MOST_TRAFFIC
    ) -> tuple[TrafficRecord, ...]:
        """The last requests that passed from that epoch second on, oldest first."""
        query = (
            "SELECT record FROM traffic WHERE deployment = ? AND at >= ? ORDER BY at DESC LIMIT ?"
        )
        rows = await self._rows(query, (deployment, since, most))
        return tuple([_decoded(row[0], TrafficRecord) for row in reversed(rows)])

    @property
    def _open(self) -> aiosqlite.Connection:
        if self._connection is None:
            raise StoreError(f"{self.path} is not open")
        return self._connection

    async def _write(self, statement: str, values: Iterable[object]) -> int:
        async with self._writing:
            try:
                cursor = await self._open.execute(statement, tuple(values))
                await self._open.commit()
            except sqlite3.Error as error:
                await self._open.rollback()
                raise _failure(self.path, error) from error
            return cursor.lastrowid or 0

    async def _rows(self, query: str, values: Iterable[object]) -> list[tuple[Any, ...]]:
        try:
            return [tuple(row) async for row in await self._open.execute(query, tuple(values))]
        except sqlite3.Error as error:
            raise _failure(self.path, error) from error


async def connect(path: Path) -> aiosqlite.Connection:
    """The database, opened and brought to the present schema. Raises `StoreError`,
    `sqlite3.Error`."""
    await asyncio.to_thread(make_private, path)
    connection = await aiosqlite.connect(path, timeout=BUSY_MILLISECONDS / 1000)
    try:
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = NORMAL")
        await connection.execute("PRAGMA foreign_keys = ON")
        await _migrate(connection, path)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _migrate(connection: aiosqlite.Connection, path: Path) -> None:
    """Bring an empty or older file to this schema. Two engines starting at once take turns."""
    await connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = await (await connection.execute("PRAGMA user_version")).fetchone() or (0,)
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{path} was written by a newer Charter "
                f"(schema {version}, this one knows {SCHEMA_VERSION}); "
                "use that release, or set CHARTER_STATE to another directory"
            )
        for migration in MIGRATIONS[version:]:
            for statement in migration.split(";"):
                await connection.execute(statement)
        await connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        await connection.commit()
    except BaseException:
        await connection.rollback()
        raise


def is_damage(error: Exception) -> bool:
    """Whether the file itself is at fault: not a database, or a malformed one."""
    if isinstance(error, UnicodeDecodeError):
        return True
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def move_aside(path: Path) -> Path:
    """Rename a damaged database with its sidecar files; where it is now."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _failure(path: Path, error: sqlite3.Error) -> StoreError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        return StoreError(f"the disk is full: {path} keeps what it has, and this was not stored")
    return StoreError(f"{path}: {error}")


def _decoded(blob: Any, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(blob, type=kind)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"a stored {kind.__name__} can't be read: {error}") from error
