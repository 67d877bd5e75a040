"""A package in clusters: files that import each other, and are therefore compiled together."""

import ast
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.analysis.opportunities import find_opportunities
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.parser.places import paths_by_place

Compiled = tuple[CompiledFile, ...]
"""The files of one cluster."""


class Import(Struct, frozen=True, array_like=True):
    """One import statement: leading dots, the module named, and the names taken from it."""

    level: int
    module: str
    names: tuple[str, ...] = ()


def imports_of(content: bytes) -> tuple[Import, ...]:
    """The import statements of a file; none where it can't be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(
        Import(node.level, node.module or "", tuple(alias.name for alias in node.names))
        if isinstance(node, ast.ImportFrom)
        else Import(0, "", tuple(alias.name for alias in node.names))
        for node in _statements(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )


def _statements(tree: ast.Module) -> list[ast.AST]:
    """All statements of a file, with the clauses of `try` and `match` that hold some; expressions
    are not entered."""
    found: list[ast.AST] = [tree]
    for node in found:
        for block in ("body", "orelse", "handlers", "finalbody", "cases"):
            found += getattr(node, block, ())
    return found


def clusters_of(
    imports: Mapping[str, Sequence[Import]], names: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """The paths of `imports` in groups that imports connect, in either direction.

    `names` gives each path's dotted name.
    """
    owner = paths_by_place(imports) | {names[path]: path for path in imports}
    leader = {path: path for path in imports}

    def leader_of(path: str) -> str:
        while leader[path] != path:
            leader[path] = leader[leader[path]]
            path = leader[path]
        return path

    for path, statements in imports.items():
        for target in _imported(statements, names[path], path.endswith("__init__.py")):
            if target in owner:
                leader[leader_of(owner[target])] = leader_of(path)
    members: dict[str, list[str]] = {}
    for path in imports:
        members.setdefault(leader_of(path), []).append(path)
    return [tuple(paths) for paths in members.values()]


def _imported(imports: Sequence[Import], name: str, is_package: bool) -> Iterator[str]:
    """Dotted names of the modules that a file's imports may mean."""
    parts = name.split(".")
    for item in imports:
        base = item.module
        if item.level:
            kept = parts[: len(parts) - item.level + is_package]
            base = ".".join([*kept, *([item.module] if item.module else [])])
        for taken in item.names:
            yield f"{base}.{taken}" if base else taken
        if base:
            yield base


def with_distinct_ids(clusters: Sequence[Compiled], names: Mapping[str, str]) -> list[Compiled]:
    """The clusters of one package with ids that are unique in it: the dotted name goes before
    those that several clusters have."""
    count = Counter(call.id for cluster in clusters for file in cluster for call in file.calls)
    if all(times == 1 for times in count.values()):
        return list(clusters)
    return [
        _renamed(
            cluster,
            {
                call.id: f"{names[file.path]}.{call.id}"
                for file in cluster
                for call in file.calls
                if count[call.id] > 1
            },
        )
        for cluster in clusters
    ]


def _renamed(cluster: Compiled, new: Mapping[str, str]) -> Compiled:
    if not new:
        return cluster
    files = []
    for file in cluster:
        calls = tuple(_with_ids(call, new) for call in file.calls)
        files.append(replace(file, calls=calls, opportunities=find_opportunities(calls)))
    return tuple(files)


def _with_ids(call: Call, new: Mapping[str, str]) -> Call:
    return replace(
        call,
        id=new.get(call.id, call.id),
        via=tuple(new.get(item, item) for item in call.via),
        segments=tuple(
            segment
            if segment.call is None
            else replace(segment, call=new.get(segment.call, segment.call))
            for segment in call.segments
        ),
        depends_on=tuple(
            replace(edge, call=new.get(edge.call, edge.call)) for edge in call.depends_on
        ),
    )
