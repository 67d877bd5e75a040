"""Programs and the files they are made of: an entry point with the modules of its own tree that it
imports."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from charter_engine.parser.source.clusters import Import
from charter_engine.store.source_files import is_entry_point

ImportsOf = Callable[[str], Sequence[Import]]
"""The import statements of the file at a path."""

TEST_FOLDERS = frozenset(("test", "tests"))


class Programs:
    """What entry points import, looked up once however many of them there are."""

    def __init__(self, imports_of: ImportsOf) -> None:
        self._imports_of = imports_of
        self._imported: dict[tuple[Path, Path], tuple[Path, ...]] = {}

    def files_of(self, entry: str) -> list[str]:
        """An entry point, and the files that it imports, and these import, out of its own tree;
        sorted.

        An absolute import is looked for where Python does when the entry point is run: in its
        folder, and by the name of a package that it is in.
        """
        start = Path(entry).absolute()
        found, pending = {start}, [start]
        while pending:
            for file in self._imports(pending.pop(), start.parent):
                if file not in found:
                    found.add(file)
                    pending.append(file)
        return sorted(map(str, found))

    def _imports(self, importer: Path, run_in: Path) -> tuple[Path, ...]:
        key = importer, run_in
        if key not in self._imported:
            self._imported[key] = tuple(
                file
                for statement in self._imports_of(str(importer))
                for file in _imported(statement, importer, run_in)
            )
        return self._imported[key]


def told_apart(files: Sequence[str], calling: Collection[str], programs: Programs) -> list[str]:
    """The entry points among a folder's files that lead to different calls; `calling` are the files
    that make some. Tests are none, and neither is one all of whose calls another one makes too."""
    made = {
        path: frozenset(calling).intersection(programs.files_of(path))
        for path in files
        if is_entry_point(Path(path)) and not _is_test(Path(path))
    }
    return [path for path, calls in made.items() if calls and not _made_elsewhere(path, made)]


def _made_elsewhere(path: str, made: Mapping[str, frozenset[str]]) -> bool:
    """Whether another entry point makes these calls and more, or, named before, the same."""
    return any(
        made[path] < calls or (made[path] == calls and other < path)
        for other, calls in made.items()
        if other != path
    )


def _is_test(path: Path) -> bool:
    name = path.stem
    return (
        name.startswith("test_")
        or name.endswith("_test")
        or not TEST_FOLDERS.isdisjoint(path.parts[:-1])
    )


def _imported(statement: Import, importer: Path, run_in: Path) -> Iterator[Path]:
    if statement.level:
        package = importer.parents[statement.level - 1 : statement.level]
        yield from _files(package, statement.module, statement.names)
        return
    for name in (statement.module,) if statement.module else statement.names:
        first = name.partition(".")[0]
        if first not in sys.stdlib_module_names:
            holding = (above.parent for above in (run_in, *run_in.parents) if above.name == first)
            taken = statement.names if statement.module else ()
            yield from _files((run_in, *holding), name, taken)


def _files(folders: Iterable[Path], name: str, taken: Sequence[str]) -> list[Path]:
    """The files that a module's dotted name means from the first folder that has it, with the
    modules taken from it."""
    for folder in folders:
        place = folder.joinpath(*filter(None, name.split(".")))
        candidates = (place, *(place / one for one in taken if one.isidentifier()))
        found = [file for candidate in candidates if (file := _module_at(candidate)) is not None]
        if found:
            return found
    return []


def _module_at(place: Path) -> Path | None:
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None
