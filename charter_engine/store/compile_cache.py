"""Compilations kept between runs, so that unchanged files cost a stat and a look-up.

A file is compiled together with the files of its package that it imports or that import it; such a
cluster is the unit of the cache. Its key names the compiler, the recognisers, the tokenizer, and
the content of every file in it. SQLite in WAL mode lets many processes share the file. The cache is
never the reason for a failure: what can't be read is compiled again, what can't be written is left
out.
"""

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from charter_engine.contracts.graph import CompiledFile
from charter_engine.parser.clusters import Import

CACHE_VERSION = 1
MEMORY_ENTRIES = 100
MAX_AGE_SECONDS = 30 * 86_400
PRUNE_EVERY_SECONDS = 86_400
BUSY_SECONDS = 5.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL,
    imports BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS result (
    key TEXT PRIMARY KEY, used_at REAL NOT NULL, compiled BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tree (
    root TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (root, path)) WITHOUT ROWID;
"""

Compiled = tuple[CompiledFile, ...]
_decoder = msgspec.msgpack.Decoder(Compiled)
_encoder = msgspec.msgpack.Encoder()


class FileEntry(Struct, frozen=True):
    """What is known of a file's content: valid while its time and size are the same."""

    mtime_ns: int
    size: int
    digest: str
    imports: tuple[Import, ...]


class CacheStatus(Struct, frozen=True):
    """What `charter-engine cache status --json` prints. Ages in seconds, sizes in bytes; None: no
    entries."""

    path: str
    files: int
    results: int
    bytes: int
    hits: int
    misses: int
    hit_rate: float | None
    oldest_age: float | None
    newest_age: float | None


class CompileCache:
    """The cache in one SQLite file; a context manager. `notice` says why it works without one, if
    it does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notice = ""
        self._connection: sqlite3.Connection | None = None
        self._memory: OrderedDict[str, Compiled] = OrderedDict()
        self._hits = 0
        self._misses = 0
        self._used: set[str] = set()

    def __enter__(self) -> "CompileCache":
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            if _is_busy(error):
                self.notice = f"working without the cache: {error}"
                return self
            self._remove()
            self.notice = f"the cache was damaged ({error}) and is built anew"
            with suppress(sqlite3.Error, OSError):
                self._connection = self._open()
        except OSError as error:
            self.notice = f"working without the cache: {error.filename}: {error.strerror}"
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is None:
            return
        with self._writing() as connection:
            self._count(connection)
            self._prune_now_and_then(connection)
        self._connection.close()
        self._connection = None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(SCHEMA)
            self._discard_other_versions(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _discard_other_versions(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        if row is not None and row[0] == CACHE_VERSION:
            return
        with _transaction(connection):
            for table in ("file", "result", "tree", "meta"):
                connection.execute(f"DELETE FROM {table}")
            connection.execute("INSERT INTO meta VALUES ('version', ?)", (CACHE_VERSION,))

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def file(self, path: str) -> FileEntry | None:
        """What was known of a file when it was last looked at."""
        row = self._row("SELECT mtime_ns, size, digest, imports FROM file WHERE path = ?", path)
        if row is None:
            return None
        try:
            return FileEntry(
                row[0], row[1], row[2], msgspec.msgpack.decode(row[3], type=tuple[Import, ...])
            )
        except (msgspec.MsgspecError, TypeError):
            return None

    def keep_files(self, entries: dict[str, FileEntry]) -> None:
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)",
                [
                    (path, entry.mtime_ns, entry.size, entry.digest, _encoder.encode(entry.imports))
                    for path, entry in entries.items()
                ],
            )

    def result(self, key: str) -> Compiled | None:
        """A cluster's compilation, from memory or from the file."""
        if key in self._memory:
            self._memory.move_to_end(key)
            self._hits += 1
            return self._memory[key]
        row = self._row("SELECT compiled FROM result WHERE key = ?", key)
        try:
            compiled = None if row is None else _decoder.decode(row[0])
        except (msgspec.MsgspecError, TypeError):
            compiled = None
        if compiled is None:
            self._misses += 1
            return None
        self._hits += 1
        self._used.add(key)
        self._remember(key, compiled)
        return compiled

    def keep_results(self, results: dict[str, Compiled]) -> None:
        now = time.time()
        for key, compiled in results.items():
            self._remember(key, compiled)
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO result VALUES (?, ?, ?)",
                [(key, now, _encoder.encode(compiled)) for key, compiled in results.items()],
            )

    def _remember(self, key: str, compiled: Compiled) -> None:
        self._memory[key] = compiled
        self._memory.move_to_end(key)
        while len(self._memory) > MEMORY_ENTRIES:
            self._memory.popitem(last=False)

    def manifest(self, root: str) -> dict[str, str]:
        """The files of a tree and their digests, when it was last compiled."""
        if self._connection is None:
            return {}
        try:
            return dict(
                self._connection.execute("SELECT path, digest FROM tree WHERE root = ?", (root,))
            )
        except sqlite3.Error:
            return {}

    def keep_manifest(self, root: str, digests: dict[str, str]) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM tree WHERE root = ?", (root,))
            connection.executemany(
                "INSERT INTO tree VALUES (?, ?, ?)", [(root, *item) for item in digests.items()]
            )

    def status(self) -> CacheStatus:
        """Entries, size, hit rate since the cache was made, and ages."""
        now = time.time()
        hits, misses = self._counted("hits") + self._hits, self._counted("misses") + self._misses
        files = (self._row("SELECT COUNT(*) FROM file") or (0,))[0]
        results, oldest, newest = self._row(
            "SELECT COUNT(*), MIN(used_at), MAX(used_at) FROM result"
        ) or (
            0,
            None,
            None,
        )
        return CacheStatus(
            path=str(self.path),
            files=files,
            results=results,
            bytes=self.path.stat().st_size if self.path.exists() else 0,
            hits=hits,
            misses=misses,
            hit_rate=hits / (hits + misses) if hits + misses else None,
            oldest_age=None if oldest is None else now - oldest,
            newest_age=None if newest is None else now - newest,
        )

    def prune(self, max_age_seconds: float = MAX_AGE_SECONDS) -> int:
        """Forget results that were not used for that long, and files that are gone. Returns how
        many entries went."""
        removed = 0
        with self._writing() as connection:
            removed += connection.execute(
                "DELETE FROM result WHERE used_at < ?", (time.time() - max_age_seconds,)
            ).rowcount
            gone = [
                (path,)
                for (path,) in connection.execute("SELECT path FROM file")
                if not Path(path).exists()
            ]
            connection.executemany("DELETE FROM file WHERE path = ?", gone)
            removed += len(gone)
        return removed

    def clear(self) -> None:
        """Forget everything."""
        with self._writing() as connection:
            for table in ("file", "result", "tree"):
                connection.execute(f"DELETE FROM {table}")
            connection.execute("DELETE FROM meta WHERE name IN ('hits', 'misses')")
        self._memory.clear()
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("VACUUM")

    def _count(self, connection: sqlite3.Connection) -> None:
        now = time.time()
        connection.executemany(
            "UPDATE result SET used_at = ? WHERE key = ?", [(now, key) for key in self._used]
        )
        for name, value in (("hits", self._hits), ("misses", self._misses)):
            connection.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = value + excluded.value",
                (name, value),
            )

    def _prune_now_and_then(self, connection: sqlite3.Connection) -> None:
        now = time.time()
        row = connection.execute("SELECT value FROM meta WHERE name = 'pruned_at'").fetchone()
        if row is None or now - row[0] > PRUNE_EVERY_SECONDS:
            connection.execute("DELETE FROM result WHERE used_at < ?", (now - MAX_AGE_SECONDS,))
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('pruned_at', ?)", (now,))

    def _counted(self, name: str) -> int:
        row = self._row("SELECT value FROM meta WHERE name = ?", name)
        return int(row[0]) if row else 0

    def _row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        if self._connection is None:
            return None
        try:
            row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        except sqlite3.Error:
            return None
        return row

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is dropped, with a notice, where it can't be written."""
        if self._connection is None:
            yield _nowhere()
            return
        try:
            with _transaction(self._connection):
                yield self._connection
        except sqlite3.Error as error:
            self.notice = f"the cache could not be written: {error}"


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _nowhere() -> sqlite3.Connection:
    """A database nobody keeps, for writes that have no place to go."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA)
    return connection


def _is_busy(error: sqlite3.DatabaseError) -> bool:
    return isinstance(error, sqlite3.OperationalError) and any(
        word in str(error) for word in ("locked", "busy", "unable to open", "readonly", "disk")
    )
