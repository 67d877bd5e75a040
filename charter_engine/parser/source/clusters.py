"""Which files belong together: those that import each other, in either direction.

Only they are analysed together. The imports of a file can be kept, so that what belongs together is
known without parsing.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePath

from msgspec import Struct

from charter_engine.parser.source.symbols import parts_of, walk
from charter_engine.parser.source.syntax import statements


class Import(Struct, frozen=True, array_like=True):
    """One import statement: leading dots, the module named, and the names taken from it."""

    level: int
    module: str
    names: tuple[str, ...] = ()


class Importing(Struct, frozen=True):
    """A file as others may import it, and what it imports."""

    name: str
    imports: tuple[Import, ...]


def imports_of(tree: ast.Module) -> tuple[Import, ...]:
    found = [
        Import(node.level, node.module or "", tuple(alias.name for alias in node.names))
        if isinstance(node, ast.ImportFrom)
        else Import(0, "", tuple(alias.name for alias in node.names))
        for node in statements(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    is_by_name = any(IMPORTING in (one.module, *one.names) for one in found)
    written = sorted(set(written_in(tree))) if is_by_name else []
    return (*found, *([Import(0, "", tuple(written))] if written else ()))


IMPORTING = "importlib"
"""The module by which others are imported by names that are texts."""

DOTTED = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)+)(:\w+)?")


def written_in(tree: ast.Module) -> Iterator[str]:
    """The texts of a file that may be dotted names of modules, or of what is in one
    (`"agents.writer"`, `"agents.writer:Writer"`); of one that is put together, the package."""
    for node in walk(tree):
        if isinstance(node, ast.JoinedStr):
            first = node.values[0] if node.values else None
            beginning = str(first.value) if isinstance(first, ast.Constant) else ""
            if beginning.endswith(".") and DOTTED.fullmatch(f"{beginning}x"):
                yield f"{beginning}{ANY}"
        text = node.value if isinstance(node, ast.Constant) else None
        found = DOTTED.fullmatch(text) if isinstance(text, str) else None
        if found is not None:
            yield from (found["module"], found["module"].rpartition(".")[0])


ANY = "*"
"""Stands for any module of a package."""


def clusters(files: Mapping[str, Importing]) -> list[list[str]]:
    """The paths of files, by what belongs together; both in the order of `files`."""
    named = paths_by_name(files)
    packages = {file.name for path, file in files.items() if is_package(path)}
    cluster_of = {path: path for path in files}

    def root(path: str) -> str:
        while cluster_of[path] != path:
            cluster_of[path] = cluster_of[cluster_of[path]]
            path = cluster_of[path]
        return path

    for path, file in files.items():
        targets = [*imported(file, is_package=is_package(path)), *beside(file, packages, named)]
        for target in targets:
            for other in meant_by(target, named):
                cluster_of[root(other)] = root(path)
    members: dict[str, list[str]] = {}
    for path in files:
        members.setdefault(root(path), []).append(path)
    return list(members.values())


def meant_by(name: str, named: Mapping[str, Collection[str]]) -> Collection[str]:
    """The files that a dotted name may mean, or one for any module of a package."""
    package, _, last = name.rpartition(".")
    if last != ANY:
        return named.get(name, ())
    within = (paths for other, paths in named.items() if other.rpartition(".")[0] == package)
    return {path for paths in within for path in paths}


def paths_by_name(files: Mapping[str, Importing]) -> dict[str, set[str]]:
    """The files that a dotted name may mean: by their names, and by the ends of their paths, which
    is how a package names its own modules wherever it stands."""
    found: dict[str, set[str]] = {}
    for path, file in files.items():
        found.setdefault(file.name, set()).add(path)
        for name in names_by_place(path, files):
            found.setdefault(name, set()).add(path)
    return found


def names_by_place(path: str, paths: Collection[str]) -> list[str]:
    """The dotted names that the end of a path gives a module: from two parts on, and of a package
    among `paths` that stands in no other its own name."""
    parts = PurePath(path).with_suffix("").parts
    parts = parts[:-1] if parts[-1:] == ("__init__",) else parts
    shortest = 1 if is_outermost(path, paths) else 2
    return [".".join(parts[-length:]) for length in range(shortest, min(len(parts), 8) + 1)]


def is_outermost(path: str, paths: Collection[str]) -> bool:
    """Whether a file makes its folder a package that stands in no other, and has not the name of
    one of Python's own."""
    folder = PurePath(path).parent
    is_within = str(folder.parent / "__init__.py") in paths
    return is_package(path) and not is_within and folder.name not in sys.stdlib_module_names


def is_package(path: str) -> bool:
    return path.endswith("__init__.py")


def imported(file: Importing, *, is_package: bool) -> Iterator[str]:
    """Dotted names of the modules that a file's imports may mean."""
    parts = parts_of(file.name)
    for item in file.imports:
        base = item.module
        if item.level:
            kept = parts[: max(len(parts) - item.level + is_package, 0)]
            base = ".".join([*kept, *([item.module] if item.module else [])])
        for taken in item.names:
            yield f"{base}.{taken}" if base else taken
        if base:
            yield base


def beside(file: Importing, packages: Collection[str], named: Collection[str]) -> Iterator[str]:
    """Dotted names of the modules beside a script, or beside a folder that holds it, which it
    imports by their own names."""
    for item in file.imports:
        for base in (item.module,) if item.module else item.names:
            found = None if item.level else script_beside(file.name, base, packages, named)
            if found is None and not item.level:
                found = within_package(file.name, base, packages, named)
            if found is not None:
                yield found
                yield from (f"{found}.{taken}" for taken in item.names)


def script_beside(
    importer: str, imported: str, packages: Collection[str], named: Collection[str]
) -> str | None:
    """The dotted name of what a module imports from the folder of the script that is run, which
    Python looks through first: the nearest folder above that is no package. A file holds names, but
    no further modules."""
    first, _, rest = imported.partition(".")
    if first in sys.stdlib_module_names:
        return None
    folder = importer
    while "." in folder:
        folder = folder.rpartition(".")[0]
        found = f"{folder}.{first}"
        is_meant = found in named and found != importer and ("." not in rest or found in packages)
        if folder not in packages and is_meant:
            return f"{folder}.{imported}"
    return None


def within_package(
    importer: str, imported: str, packages: Collection[str], named: Collection[str]
) -> str | None:
    """The dotted name of what a module of a package may import from its own folder, where it is run
    as a script there, and nothing else at hand has that name."""
    folder = importer.rpartition(".")[0]
    first = imported.partition(".")[0]
    is_other = first in sys.stdlib_module_names or first in named
    found = f"{folder}.{first}"
    is_meant = folder in packages and found in named and found != importer
    return f"{folder}.{imported}" if is_meant and not is_other else None
