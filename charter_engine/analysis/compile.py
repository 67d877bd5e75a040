"""Source → `CompileResult`: the pure pipeline behind `charter-engine compile`.

Files that import each other are analysed together, so that what they import is followed.
Nothing is executed or imported, and a file that can't be read leaves the others as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from charter_engine.analysis.clusters import Compiled, with_distinct_ids, with_names
from charter_engine.analysis.opportunities import opportunities_by_file
from charter_engine.contracts.graph import (
    Call,
    CompiledFile,
    CompileResult,
    Diagnostic,
    Opportunity,
)
from charter_engine.parser.interpreter import interpret
from charter_engine.parser.model_calls.catalogue import Catalogue, default_catalogue
from charter_engine.parser.prompts.prompt_files import TextFiles
from charter_engine.parser.prompts.tokens import TokenCounter
from charter_engine.parser.report import calls_of, diagnostics_of, unseen_members
from charter_engine.parser.source.clusters import Importing, clusters, imports_of
from charter_engine.parser.source.reading import ReadSource, Unreadable, read_source
from charter_engine.parser.source.symbols import Module, index_module
from charter_engine.prompts.graph import settled

COMPILER_VERSION = 68
"""Part of every cache key: raised whenever the same source may compile to something else."""


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """What besides the source decides the result."""

    catalogue: Catalogue = field(default_factory=default_catalogue)
    tokens: TokenCounter = field(default_factory=TokenCounter)

    @property
    def digest(self) -> str:
        """Names compiler, recogniser set and tokenizer, for caches."""
        return hashlib.sha256(
            f"{COMPILER_VERSION}|{self.catalogue.digest}|{self.tokens.name}".encode()
        ).hexdigest()[:16]


def compile_source(
    path: str, source: str | bytes, *, options: CompileOptions | None = None
) -> CompiledFile:
    """Compile one file on its own."""
    return compile_sources({path: source}, options=options or CompileOptions()).files[0]


def compile_sources(
    sources: dict[str, str | bytes],
    *,
    options: CompileOptions,
    names: Mapping[str, str] | None = None,
    files: TextFiles | None = None,
) -> CompileResult:
    """Compile files that belong together, keyed by path; the result keeps their order.

    `names` gives the files' dotted names where they are part of a larger package, `files` what is
    beside them.
    """
    named = names or module_names(sources)
    return compile_contents(sources.items(), named, options=options, files=files)


def compile_contents(
    contents: Iterable[tuple[str, str | bytes]],
    names: Mapping[str, str],
    *,
    options: CompileOptions,
    files: TextFiles | None = None,
    read: Callable[[str, str | bytes], ReadSource] = read_source,
) -> CompileResult:
    """The same of files that come one by one with their paths, so that none has to be kept once
    `read` has parsed it."""
    paths: list[str] = []
    modules: dict[str, Module] = {}
    errors: dict[str, Diagnostic] = {}
    for path, content in contents:
        paths.append(path)
        try:
            modules[names[path]] = indexed(read(path, content), names[path])
        except Unreadable as refusal:
            errors[path] = refusal.diagnostic
    compiled = [compile_cluster(cluster, options, files) for cluster in together(modules)]
    by_path = {
        file.path: file for cluster in with_distinct_ids(compiled, names) for file in cluster
    }
    by_path |= {path: CompiledFile(path=path, errors=(error,)) for path, error in errors.items()}
    return CompileResult(with_names(by_path[path] for path in paths))


def compile_cluster(
    modules: dict[str, Module], options: CompileOptions, files: TextFiles | None = None
) -> Compiled:
    """The files that import each other, by their dotted names."""
    calls: dict[str, tuple[Call, ...]] = {}
    opportunities: dict[str, tuple[Opportunity, ...]] = {}
    unseen: dict[str, Diagnostic] = {}
    try:
        analysis = interpret(modules, options.catalogue, files=files)
        sites = analysis.findings.sites
        found = calls_of(sites, options.tokens)
        all_calls = settled([call for of_file in found.values() for call in of_file])
        calls, opportunities = by_file(all_calls), opportunities_by_file(all_calls)
        errors = diagnostics_of(analysis.progress.stops, sites.values())
        unseen = unseen_members(analysis.findings.unseen)
    except RecursionError:
        errors = {module.path: too_deep(module.path) for module in modules.values()}
    return tuple(
        CompiledFile(
            path=module.path,
            calls=calls.get(module.path, ()),
            opportunities=opportunities.get(module.path, ()),
            errors=tuple(told[module.path] for told in (errors, unseen) if module.path in told),
        )
        for module in modules.values()
    )


def together(modules: dict[str, Module]) -> Iterator[dict[str, Module]]:
    """The modules that belong together, by their dotted names."""
    by_path = {module.path: name for name, module in modules.items()}
    files = {
        module.path: Importing(name, imports_of(module.tree)) for name, module in modules.items()
    }
    for paths in clusters(files):
        yield {by_path[path]: modules[by_path[path]] for path in paths}


def by_file(calls: Iterable[Call]) -> dict[str, tuple[Call, ...]]:
    found: dict[str, tuple[Call, ...]] = {}
    for call in calls:
        found[call.path] = (*found.get(call.path, ()), call)
    return found


def indexed(source: ReadSource, name: str) -> Module:
    return index_module(source.path, name, source.tree)


def too_deep(path: str) -> Diagnostic:
    return Diagnostic(
        path=path,
        message="Code is nested too deeply to be analysed.",
        remedy="Split the expression or function.",
    )


def module_names(paths: Iterable[str]) -> dict[str, str]:
    """A dotted name for every file, counted from the folder that all of them share; of several that
    would have the same, as a module and a notebook, the later ones keep their endings."""
    listed = [PurePath(path) for path in paths]
    parents = [path.parent.parts for path in listed]
    shared = 0
    if parents:
        shortest = min(len(parts) for parts in parents)
        while shared < shortest and len({parts[shared] for parts in parents}) == 1:
            shared += 1
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path in listed:
        parts = [*path.parts[shared:-1], path.stem]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        names[str(path)] = f"{name}{path.suffix}" if name in taken else name
        taken.add(name)
    return {original: names[str(PurePath(original))] for original in paths}
