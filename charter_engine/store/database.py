"""Sessions, runs, requests, revisions, traffic, ticks and marks in SQLite.

Several engines may share the file; damage loses nothing.

A damaged file is moved aside and a new one started. A full disk fails the write with `StoreError`;
what was stored before stays readable.
"""

import asyncio
import fcntl
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TextIO, TypeVar

import aiosqlite
import msgspec

from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.gauges import Marker
from charter_engine.contracts.keeping import StoreLimits
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.series import Tick
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.paths import make_private
from charter_engine.store import mark_table, tick_table

T = TypeVar("T")
Values = Sequence[object] | Mapping[str, object]
"""What stands in the places of a statement, in their order or by name."""
BUSY_MILLISECONDS = 5_000
"""Another engine writes for milliseconds; assumed: longer than that it hangs."""
RECENT_RUNS = 200
"""Assumed: as many as somebody compares."""
BEGUN = "begun"
"""The state of a run that has a number and was not saved yet."""
FORGOTTEN_AT_ONCE = 1_000
"""Rows deleted before it is looked again whether that was enough."""
HEADER_BYTES = 100
"""Of SQLite's file format (sqlite.org/fileformat.html, 1.3)."""
USUAL_LIMITS = StoreLimits()
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
    f"CREATE INDEX request_by_time ON request (started_at);{tick_table.CREATE}",
    mark_table.CREATE,
    tick_table.ADD_GPU_MEMORY,
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

    def __init__(self, path: Path, limits: StoreLimits = USUAL_LIMITS) -> None:
        self.path = path
        self.limits = limits
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
        with await asyncio.to_thread(_right_to_mend, self.path):
            try:
                # Another engine may have begun a new one meanwhile.
                self._connection = await connect(self.path)
                return
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if not is_damage(error):
                    raise StoreError(f"cannot open {self.path}: {error}") from error
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

    async def begin_run(self, session: int, run: str) -> int:
        """The number of a run that begins, among all that are kept. It is listed once it is
        saved."""
        begun = RunReport(
            run=run, agent="", variant="", state=BEGUN, items=0, elapsed_ms=0.0, nodes=()
        )
        async with self._transaction() as connection:
            return await _put_run(connection, session, begun)

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
        async with self._transaction() as connection:
            number = await _put_run(connection, session, summary)
            await connection.executemany("INSERT INTO request VALUES (?, ?, ?, ?, ?)", requests)
        return number

    async def kept_runs(self, limit: int = RECENT_RUNS) -> tuple[KeptRun, ...]:
        """The last runs without their requests, the latest first."""
        return await self._kept("ORDER BY run.rowid DESC LIMIT ?", (limit,))

    async def kept_run(self, number: int) -> KeptRun | None:
        """The run of that number, without its requests; None where there is none."""
        found = await self._kept("WHERE run.rowid = ?", (number,))
        return found[0] if found else None

    async def _kept(self, which: str, values: Values) -> tuple[KeptRun, ...]:
        query = (
            "SELECT run.rowid, session.deployment, run.report FROM run",
            "JOIN session ON session.id = run.session",
            which,
        )
        rows = await self._rows(" ".join(query), values)
        kept = (KeptRun(row[0], row[1], _decoded(row[2], RunReport)) for row in rows)
        return tuple(run for run in kept if run.report.state != BEGUN)

    async def runs(self, session: int | None = None) -> tuple[RunReport, ...]:
        """Runs without their requests, oldest first."""
        query = "SELECT report FROM run WHERE ? IS NULL OR session = ? ORDER BY started_at"
        rows = await self._rows(query, (session, session))
        kept = [_decoded(row[0], RunReport) for row in rows]
        return tuple(report for report in kept if report.state != BEGUN)

    async def requests(self, run: str) -> tuple[RequestRecord, ...]:
        """A run's requests in the order they were sent."""
        query = "SELECT record FROM request WHERE run = ? ORDER BY started_at"
        return tuple([_decoded(row[0], RequestRecord) for row in await self._rows(query, (run,))])

    async def latest_requests(
        self, run: str | None = None, since: float | None = None
    ) -> AsyncGenerator[RequestRecord]:
        """Requests of runs (None: of all) from an epoch second on, the latest first."""
        query = (
            "SELECT record FROM request WHERE (:run IS NULL OR run = :run) "
            "AND started_at >= :since ORDER BY started_at DESC"
        )
        async with aclosing(self._streamed(query, {"run": run, "since": since or 0.0})) as rows:
            async for row in rows:
                yield _decoded(row[0], RequestRecord)

    async def latest_traffic(
        self, deployment: str, since: float | None = None
    ) -> AsyncGenerator[TrafficRecord]:
        """Requests that passed through a deployment from an epoch second on, the latest first."""
        query = "SELECT record FROM traffic WHERE deployment = ? AND at >= ? ORDER BY at DESC"
        async with aclosing(self._streamed(query, (deployment, since or 0.0))) as rows:
            async for row in rows:
                yield _decoded(row[0], TrafficRecord)

    async def deployments(self) -> tuple[str, ...]:
        """The deployments of which traffic is kept."""
        rows = await self._rows("SELECT DISTINCT deployment FROM traffic ORDER BY 1", ())
        return tuple(row[0] for row in rows)

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
        async with self._transaction() as connection:
            await connection.executemany(
                "INSERT OR IGNORE INTO traffic VALUES (?, ?, ?, ?, ?)", rows
            )
            await connection.execute(
                "DELETE FROM traffic WHERE deployment = :deployment AND at < ("
                "SELECT at FROM traffic WHERE deployment = :deployment "
                "ORDER BY at DESC LIMIT 1 OFFSET :before)",
                {"deployment": deployment, "before": self.limits.traffic - 1},
            )

    async def traffic(
        self, deployment: str, since: float = 0.0, most: int = USUAL_LIMITS.traffic
    ) -> tuple[TrafficRecord, ...]:
        """The last requests that passed from that epoch second on, oldest first."""
        query = (
            "SELECT record FROM traffic WHERE deployment = ? AND at >= ? ORDER BY at DESC LIMIT ?"
        )
        rows = await self._rows(query, (deployment, since, most))
        return tuple([_decoded(row[0], TrafficRecord) for row in reversed(rows)])

    async def save_ticks(self, deployment: str, ticks: Sequence[Tick]) -> None:
        """Keep seconds of a deployment, each once however many engines tell of it."""
        async with self._transaction() as connection:
            await tick_table.keep(connection, deployment, ticks)

    async def ticks(self, deployment: str, begin: float, end: float, most: int) -> tuple[Tick, ...]:
        """What was measured between two epoch seconds, at most so many ticks, oldest first.

        Those of one column of the time axis are put together; where nobody measured, there is none.
        """
        asked = tick_table.question(deployment, begin, end, most, time.time())
        return tick_table.ticks_of(await self._rows(*asked))

    async def save_marks(self, deployment: str, marks: Sequence[Marker]) -> None:
        """Keep marks of a deployment, each once."""
        async with self._transaction() as connection:
            await mark_table.keep(connection, deployment, marks)

    async def marks(
        self, deployment: str, begin: float, end: float, most: int
    ) -> tuple[Marker, ...]:
        """The last `most` marks between two epoch seconds, oldest first."""
        rows = await self._rows(mark_table.READ, (deployment, begin, end, most))
        return mark_table.marks_of(rows)

    async def prune(self) -> int:
        """Forget what is older than is kept, and the oldest of what there is no room for: traffic
        first, then requests of runs. How many rows that were. Runs and revisions stay."""
        now = time.time()
        oldest = now - self.limits.days * tick_table.DAY
        forgotten = await self._forget("DELETE FROM traffic WHERE at < ?", (oldest,))
        for level in tick_table.LEVELS:
            forgotten += await self._forget(
                "DELETE FROM tick WHERE step = ? AND until <= ?", (level.step, now - level.kept)
            )
        forgotten += await self._forget(mark_table.FORGET, (now - mark_table.KEPT_SECONDS,))
        for oldest_rows in (
            "DELETE FROM traffic WHERE (deployment, at, sequence) IN "
            "(SELECT deployment, at, sequence FROM traffic ORDER BY at LIMIT ?)",
            "DELETE FROM request WHERE rowid IN "
            "(SELECT rowid FROM request ORDER BY started_at LIMIT ?)",
        ):
            while await self.used_bytes() > self.limits.bytes:
                found = await self._forget(oldest_rows, (FORGOTTEN_AT_ONCE,))
                if not found:
                    break
                forgotten += found
        return forgotten

    async def used_bytes(self) -> int:
        """What the database holds, without the room that it has to spare."""
        pages, free, size = [
            (await self._rows(f"PRAGMA {name}", ()))[0][0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
        return int((pages - free) * size)

    async def vacuum(self) -> None:
        """Give the room to spare back to the disk. It takes as much again meanwhile."""
        async with self._writing:
            try:
                await self._open.execute("VACUUM")
                await self._open.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise _failure(self.path, error) from error

    async def _forget(self, statement: str, values: Values) -> int:
        async with self._transaction() as connection:
            return (await connection.execute(statement, values)).rowcount

    @property
    def _open(self) -> aiosqlite.Connection:
        if self._connection is None:
            raise StoreError(f"{self.path} is not open")
        return self._connection

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """All of it, or nothing. Raises `StoreError`."""
        async with self._writing:
            try:
                yield self._open
                await self._open.commit()
            except sqlite3.Error as error:
                await self._open.rollback()
                raise _failure(self.path, error) from error
            except BaseException:
                await self._open.rollback()
                raise

    async def _write(self, statement: str, values: Values) -> int:
        async with self._transaction() as connection:
            return (await connection.execute(statement, values)).lastrowid or 0

    async def _streamed(self, query: str, values: Values) -> AsyncGenerator[tuple[Any, ...]]:
        """Rows as they are asked for: whoever has enough leaves the rest unread."""
        try:
            async with self._open.execute(query, values) as cursor:
                async for row in cursor:
                    yield tuple(row)
        except sqlite3.Error as error:
            raise _failure(self.path, error) from error

    async def _rows(self, query: str, values: Values) -> list[tuple[Any, ...]]:
        try:
            return [tuple(row) async for row in await self._open.execute(query, values)]
        except sqlite3.Error as error:
            raise _failure(self.path, error) from error


async def connect(path: Path) -> aiosqlite.Connection:
    """The database, opened and brought to the present schema. Raises `StoreError`,
    `sqlite3.Error`."""
    await asyncio.to_thread(make_private, path)
    await asyncio.to_thread(require_whole, path)
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


class CutOff(sqlite3.DatabaseError):
    """The file is shorter than it says."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


async def _put_run(connection: aiosqlite.Connection, session: int, report: RunReport) -> int:
    """Keep a run in place of what was kept of it; its number."""
    rows = await connection.execute_fetchall(
        "INSERT INTO run VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "session = excluded.session, started_at = excluded.started_at, report = excluded.report "
        "RETURNING rowid",
        (report.run, session, time.time(), msgspec.msgpack.encode(report)),
    )
    return int(next(iter(rows))[0])


def require_whole(path: Path) -> None:
    """Raises `CutOff` where the end of the file is missing: SQLite itself would find that out only
    on reading what was there (its file format, section 1.3.8)."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return  # what is missing may be there
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return
    page = int.from_bytes(header[16:18]) or 1
    size = int.from_bytes(header[28:32]) * (65_536 if page == 1 else page)
    written_by_same = header[24:28] == header[92:96]
    if written_by_same and path.stat().st_size < size:
        raise CutOff(f"{size - path.stat().st_size:,} bytes of its end are missing")


def _right_to_mend(path: Path) -> TextIO:
    """Held by the one who moves a damaged file aside, so that no other takes the new one for it.
    Waits for it; closing the file gives it back."""
    lock = path.with_name(f".{path.name}.mending").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


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
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StoreError(f"the disk is full: {path} keeps what it has, and this was not stored")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(
            f"{path} is locked: another program has held it for {BUSY_MILLISECONDS // 1000} s"
        )
    return StoreError(f"{path}: {error}")


def _decoded(blob: Any, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(blob, type=kind)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"a stored {kind.__name__} can't be read: {error}") from error
