"""Compilations kept between runs, so that unchanged files cost a stat and a look-up.

A file is compiled together with the files of its package that it imports or that import it; such a
cluster is the unit of the cache. Its key names the compiler, the recognisers, the tokenizer, and
the content of every file in it; the digests of the files that its prompts are kept in stand beside
it. SQLite in WAL mode lets many processes share the file. The cache is
never the reason for a failure: what can't be read is compiled again, what can't be written is left
out.
"""

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from charter_engine.analysis.clusters import Compiled
from charter_engine.contracts.compiling import CacheStatus
from charter_engine.parser.source.clusters import Import
from charter_engine.paths import make_private, private_directory

CACHE_VERSION = 5
MEMORY_ENTRIES = 100
"""Assumed: the versions of an agent that one sitting makes."""
MAX_AGE_SECONDS = 30 * 86_400
"""Assumed: an agent that was not compiled for a month is one that was put away."""
PRUNE_EVERY_SECONDS = 86_400
"""Often enough for what is kept a month."""
BUSY_SECONDS = 5.0
"""Another process writes for milliseconds; assumed: longer than that it hangs."""
IN_MEMORY = ":memory:"
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL,
    imports BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS result (
    key TEXT PRIMARY KEY, used_at REAL NOT NULL, compiled BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS beside (
    key TEXT PRIMARY KEY, digests BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS package (
    folder TEXT PRIMARY KEY, signature TEXT NOT NULL, clusters BLOB NOT NULL);
"""
FORGET = ("DELETE FROM file", "DELETE FROM result", "DELETE FROM beside", "DELETE FROM package")

_decoder = msgspec.msgpack.Decoder(Compiled)
_encoder = msgspec.msgpack.Encoder()


class FileEntry(Struct, frozen=True):
    """What is known of a file's content: valid while its time and size are the same."""

    mtime_ns: int
    size: int
    digest: str
    imports: tuple[Import, ...]


class Cluster(Struct, frozen=True):
    """Files to compile together, by absolute path: their dotted names and digests. `root` is the
    agent's folder."""

    key: str
    root: str
    names: dict[str, str]
    digests: dict[str, str]


class KeptPackage(Struct, frozen=True):
    """The clusters of a folder, and the signature of the files that they were found in."""

    signature: str
    clusters: tuple[Cluster, ...]

    @property
    def digests(self) -> dict[str, str]:
        """The digests of all files, by absolute path."""
        return {path: item for cluster in self.clusters for path, item in cluster.digests.items()}


_clusters_decoder = msgspec.msgpack.Decoder(tuple[Cluster, ...])


def written(compiled: Compiled) -> bytes:
    """A compilation as the cache keeps it."""
    return _encoder.encode(compiled)


def read_back(content: bytes) -> Compiled:
    """What was `written`."""
    return _decoder.decode(content)


class CompileCache:
    """The cache in one SQLite file; a context manager.

    Without a path it is in memory and ends with the context. So it does where the file can't be
    used; `notice` says why.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.notice = ""
        self._connection: sqlite3.Connection
        self._memory: OrderedDict[str, Compiled] = OrderedDict()
        self._hits = 0
        self._misses = 0
        self._used: set[str] = set()

    def __enter__(self) -> "CompileCache":
        kept = self._kept(self.path) if self.path is not None else None
        self._connection = kept or _opened(IN_MEMORY)
        return self

    def _kept(self, path: Path) -> sqlite3.Connection | None:
        """The database in a file; None, with a notice, where it can't be used."""
        try:
            private_directory(path.parent, "XDG_CACHE_HOME")
            make_private(path)
            return _opened(path)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if _is_busy(error):
                self.notice = f"working without the cache: {error}"
                return None
            _remove(path)
            self.notice = f"the cache was damaged ({error}) and is built anew"
            with suppress(sqlite3.Error, OSError):
                return _opened(path)
        except OSError as error:
            self.notice = f"working without the cache: {error.filename}: {error.strerror}"
        return None

    def __exit__(self, *_: object) -> None:
        self._write(self._count)
        self._write(_prune_now_and_then)
        self._connection.close()

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
        rows = [
            (path, entry.mtime_ns, entry.size, entry.digest, _encoder.encode(entry.imports))
            for path, entry in entries.items()
        ]
        self._write(
            lambda database: database.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)", rows
            )
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
        rows = [(key, now, _encoder.encode(compiled)) for key, compiled in results.items()]
        self._write(
            lambda database: database.executemany(
                "INSERT OR REPLACE INTO result VALUES (?, ?, ?)", rows
            )
        )

    def beside(self, key: str) -> dict[str, str]:
        """The files that a cluster's prompts were looked for in, with the digests of then."""
        row = self._row("SELECT digests FROM beside WHERE key = ?", key)
        try:
            return {} if row is None else msgspec.msgpack.decode(row[0], type=dict[str, str])
        except (msgspec.MsgspecError, TypeError):
            return {}

    def keep_beside(self, key: str, digests: dict[str, str]) -> None:
        row = (key, _encoder.encode(digests))
        self._write(
            lambda database: database.execute("INSERT OR REPLACE INTO beside VALUES (?, ?)", row)
        )

    def _remember(self, key: str, compiled: Compiled) -> None:
        self._memory[key] = compiled
        self._memory.move_to_end(key)
        while len(self._memory) > MEMORY_ENTRIES:
            self._memory.popitem(last=False)

    def package(self, folder: str) -> KeptPackage | None:
        """What a folder was when it was last compiled."""
        row = self._row("SELECT signature, clusters FROM package WHERE folder = ?", folder)
        try:
            return None if row is None else KeptPackage(row[0], _clusters_decoder.decode(row[1]))
        except (msgspec.MsgspecError, TypeError):
            return None

    def keep_package(self, folder: str, package: KeptPackage) -> None:
        row = (folder, package.signature, _encoder.encode(package.clusters))
        self._write(
            lambda database: database.execute(
                "INSERT OR REPLACE INTO package VALUES (?, ?, ?)", row
            )
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
            path=str(self.path or IN_MEMORY),
            files=files,
            results=results,
            bytes=self.path.stat().st_size if self.path is not None and self.path.exists() else 0,
            hits=hits,
            misses=misses,
            hit_rate=hits / (hits + misses) if hits + misses else None,
            oldest_age=None if oldest is None else now - oldest,
            newest_age=None if newest is None else now - newest,
        )

    def prune(self, max_age_seconds: float = MAX_AGE_SECONDS) -> int:
        """Forget results that were not used for that long, and files that are gone. Returns how
        many entries went."""
        removed: list[int] = []

        def forget(database: sqlite3.Connection) -> None:
            unused = database.execute(
                "DELETE FROM result WHERE used_at < ?", (time.time() - max_age_seconds,)
            )
            gone = [
                (path,)
                for (path,) in database.execute("SELECT path FROM file")
                if not Path(path).exists()
            ]
            database.executemany("DELETE FROM file WHERE path = ?", gone)
            removed.extend((unused.rowcount, len(gone)))

        self._write(forget)
        return sum(removed)

    def clear(self) -> None:
        """Forget everything."""
        self._write(_forget_everything)
        self._memory.clear()
        with suppress(sqlite3.Error):
            self._connection.execute("VACUUM")

    def _count(self, connection: sqlite3.Connection) -> None:
        now = time.time()
        connection.executemany(
            "UPDATE result SET used_at = ? WHERE key = ?", [(now, key) for key in self._used]
        )
        for name, value in (("hits", self._hits), ("misses", self._misses)):
            connection.execute(
                "INSERT INTO meta VALUES (?, ?) "
                "ON CONFLICT(name) DO UPDATE SET value = value + excluded.value",
                (name, value),
            )

    def _counted(self, name: str) -> int:
        row = self._row("SELECT value FROM meta WHERE name = ?", name)
        return int(row[0]) if row else 0

    def _row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        except (sqlite3.Error, UnicodeDecodeError):
            return None
        return row

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Change the database in one transaction, dropped with a notice where it can't be."""
        try:
            with _transaction(self._connection):
                work(self._connection)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.notice = f"the cache could not be written: {error}"


def _opened(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(SCHEMA)
        _discard_other_versions(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _discard_other_versions(connection: sqlite3.Connection) -> None:
    row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    if row is not None and row[0] == CACHE_VERSION:
        return
    with _transaction(connection):
        _forget_everything(connection)
        connection.execute("DELETE FROM meta")
        connection.execute("INSERT INTO meta VALUES ('version', ?)", (CACHE_VERSION,))


def _forget_everything(connection: sqlite3.Connection) -> None:
    for statement in FORGET:
        connection.execute(statement)
    connection.execute("DELETE FROM meta WHERE name IN ('hits', 'misses')")


def _prune_now_and_then(connection: sqlite3.Connection) -> None:
    now = time.time()
    row = connection.execute("SELECT value FROM meta WHERE name = 'pruned_at'").fetchone()
    if row is None or now - row[0] > PRUNE_EVERY_SECONDS:
        connection.execute("DELETE FROM result WHERE used_at < ?", (now - MAX_AGE_SECONDS,))
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('pruned_at', ?)", (now,))


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


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


def _is_busy(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and any(
        word in str(error) for word in ("locked", "busy", "unable to open", "readonly", "disk")
    )
