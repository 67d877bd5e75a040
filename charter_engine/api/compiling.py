"""An agent's LLM calls: found, explained, and kept between runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charter_engine.analysis.compile import CompileOptions
from charter_engine.api.compile_options import compile_options
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.contracts.compiling import (
    Compilation,
    CompileRequest,
    ExplainRequest,
    Explanation,
    PoolReport,
)
from charter_engine.contracts.graph import CompiledFile, CompileResult, Diagnostic
from charter_engine.contracts.notes import Note
from charter_engine.errors import CharterError, UsageError
from charter_engine.executor.inputs import InputError, default_inputs_path, read_inputs
from charter_engine.parser.source.reading import Unreadable, source_text
from charter_engine.paths import compile_cache_path
from charter_engine.prompts.tokens import Encode
from charter_engine.store.compile_cache import CompileCache
from charter_engine.store.incremental import compile_incrementally
from charter_engine.store.packages import folder_of, imports_at
from charter_engine.store.programs import Programs, told_apart
from charter_engine.store.prompt_files import FolderFiles
from charter_engine.store.source_files import groups_of, read_file, unread

SECONDS_PER_DAY = 86_400
MOST_SEARCHED_BYTES = 2_000_000
"""Of sources in which what is nearest to a call is looked for."""


def compile_paths(request: CompileRequest, report: Report = silent) -> Compilation:
    """The calls of files and folders, with the hit rate to expect of each opportunity.

    A file that can't be compiled has its errors in the result. Raises `UsageError` where there is
    none, and for what was given with it.
    """
    options = compile_options(request.config, request.tokenizer)
    require_sources(request.paths)
    given = _inputs(Path(request.inputs)) if request.inputs else ()
    found = compiled(request.paths, options, use_cache=request.use_cache, report=report)
    if not any(file.opportunities for file in found.result.files):
        return found
    from charter_engine.api.tokenizers import open_tokenizer

    encode = open_tokenizer(request.tokenizer).encode
    files = tuple(
        _with_expected_reuse(file, given, encode, request.tokens_per_block)
        for file in found.result.files
    )
    return Compilation(
        result=CompileResult(files),
        compiled=found.compiled,
        cached=found.cached,
        notes=found.notes,
    )


def compiled(
    paths: Sequence[str],
    options: CompileOptions | None = None,
    *,
    use_cache: bool = True,
    report: Report = silent,
) -> Compilation:
    """The calls of files and folders, each folder as one package; what is unchanged comes from the
    cache."""

    def progress(done: int, total: int) -> None:
        report(Progress("compiling", done, total))

    with _opened_cache(use_cache=use_cache) as cache:
        found = compile_incrementally(paths, cache, options=options, progress=progress)
    notes = [Note(cache.notice)] if cache.notice else []
    notes += [
        Note(f"{path}: there are no Python files or notebooks in it", "check the path")
        for path, group in zip(paths, groups_of(paths), strict=True)
        if not group
    ]
    return Compilation(
        result=found.result, compiled=found.compiled, cached=found.cached, notes=tuple(notes)
    )


def require_sources(paths: Sequence[str]) -> None:
    """Raises `UsageError` where none of the paths has Python files or notebooks."""
    require_paths(paths)
    if not any(groups_of(paths)):
        raise UsageError(
            f"{', '.join(paths)}: there are no Python files or notebooks in it",
            remedy="name an agent's source, or the folder that holds it",
        )


def compiled_program(
    path: str, options: CompileOptions | None = None, *, use_cache: bool = True
) -> Compilation:
    """The calls of a program: its entry point and what that imports out of its own tree."""
    with _opened_cache(use_cache=use_cache) as cache:
        files = [
            path if Path(file) == Path(path).absolute() else file
            for file in _programs(cache).files_of(path)
        ]
        found = compile_incrementally([path], cache, options=options, groups=[files])
    notes = (Note(cache.notice),) if cache.notice else ()
    return Compilation(
        result=found.result, compiled=found.compiled, cached=found.cached, notes=notes
    )


def entry_points(
    folder: str, files: Sequence[CompiledFile], *, use_cache: bool = True
) -> list[str]:
    """The entry points of a folder that lead to different calls, as paths from the folder on; its
    compiled `files` tell which make some."""
    whole = Path(folder).absolute()
    calling = {str(Path(file.path).absolute()) for file in files if file.calls}
    paths = [str(Path(file.path).absolute()) for file in files] if calling else []
    with _opened_cache(use_cache=use_cache) as cache:
        found = told_apart(paths, calling, _programs(cache))
    return [str(Path(path).relative_to(whole)) for path in found]


def _programs(cache: CompileCache) -> Programs:
    return Programs(lambda path: imports_at(path, cache))


def _opened_cache(*, use_cache: bool) -> CompileCache:
    return CompileCache(compile_cache_path() if use_cache else None)


def require_paths(paths: Sequence[str]) -> None:
    """Raises `UsageError` naming the first path at which there is nothing."""
    for path in paths:
        if not path:
            raise UsageError("a path is empty", remedy="name a file or folder, '.' for this one")
        if not Path(path).exists():
            raise UsageError(f"{path}: no such file or folder", remedy="check the path")


def _inputs(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        return read_inputs(path)
    except InputError as error:
        raise UsageError(f"{error.place}: {error.message}", remedy=error.remedy) from None


def _with_expected_reuse(
    file: CompiledFile, given: Sequence[Mapping[str, Any]], encode: Encode, tokens_per_block: int
) -> CompiledFile:
    """Every opportunity with its predicted hit rate, or with the reason why there is none."""
    from charter_engine.analysis.expected_reuse import with_expected_reuse, without_expected_reuse

    if not file.opportunities:
        return file
    beside = None if given else default_inputs_path(Path(file.path))
    try:
        inputs = read_inputs(beside) if beside else given
    except InputError as error:
        return without_expected_reuse(file, str(error))
    return with_expected_reuse(file, inputs, encode, tokens_per_block=tokens_per_block)


def explain(request: ExplainRequest) -> Explanation:
    """Why a line is or isn't a call, and where its segments and edges come from.

    Raises `UsageError` for a line that the file does not have, `CharterError` for a file that
    can't be compiled.
    """
    from charter_engine.analysis.explain import explain as explained

    path, line = request.path, request.line
    if request.package and not Path(path).exists():
        path = str(Path(request.package) / path)
    options = compile_options(request.config, request.tokenizer)
    require_paths((path, *filter(None, (request.package,))))
    if not Path(path).is_file():
        raise UsageError(
            f"{path}: not a file", remedy="name the file that has the line: --explain FILE:LINE"
        )
    if line < 1:
        raise UsageError(f"line {line}: lines count from 1")
    sources, errors = sources_of((request.package or path,))
    path = next((known for known in sources if Path(known).samefile(path)), path)
    if path not in sources:
        told = errors[0].message if errors else f"it is not part of {request.package}"
        raise CharterError(f"{path}: {told}", remedy="check the path and its permissions")
    try:
        last = len(source_text(path, sources[path]).splitlines())
        if line > last:
            raise UsageError(f"line {line}: {path} ends at line {last}")
        files = FolderFiles(Path(folder_of(request.package or path)))
        # As they are compiled: a path that the source puts together begins with its file's own.
        whole = {str(Path(known).absolute()): source for known, source in sources.items()}
        place = str(Path(path).absolute())
        reasons = explained(place, whole, line, options=options, files=files)
    except Unreadable as refusal:
        found = refusal.diagnostic
        place = f"{path}:{found.line}:{found.column}"
        raise CharterError(f"{place}: {found.message}", remedy=found.remedy) from None
    return Explanation(path=path, line=line, reasons=reasons)


def nearest_calls(request: CompileRequest) -> tuple[str, ...]:
    """Of files without LLM calls: what came nearest to one, and what would make it one."""
    from charter_engine.analysis.explain import nearest

    options = compile_options(request.config, request.tokenizer)
    sources, _ = sources_of(request.paths)
    size = sum(map(len, sources.values()))
    return nearest(sources, options=options) if size <= MOST_SEARCHED_BYTES else ()


def sources_of(paths: Sequence[str]) -> tuple[dict[str, str | bytes], tuple[Diagnostic, ...]]:
    """The sources of files and folders, and what was wrong with those that can't be read."""
    sources: dict[str, str | bytes] = {}
    errors: list[Diagnostic] = []
    for path in (path for group in groups_of(paths) for path in group):
        try:
            sources[path] = read_file(path)
        except OSError as error:
            errors += unread(path, error).errors
    return sources, tuple(errors)


def cache_status() -> PoolReport:
    """How much is kept, how often it was of use, and how old it is."""
    with CompileCache(compile_cache_path()) as cache:
        return _report(cache)


def prune_cache(days: float) -> PoolReport:
    """Forget what was not used for that many days, and files that are gone.

    Raises `UsageError` for a negative number of days.
    """
    if days < 0:
        raise UsageError(f"{days:g} days is negative", remedy="give a number of days from 0")
    with CompileCache(compile_cache_path()) as cache:
        removed = cache.prune(days * SECONDS_PER_DAY)
        return _report(cache, removed)


def clear_cache() -> PoolReport:
    """Forget everything."""
    with CompileCache(compile_cache_path()) as cache:
        before = cache.status()
        cache.clear()
        return _report(cache, before.files + before.results)


def _report(cache: CompileCache, removed: int = 0) -> PoolReport:
    return PoolReport(
        status=cache.status(),
        removed=removed,
        notes=(Note(cache.notice),) if cache.notice else (),
    )
