"""Compile only what changed: clusters of files that import each other, looked up before they are
compiled."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.analysis.clusters import Compiled, with_distinct_ids, with_names
from charter_engine.analysis.compile import CompileOptions, compile_contents
from charter_engine.contracts.graph import CompiledFile, CompileResult
from charter_engine.store.compile_cache import Cluster, CompileCache, read_back, written
from charter_engine.store.packages import Changes, SourceGroup, digest_of, look_at
from charter_engine.store.parsed import ParsedSources
from charter_engine.store.prompt_files import FolderFiles, are_unchanged
from charter_engine.store.source_files import groups_of, read_file, shown, unread
from charter_engine.store.workers import Workers, let_go, rarely_collecting

OnProgress = Callable[[int, int], None]
"""Told the files done and the files there are."""


class Incremental(Struct, frozen=True):
    """A compilation, how many files were compiled for it and how many taken from the cache, and
    what had changed."""

    result: CompileResult
    compiled: int
    cached: int
    changes: Changes


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
    parsed = ParsedSources()
    with rarely_collecting(), Workers(workers or os.cpu_count() or 1) as at_work:
        packages = [
            look_at(path, group, cache, options, parsed)
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
        gc.freeze()  # the trees are needed until they are compiled
        cached = done = sum(len(compiled) for compiled in results.values())
        total = sum(len(cluster.names) for cluster in wanted.values())
        work = partial(_compile, options=options, parsed=parsed)
        for cluster, outcome in at_work.each(work, missing, weight=lambda one: len(one.names)):
            compiled = read_back(outcome.compiled)
            if outcome.is_current:
                cache.keep_results({cluster.key: compiled})
                if outcome.beside or cache.beside(cluster.key):
                    cache.keep_beside(cluster.key, outcome.beside)
            results[cluster.key] = compiled
            done += len(compiled)
            let_go(len(cluster.names), total - done)
            if progress is not None:
                progress(done, total)
    files = {
        file.path: file for package in packages for file in with_names(_files(package, results))
    }
    return Incremental(
        CompileResult(tuple(files.values())),
        compiled=total - cached,
        cached=cached,
        changes=_together([package.changes for package in packages]),
    )


def _together(changes: Sequence[Changes]) -> Changes:
    return Changes(
        added=tuple(path for of_one in changes for path in of_one.added),
        changed=tuple(path for of_one in changes for path in of_one.changed),
        removed=tuple(path for of_one in changes for path in of_one.removed),
    )


def _files(package: SourceGroup, results: Mapping[str, Compiled]) -> Iterator[CompiledFile]:
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


class _Outcome(Struct, frozen=True):
    """A cluster's compilation, written as the cache keeps it: whichever process made it, it is read
    the same. `is_current` unless a file changed since it was looked at. `beside` are the digests of
    the files that prompts were looked for in."""

    compiled: bytes
    is_current: bool
    beside: dict[str, str]


def _compile(cluster: Cluster, options: CompileOptions, parsed: ParsedSources) -> _Outcome:
    failed: list[CompiledFile] = []
    changed: list[str] = []

    def contents() -> Iterator[tuple[str, bytes]]:
        for path, digest in cluster.digests.items():
            try:
                content = read_file(path)
            except OSError as error:
                failed.append(unread(path, error))
                continue
            if digest_of(content) != digest:
                changed.append(path)
            yield path, content

    beside = FolderFiles(Path(cluster.root))
    result = compile_contents(
        contents(), cluster.names, options=options, files=beside, read=parsed.take
    )
    is_current = not failed and not changed
    return _Outcome(written((*result.files, *failed)), is_current, beside.seen)
