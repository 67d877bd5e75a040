"""The open agent: its compiled calls, its inputs, and what is wrong with either.

The compiler is imported where something is compiled: who only has an agent does without.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from charter_engine.contracts.compiling import Compilation
from charter_engine.contracts.graph import CompiledFile, Diagnostic
from charter_engine.contracts.notes import Note
from charter_engine.errors import UsageError
from charter_engine.executor.inputs import InputError, Inputs, default_inputs_path, read_inputs

if TYPE_CHECKING:
    from charter_engine.analysis.compile import CompileOptions

MOST_NAMED = 5
"""Entry points of a package that are told."""


@dataclass(frozen=True)
class OpenedAgent:
    """An agent as it was read. `compiled` is there even where `diagnostics` tell of errors."""

    path: Path
    compiled: CompiledFile
    diagnostics: tuple[Diagnostic, ...] = ()
    inputs: tuple[Inputs, ...] = ()
    inputs_path: Path | None = None
    notes: tuple[Note, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there is anything to run."""
        return bool(self.compiled.calls)


def open_agent(
    path: Path,
    inputs_path: Path | None = None,
    options: "CompileOptions | None" = None,
    *,
    use_cache: bool = True,
) -> OpenedAgent:
    """Compile an agent (a file or a folder) and read its inputs: those named, else those beside it.
    Blocks."""
    agent = read_agent(path, options, use_cache=use_cache)
    if not path.exists():
        return agent
    diagnostics = list(agent.diagnostics)
    if not agent.usable and not diagnostics:
        diagnostics.append(
            Diagnostic(
                path=str(path),
                message="no LLM calls were found in it",
                remedy="calls such as client.generate(prompt, max_tokens=…) are recognised; "
                f"charter-engine compile {path} tells what came nearest to one",
            )
        )
    inputs: tuple[Inputs, ...] = ()
    source = inputs_path or default_inputs_path(path)
    if source is not None:
        try:
            inputs = read_inputs(source)
        except InputError as error:
            diagnostics.append(
                Diagnostic(path=error.place, message=error.message, remedy=error.remedy)
            )
    return replace(agent, diagnostics=tuple(diagnostics), inputs=inputs, inputs_path=source)


def unread_agent(path: Path, error: Exception) -> OpenedAgent:
    """An agent on which the compiler failed: that is its diagnostic."""
    broken = Diagnostic(
        path=str(path),
        message=f"the compiler failed on it: {type(error).__name__}: {error}",
        remedy="please report this with the file; the engine's log has the details",
    )
    return OpenedAgent(path, CompiledFile(path=str(path), errors=(broken,)), (broken,))


def read_agent(
    path: Path, options: "CompileOptions | None" = None, *, use_cache: bool = True
) -> OpenedAgent:
    """Compile an agent without inputs. Blocks.

    A folder is taken whole, unless its entry points lead to different calls: then it is an error
    not to name one of them. An entry point, or a file that makes no calls itself, is taken with
    what it imports out of its own tree. Files that can't be read are left out, which is told.
    """
    from charter_engine.api.compiling import compiled, entry_points

    if path.name in ("", ".."):
        path = path.resolve()  # an agent is known by its name, and these paths tell none
    if not path.exists():
        missing = Diagnostic(
            path=str(path), message="there is no such file", remedy="check the path"
        )
        return OpenedAgent(path, CompiledFile(path=str(path), errors=(missing,)), (missing,))
    if path.is_dir():
        found = compiled((str(path),), options, use_cache=use_cache)
        entries = entry_points(str(path), found.result.files, use_cache=use_cache)
        joined = _without_broken_files(_joined(str(path), found.result.files))
        joined = joined if len(entries) < 2 else _ambiguous(joined, entries)
    else:
        found = _compiled_file(path, options, use_cache=use_cache)
        joined = _without_broken_files(_joined(str(path), found.result.files))
    return OpenedAgent(path, joined, joined.errors, notes=found.notes)


def agent_without_errors(
    path: Path, options: "CompileOptions | None" = None, *, use_cache: bool = True
) -> OpenedAgent:
    """Compile an agent as `read_agent` does. Raises `UsageError` naming the place of its first
    error. Blocks."""
    agent = read_agent(path, options, use_cache=use_cache)
    require_no_errors(agent)
    return agent


def require_no_errors(agent: OpenedAgent) -> None:
    """Raises `UsageError` naming the place of the agent's first error."""
    for first in (found for found in agent.diagnostics if found.severity == "error"):
        place = f"{first.path}:{first.line}:{first.column}" if first.line else first.path
        raise UsageError(f"{place}: {first.message}", remedy=first.remedy)


def warnings_of(agent: CompiledFile) -> tuple[Note, ...]:
    """What is left out of an agent, or only known in part."""
    found = [warning for warning in agent.errors if warning.severity == "warning"]
    places = [f"{one.path}:{one.line}" if one.line else one.path for one in found]
    return tuple(
        Note(f"{place}: {one.message}", one.remedy)
        for place, one in zip(places, found, strict=True)
    )


def _without_broken_files(agent: CompiledFile) -> CompiledFile:
    """A package without the files that can't be read, as long as others make calls."""
    if not agent.calls:
        return agent
    told = tuple(
        msgspec.structs.replace(
            error,
            message=f"{error.message.rstrip('.')}. The file is left out of the package",
            severity="warning",
        )
        if error.severity == "error"
        else error
        for error in agent.errors
    )
    return msgspec.structs.replace(agent, errors=told)


def _compiled_file(
    path: Path, options: "CompileOptions | None" = None, *, use_cache: bool
) -> Compilation:
    """A file alone where it makes calls and is no program; else with what it imports."""
    from charter_engine.api.compiling import compiled, compiled_program
    from charter_engine.store.source_files import is_entry_point

    if not is_entry_point(path):
        alone = compiled((str(path),), options, use_cache=use_cache)
        if any(file.calls or file.errors for file in alone.result.files):
            return alone
    return compiled_program(str(path), options, use_cache=use_cache)


def _ambiguous(agent: CompiledFile, entries: Sequence[str]) -> CompiledFile:
    """A folder of which it isn't known which program is meant."""
    names = ", ".join(entries[:MOST_NAMED])
    others = f" and {len(entries) - MOST_NAMED} more" if len(entries) > MOST_NAMED else ""
    told = Diagnostic(
        path=agent.path,
        message=f"it has {len(entries)} entry points: {names}{others}; they make different calls",
        remedy=f"name the one that is meant, such as {Path(agent.path) / entries[0]}",
    )
    return CompiledFile(path=agent.path, errors=(told,))


def _joined(path: str, files: tuple[CompiledFile, ...]) -> CompiledFile:
    """A package's files as one agent."""
    return CompiledFile(
        path=path,
        calls=tuple(call for file in files for call in file.calls),
        opportunities=tuple(item for file in files for item in file.opportunities),
        errors=tuple(error for file in files for error in file.errors),
    )
