"""Compile only what changed: clusters of files that import each other, looked up before they are
compiled."""

import gc
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from charter_engine.analysis.compile import (
    CompileOptions,
    compile_sources,
    groups_of,
    module_names,
    read_file,
    require_text,
    unread,
)
from charter_engine.contracts.graph import CompiledFile, CompileResult
from charter_engine.parser.clusters import Import, Importing, clusters, imports_of
from charter_engine.parser.reading import Unreadable, read_source
from charter_engine.store.compile_cache import CompileCache, Compiled, FileEntry

WORTH_A_POOL = 12
"""Files to read, or clusters to compile, from which on starting worker processes pays."""

LARGEST_BATCH = 4
"""Items handed to a worker at once: each batch carries the catalogue, while what is done is kept
batch by batch."""

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
OnProgress = Callable[[int, int], None]
"""Told the files done and the files there are."""


class Changes(Struct, frozen=True):
    """What changed in a tree since it was last compiled."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Incremental(Struct, frozen=True):
    """A compilation, how many files were compiled for it and how many taken from the cache, and
    what had changed."""

    result: CompileResult
    compiled: int
    cached: int
    changes: Changes


class _Cluster(Struct, frozen=True):
    key: str
    paths: tuple[str, ...]
    names: dict[str, str]


def compile_incrementally(
    paths: Sequence[str],
    cache: CompileCache,
    *,
    options: CompileOptions | None = None,
    workers: int | None = None,
    progress: OnProgress | None = None,
) -> Incremental:
    """Compile files and folders, taking unchanged clusters from the cache.

    `workers` is how many processes may compile (None: one a core). Unreadable files are reported,
    not raised.
    """
    options = options or CompileOptions()
    found: dict[str, CompiledFile] = {}
    entries: dict[str, FileEntry] = {}
    missing: list[_Cluster] = []
    order: list[str] = []
    with _Workers(workers or os.cpu_count() or 1) as at_work:
        for group in groups_of(paths):
            order += group
            known = _entries(group, cache, found, at_work)
            entries |= known
            for cluster in _clusters(known, options):
                compiled = cache.result(cluster.key)
                if compiled is None:
                    missing.append(cluster)
                else:
                    found |= {file.path: file for file in compiled}
        cached = len(found)
        results = at_work.each(partial(_compile, options=options), missing)
        for number, (cluster, compiled) in enumerate(results, start=1):
            cache.keep_results({cluster.key: compiled})
            found |= {file.path: file for file in compiled}
            if progress is not None:
                progress(cached + number, cached + len(missing))
    changes = _changes(paths, entries, cache)
    files = tuple(found[path] for path in dict.fromkeys(order) if path in found)
    return Incremental(CompileResult(files), len(files) - cached, cached, changes)


class _Workers:
    """Processes to work in, started when there is enough to do; what is little is done in this
    one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "_Workers":
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=failure is None, cancel_futures=True)

    def each(
        self, work: Callable[[Item], Outcome], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Outcome]]:
        """Each item with its outcome, in the order in which they are done."""
        if self._count < 2 or len(items) < WORTH_A_POOL:
            for item in items:
                yield item, work(item)
            return
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._count, initializer=_collect_less)
        size = max(1, min(LARGEST_BATCH, len(items) // (4 * self._count)))
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        futures = {self._pool.submit(_each, work, batch): batch for batch in batches}
        for future in as_completed(futures):
            yield from zip(futures[future], future.result(), strict=True)


def _collect_less() -> None:
    """Look for garbage less often: what was loaded before the fork stays, and a file's tree lives
    until it is done."""
    gc.freeze()
    gc.set_threshold(10_000)


def _each(work: Callable[[Item], Outcome], items: Sequence[Item]) -> list[Outcome]:
    return [work(item) for item in items]


def _entries(
    group: Sequence[str], cache: CompileCache, found: dict[str, CompiledFile], workers: _Workers
) -> dict[str, FileEntry]:
    """The digest and imports of each file; unreadable ones go to `found` with their error."""
    known: dict[str, FileEntry | None] = {}
    for path in group:
        try:
            known[path] = _kept(path, cache)
        except OSError as error:
            found[path] = unread(path, error)
    stale = [path for path, entry in known.items() if entry is None]
    fresh: dict[str, FileEntry] = {}
    for path, entry in workers.each(_read, stale):
        if isinstance(entry, CompiledFile):
            found[path] = entry
            continue
        known[path] = entry
        if not _too_young(entry.mtime_ns):
            fresh[os.path.abspath(path)] = entry  # noqa: PTH100 - as in _kept
    if fresh:
        cache.keep_files(fresh)
    return {path: entry for path, entry in known.items() if entry is not None}


def _kept(path: str, cache: CompileCache) -> FileEntry | None:
    """What the cache knows of a file, if that is still so. Raises OSError."""
    stat = os.stat(path)  # noqa: PTH116 - a Path per file costs more than the look-up it saves
    require_text(path)
    entry = cache.file(os.path.abspath(path))  # noqa: PTH100 - as above
    return (
        entry
        if entry is not None and (entry.mtime_ns, entry.size) == (stat.st_mtime_ns, stat.st_size)
        else None
    )


def _read(path: str) -> FileEntry | CompiledFile:
    """What a file says now; as a result with its error where it can't be read."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - as above
        content = read_file(path)
    except OSError as error:
        return unread(path, error)
    return FileEntry(stat.st_mtime_ns, stat.st_size, _digest(content), _imports(path, content))


def _too_young(mtime_ns: int) -> bool:
    """Whether the file may still change within the resolution of its time stamp, unseen by a
    stat."""
    return time.time_ns() - mtime_ns < 50_000_000


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _imports(path: str, content: bytes) -> tuple[Import, ...]:
    try:
        return imports_of(read_source(path, content).tree)
    except Unreadable:
        return ()


def _clusters(entries: dict[str, FileEntry], options: CompileOptions) -> Iterator[_Cluster]:
    """Files that must be compiled together: connected by imports, in either direction."""
    names = module_names(entries)
    files = {path: Importing(names[path], entry.imports) for path, entry in entries.items()}
    for paths in clusters(files):
        content = "\n".join(f"{path}\0{names[path]}\0{entries[path].digest}" for path in paths)
        key = hashlib.sha256(f"{options.digest}\n{content}".encode()).hexdigest()
        yield _Cluster(key, tuple(paths), {path: names[path] for path in paths})


def _compile(cluster: _Cluster, options: CompileOptions) -> Compiled:
    sources: dict[str, str | bytes] = {}
    failed: dict[str, CompiledFile] = {}
    for path in cluster.paths:
        try:
            sources[path] = read_file(path)
        except OSError as error:
            failed[path] = unread(path, error)
    return (*compile_sources(sources, options=options, names=cluster.names).files, *failed.values())


def _changes(paths: Sequence[str], entries: dict[str, FileEntry], cache: CompileCache) -> Changes:
    """Compare each compiled folder with its manifest, and keep the new one."""
    added: list[str] = []
    changed: list[str] = []
    removed: list[str] = []
    for folder in (path for path in paths if Path(path).is_dir()):
        root = str(Path(folder).resolve())
        now = {
            path: entry.digest
            for path, entry in entries.items()
            if Path(path).is_relative_to(folder)
        }
        before = cache.manifest(root)
        if now == before:
            continue
        added += [path for path in now if path not in before]
        changed += [path for path, digest in now.items() if before.get(path, digest) != digest]
        removed += [path for path in before if path not in now]
        cache.keep_manifest(root, now)
    return Changes(tuple(added), tuple(changed), tuple(removed))
