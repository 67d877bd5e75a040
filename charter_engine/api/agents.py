"""The open agent: its compiled calls, its inputs, and what is wrong with either."""

import logging
from dataclasses import dataclass
from pathlib import Path

from charter_engine.contracts.graph import CompiledFile, Diagnostic
from charter_engine.contracts.lint import Finding
from charter_engine.executor.inputs import InputError, Inputs, default_inputs_path, read_inputs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenedAgent:
    """An agent as it was read. `compiled` is there even where `diagnostics` tell of errors."""

    path: Path
    compiled: CompiledFile
    diagnostics: tuple[Diagnostic, ...] = ()
    inputs: tuple[Inputs, ...] = ()
    inputs_path: Path | None = None

    @property
    def usable(self) -> bool:
        """Whether there is anything to run."""
        return bool(self.compiled.calls)


def open_agent(path: Path, inputs_path: Path | None = None) -> OpenedAgent:
    """Compile an agent (a file or a folder) and read its inputs: those named, else those beside it.
    Blocks."""
    from charter_engine.analysis.compile import compile_paths

    if not path.exists():
        missing = Diagnostic(
            path=str(path), message="there is no such file", remedy="check the path"
        )
        return OpenedAgent(path, CompiledFile(path=str(path), errors=(missing,)), (missing,))
    compiled = _joined(str(path), compile_paths([str(path)]).files)
    diagnostics = list(compiled.errors)
    if not compiled.calls and not diagnostics:
        diagnostics.append(
            Diagnostic(
                path=str(path),
                message="no LLM calls were found in it",
                remedy="calls such as client.generate(prompt, max_tokens=…) are recognised; see charter-engine compile",
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
    return OpenedAgent(path, compiled, tuple(diagnostics), inputs, source)


def opened_anyhow(path: Path, inputs_path: Path | None = None) -> OpenedAgent:
    """As `open_agent`; a source that breaks the compiler is the agent's diagnostic, not the
    engine's end. Blocks."""
    try:
        return open_agent(path, inputs_path)
    except Exception as error:
        log.exception("compiling %s failed", path)
        broken = Diagnostic(
            path=str(path),
            message=f"the compiler failed on it: {type(error).__name__}: {error}",
            remedy="please report this with the file; the engine's log has the details",
        )
        return OpenedAgent(path, CompiledFile(path=str(path), errors=(broken,)), (broken,))


def _joined(path: str, files: tuple[CompiledFile, ...]) -> CompiledFile:
    """A package's files as one agent."""
    if len(files) == 1:
        return files[0]
    return CompiledFile(
        path=path,
        calls=tuple(call for file in files for call in file.calls),
        opportunities=tuple(item for file in files for item in file.opportunities),
        errors=tuple(error for file in files for error in file.errors),
    )


def lint_agent(agent: OpenedAgent) -> tuple[Finding, ...]:
    """The lint's findings in all files of an agent, as they are on disk now. Blocks."""
    from charter_engine.analysis.compile import compile_paths
    from charter_engine.analysis.lint.check import lint
    from charter_engine.parser.reading import read_source

    findings: list[Finding] = []
    for compiled in compile_paths([str(agent.path)]).files:
        try:
            source = read_source(compiled.path, Path(compiled.path).read_bytes()).text
        except OSError:
            continue
        findings += lint(compiled, source)
    return tuple(findings)
