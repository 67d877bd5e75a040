"""Folders of sources as they are looked at before anything is compiled: their files, and which of
these belong together.

What was found is kept with a signature of all files' times and sizes. While that is the same, one
look-up tells everything, and no file is opened.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.analysis.compile import CompileOptions, module_names
from charter_engine.contracts.graph import CompiledFile
from charter_engine.parser.source.clusters import Import, Importing, clusters, imports_of
from charter_engine.parser.source.reading import Unreadable
from charter_engine.store.compile_cache import Cluster, CompileCache, FileEntry, KeptPackage
from charter_engine.store.parsed import ParsedSources
from charter_engine.store.source_files import read_file, require_text, unread

UNSETTLED = ""
"""The signature of files that can't all be told by their times and sizes."""


class Changes(Struct, frozen=True):
    """What changed in a tree since it was last compiled."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class SourceGroup(Struct, frozen=True):
    """A folder, or a file on its own. `asked` has the paths as asked for by the absolute ones."""

    asked: dict[str, str]
    clusters: tuple[Cluster, ...]
    unreadable: dict[str, CompiledFile] = {}
    changes: Changes = Changes()

    @property
    def names(self) -> dict[str, str]:
        """The dotted names of the files, by absolute path."""
        return {path: name for cluster in self.clusters for path, name in cluster.names.items()}


def look_at(
    path: str,
    group: Sequence[str],
    cache: CompileCache,
    options: CompileOptions,
    parsed: ParsedSources,
) -> SourceGroup:
    """The package that the files in `group` are, which are compiled together for a path. What has
    to be parsed for it is kept in `parsed`."""
    asked = {str(Path(file).absolute()): file for file in group}
    folder = str(Path(path).absolute()) if Path(path).is_dir() else None
    kept = cache.package(folder) if folder is not None else None
    if kept is not None and kept.signature == _signature_now(asked, options) != UNSETTLED:
        return SourceGroup(asked, kept.clusters)
    entries, unreadable = _entries(asked, cache, parsed)
    root = os.path.commonpath((folder_of(path), *(str(Path(file).parent) for file in asked)))
    found = SourceGroup(asked, _clusters(root, entries, options), unreadable)
    if folder is None:
        return found
    signature = UNSETTLED if unreadable else _signature(entries, options)
    fresh = KeptPackage(signature, found.clusters)
    if fresh != kept:
        cache.keep_package(folder, fresh)
    inside = folder.rstrip(os.sep) + os.sep
    now = {path: entry.digest for path, entry in entries.items() if path.startswith(inside)}
    before = kept.digests if kept is not None else {}
    return replace(found, changes=_changes(before, now))


def folder_of(path: str) -> str:
    """The folder of an agent: itself, or the one that its only file is in."""
    whole = Path(path).absolute()
    return str(whole if whole.is_dir() else whole.parent)


def imports_at(path: str, cache: CompileCache) -> tuple[Import, ...]:
    """The import statements of the file at a path; none where it can't be read."""
    try:
        known = _kept(path, cache)
    except OSError:
        return ()
    read = known or _read(path, ParsedSources())
    return read.imports if isinstance(read, FileEntry) else ()


def imports_in(path: str, content: bytes, parsed: ParsedSources) -> tuple[Import, ...]:
    """The import statements of a file; none where it can't be parsed."""
    try:
        return imports_of(parsed.read(path, content).tree)
    except Unreadable:
        return ()


def digest_of(content: bytes) -> str:
    """What tells a file's content from any other."""
    return hashlib.sha256(content).hexdigest()


def _signature_now(paths: Iterable[str], options: CompileOptions) -> str:
    """The signature of files as they are at this moment."""
    try:
        found = [(path, os.stat(path)) for path in paths]  # noqa: PTH116 - a Path costs more
        return _signed(((path, stat.st_mtime_ns, stat.st_size) for path, stat in found), options)
    except (OSError, UnicodeEncodeError):
        return UNSETTLED


def _signature(entries: Mapping[str, FileEntry], options: CompileOptions) -> str:
    """The signature of files as they were read."""
    if any(_too_young(entry.mtime_ns) for entry in entries.values()):
        return UNSETTLED
    return _signed(((path, entry.mtime_ns, entry.size) for path, entry in entries.items()), options)


def _signed(files: Iterable[tuple[str, int, int]], options: CompileOptions) -> str:
    """One text for the paths, times and sizes of files, and the options they are compiled with."""
    lines = "\n".join(f"{path}\0{mtime_ns}\0{size}" for path, mtime_ns, size in files)
    return digest_of(f"{options.digest}\n{lines}".encode())


def _clusters(
    root: str, entries: Mapping[str, FileEntry], options: CompileOptions
) -> tuple[Cluster, ...]:
    """The files that belong together."""
    names = module_names(entries)
    files = {path: Importing(names[path], entry.imports) for path, entry in entries.items()}
    return tuple(_cluster(paths, root, names, entries, options) for paths in clusters(files))


def _cluster(
    paths: Sequence[str],
    root: str,
    names: Mapping[str, str],
    entries: Mapping[str, FileEntry],
    options: CompileOptions,
) -> Cluster:
    content = "\n".join(f"{path}\0{names[path]}\0{entries[path].digest}" for path in paths)
    return Cluster(
        digest_of(f"{options.digest}\n{root}\n{content}".encode()),
        root,
        {path: names[path] for path in paths},
        {path: entries[path].digest for path in paths},
    )


def _entries(
    paths: Iterable[str], cache: CompileCache, parsed: ParsedSources
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
    for path in stale:
        entry = _read(path, parsed)
        if isinstance(entry, CompiledFile):
            unreadable[path] = entry
            continue
        known[path] = entry
        if not _too_young(entry.mtime_ns):
            fresh[path] = entry
    if fresh:
        cache.keep_files(fresh)
    return {path: entry for path, entry in known.items() if entry is not None}, unreadable


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


def _read(path: str, parsed: ParsedSources) -> FileEntry | CompiledFile:
    """What a file says now; as a result with its error where it can't be read."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - as above
        content = read_file(path)
    except OSError as error:
        return unread(path, error)
    imports = imports_in(path, content, parsed)
    return FileEntry(stat.st_mtime_ns, stat.st_size, digest_of(content), imports)


def _too_young(mtime_ns: int) -> bool:
    """Whether the file may still change within the resolution of its time stamp, unseen by a
    stat."""
    return time.time_ns() - mtime_ns < 50_000_000


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Changes:
    """What became of the files of a folder, by their digests."""
    return Changes(
        added=tuple(path for path in now if path not in before),
        changed=tuple(path for path, digest in now.items() if before.get(path, digest) != digest),
        removed=tuple(path for path in before if path not in now),
    )
