"""Compile a snippet and look at what came out."""

from textwrap import dedent

from charter_engine.analysis.compile import CompileOptions, compile_source, compile_sources
from charter_engine.contracts.graph import Call, CompiledFile


def compiled(source: str) -> CompiledFile:
    return compile_source("agent.py", dedent(source))


def lines(file: CompiledFile) -> list[int]:
    return [call.line for call in file.calls]


def only(file: CompiledFile) -> Call:
    assert len(file.calls) == 1, [call.id for call in file.calls]
    return file.calls[0]


def edges(file: CompiledFile) -> set[tuple[int, int, str]]:
    """(from line, to line, data or loop)."""
    line = {call.id: call.line for call in file.calls}
    return {
        (line[edge.call], call.line, edge.carried)
        for call in file.calls
        for edge in call.depends_on
    }


def package(**files: str) -> dict[str, CompiledFile]:
    """Compile files as one package; `a__b` stands for the path a/b.py."""
    sources = {f"pkg/{name.replace('__', '/')}.py": dedent(text) for name, text in files.items()}
    found = compile_sources(dict(sources), options=CompileOptions())
    return {file.path.removeprefix("pkg/"): file for file in found.files}
