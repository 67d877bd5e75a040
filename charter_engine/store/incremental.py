"""Compile only what changed: clusters of files that import each other, looked up before they are
compiled."""

import gc
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.analysis.clusters import Compiled, with_distinct_ids, with_names
from charter_engine.analysis.compile import CompileOptions, compile_sources, module_names
from charter_engine.children import safe_path
from charter_engine.contracts.graph import CompiledFile, CompileResult
from charter_engine.parser.clusters import Import, Importing, clusters, imports_of
from charter_engine.parser.reading import Unreadable, read_source
from charter_engine.store.compile_cache import CompileCache, FileEntry
from charter_engine.store.prompt_files import FolderFiles, are_unchanged
from charter_engine.store.source_files import groups_of, read_file, require_text, shown, unread

WORTH_A_POOL = 12
"""Files to read, or clusters to compile, from which on starting worker processes pays."""

RARELY = (50_000, 20, 50)
"""How many objects are made, and how many collections of the younger ones done, before garbage is
looked for."""

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
    """Files to compile together, by absolute path: their dotted names and digests. `root` is the
    agent's folder."""

    key: str
    root: str
    names: dict[str, str]
    digests: dict[str, str]


class _Package(Struct, frozen=True):
    """A folder, or a file on its own. `asked` has the paths as asked for by the absolute ones."""

    asked: dict[str, str]
    entries: dict[str, FileEntry]
    unreadable: dict[str, CompiledFile]
    names: dict[str, str]
    clusters: tuple[_Cluster, ...]


def compile_incrementally(
    paths: Sequence[str],
    cache: CompileCache,
    *,
    options: CompileOptions | None = None,
    workers: int | None = None,
    progress: OnProgress | None = None,
    groups: Sequence[Sequence[str]] | None = None,
) -> Incremental:
    """Compile files and folders, taking unchanged clusters from the cache; each folder is one
    package.

    `groups` are the files to compile together for each path (None: those of `groups_of`). `workers`
    is how many processes may compile (None: one a core). Unreadable files are reported, not raised.
    What `progress` raises ends the work.
    """
    options = options or CompileOptions()
    with rarely_collecting(), _Workers(workers or os.cpu_count() or 1) as at_work:
        packages = [
            _package(group, _root(path, group), cache, options, at_work)
            for path, group in zip(paths, groups or groups_of(paths), strict=True)
        ]
        wanted = {cluster.key: cluster for package in packages for cluster in package.clusters}
        results = {
            key: found
            for key, cluster in wanted.items()
            if are_unchanged(cache.beside(key), Path(cluster.root))
            and (found := cache.result(key)) is not None
        }
        missing = [cluster for key, cluster in wanted.items() if key not in results]
        cached = done = sum(len(compiled) for compiled in results.values())
        total = sum(len(cluster.names) for cluster in wanted.values())
        for cluster, outcome in at_work.each(partial(_compile, options=options), missing):
            if outcome.is_current:
                cache.keep_results({cluster.key: outcome.compiled})
                if outcome.beside or cache.beside(cluster.key):
                    cache.keep_beside(cluster.key, outcome.beside)
            results[cluster.key] = outcome.compiled
            done += len(outcome.compiled)
            if progress is not None:
                progress(done, total)
    files = {
        file.path: file for package in packages for file in with_names(_files(package, results))
    }
    entries = {path: entry for package in packages for path, entry in package.entries.items()}
    folders = [str(Path(path).absolute()) for path in paths if Path(path).is_dir()]
    return Incremental(
        CompileResult(tuple(files.values())),
        compiled=total - cached,
        cached=cached,
        changes=_changes(folders, entries, cache),
    )


def folder_of(path: str) -> str:
    """The folder of an agent: itself, or the one that its only file is in."""
    whole = Path(path).absolute()
    return str(whole if whole.is_dir() else whole.parent)


def _root(path: str, group: Sequence[str]) -> str:
    """The folder that holds an agent with all its files."""
    return os.path.commonpath((folder_of(path), *(Path(file).absolute().parent for file in group)))


def _package(
    group: Sequence[str],
    root: str,
    cache: CompileCache,
    options: CompileOptions,
    workers: "_Workers",
) -> _Package:
    asked = {str(Path(path).absolute()): path for path in group}
    entries, unreadable = _entries(asked, cache, workers)
    names = module_names(entries)
    files = {path: Importing(names[path], entry.imports) for path, entry in entries.items()}
    found = tuple(_cluster(paths, root, names, entries, options) for paths in clusters(files))
    return _Package(asked, entries, unreadable, names, found)


def _cluster(
    paths: Sequence[str],
    root: str,
    names: Mapping[str, str],
    entries: Mapping[str, FileEntry],
    options: CompileOptions,
) -> _Cluster:
    content = "\n".join(f"{path}\0{names[path]}\0{entries[path].digest}" for path in paths)
    return _Cluster(
        hashlib.sha256(f"{options.digest}\n{root}\n{content}".encode()).hexdigest(),
        root,
        {path: names[path] for path in paths},
        {path: entries[path].digest for path in paths},
    )


def _files(package: _Package, results: Mapping[str, Compiled]) -> Iterator[CompiledFile]:
    """A package's files in their order, with the paths as asked for."""
    compiled = with_distinct_ids(
        [results[cluster.key] for cluster in package.clusters], package.names
    )
    by_path = {file.path: file for cluster in compiled for file in cluster} | package.unreadable
    for path, asked in package.asked.items():
        yield by_path[path] if path == asked else _as_asked(by_path[path], shown(asked))


def _as_asked(file: CompiledFile, path: str) -> CompiledFile:
    return replace(
        file,
        path=path,
        calls=tuple(replace(call, path=path) for call in file.calls),
        errors=tuple(replace(error, path=path) for error in file.errors),
    )


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
            self._pool = ProcessPoolExecutor(
                self._count, mp_context=_context(), initializer=_collect_less
            )
        size = max(1, min(LARGEST_BATCH, len(items) // (4 * self._count)))
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        with safe_path():
            futures = {self._pool.submit(_each, work, batch): batch for batch in batches}
        for future in as_completed(futures):
            yield from zip(futures[future], future.result(), strict=True)


def _context() -> BaseContext:
    """How to start processes. Forking is faster, but a fork of a process with threads may inherit
    a lock that nobody releases."""
    return get_context("fork" if threading.active_count() == 1 else "spawn")


def _collect_less() -> None:
    """Look for garbage less often: what was loaded before the fork stays, and a file's tree lives
    until it is done."""
    gc.freeze()
    gc.set_threshold(*RARELY)


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """Look for garbage less often for a while: the trees of a package live until it is done, and
    going through them again and again finds none."""
    before = gc.get_threshold()
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _each(work: Callable[[Item], Outcome], items: Sequence[Item]) -> list[Outcome]:
    return [work(item) for item in items]


def _entries(
    paths: Iterable[str], cache: CompileCache, workers: _Workers
) -> tuple[dict[str, FileEntry], dict[str, CompiledFile]]:
    """The digest and imports of each file, and those that can't be read with their error."""
    known: dict[str, FileEntry | None] = {}
    unreadable: dict[str, CompiledFile] = {}
    for path in paths:
        try:
            known[path] = _kept(path, cache)
        except OSError as error:
            unreadable[path] = unread(path, error)
    stale = [path for path, entry in known.items() if entry is None]
    fresh: dict[str, FileEntry] = {}
    for path, entry in workers.each(_read, stale):
        if isinstance(entry, CompiledFile):
            unreadable[path] = entry
            continue
        known[path] = entry
        if not _too_young(entry.mtime_ns):
            fresh[path] = entry
    if fresh:
        cache.keep_files(fresh)
    return {path: entry for path, entry in known.items() if entry is not None}, unreadable


def imports_at(path: str, cache: CompileCache) -> tuple[Import, ...]:
    """The import statements of the file at a path; none where it can't be read."""
    try:
        known = _kept(path, cache)
    except OSError:
        return ()
    read = known or _read(path)
    return read.imports if isinstance(read, FileEntry) else ()


def _kept(path: str, cache: CompileCache) -> FileEntry | None:
    """What the cache knows of a file, if that is still so. Raises OSError."""
    stat = os.stat(path)  # noqa: PTH116 - a Path per file costs more than the look-up it saves
    require_text(path)
    entry = cache.file(path)
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
    return FileEntry(stat.st_mtime_ns, stat.st_size, _digest(content), imports_in(path, content))


def _too_young(mtime_ns: int) -> bool:
    """Whether the file may still change within the resolution of its time stamp, unseen by a
    stat."""
    return time.time_ns() - mtime_ns < 50_000_000


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Outcome(Struct, frozen=True):
    """A cluster's compilation; `is_current` unless a file changed since it was looked at. `beside`
    are the digests of the files that prompts were looked for in."""

    compiled: Compiled
    is_current: bool
    beside: dict[str, str]


def imports_in(path: str, content: bytes) -> tuple[Import, ...]:
    """The import statements of a file; none where it can't be parsed."""
    try:
        return imports_of(read_source(path, content).tree)
    except Unreadable:
        return ()


def _compile(cluster: _Cluster, options: CompileOptions) -> _Outcome:
    sources: dict[str, str | bytes] = {}
    failed: list[CompiledFile] = []
    is_current = True
    for path, digest in cluster.digests.items():
        try:
            content = read_file(path)
        except OSError as error:
            failed.append(unread(path, error))
            is_current = False
            continue
        sources[path] = content
        is_current = is_current and _digest(content) == digest
    beside = FolderFiles(Path(cluster.root))
    result = compile_sources(sources, options=options, names=cluster.names, files=beside)
    return _Outcome((*result.files, *failed), is_current, beside.seen)


def _changes(
    folders: Sequence[str], entries: Mapping[str, FileEntry], cache: CompileCache
) -> Changes:
    """Compare each compiled folder with its manifest, and keep the new one."""
    added: list[str] = []
    changed: list[str] = []
    removed: list[str] = []
    for folder in folders:
        inside = folder.rstrip(os.sep) + os.sep
        now = {path: entry.digest for path, entry in entries.items() if path.startswith(inside)}
        before = cache.manifest(folder)
        if now == before:
            continue
        added += [path for path in now if path not in before]
        changed += [path for path, digest in now.items() if before.get(path, digest) != digest]
        removed += [path for path in before if path not in now]
        cache.keep_manifest(folder, now)
    return Changes(tuple(added), tuple(changed), tuple(removed))
