"""Compile a snippet and look at what came out."""

import re
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


ASK = """
from openai import OpenAI

client = OpenAI()

def ask(prompt):
    messages = [{"role": "user", "content": prompt}]
    return client.chat.completions.create(model="m", messages=messages).choices[0].message.content
"""
"""A wrapper for programs to ask by."""


def flows(source: str) -> set[str]:
    """The edges of a program that asks by `ask`, by the functions that the calls stand in, without
    their classes: `plan > write`, or `plan > plan, later` to a later turn."""
    file = compiled(ASK + dedent(source))
    place = {call.id: call.function.rpartition(".")[2] for call in file.calls}
    return {
        f"{place[edge.call]} > {place[call.id]}" + (", later" if edge.carried == "loop" else "")
        for call in file.calls
        for edge in call.depends_on
    }


def joined(source: str) -> set[str]:
    """The edges of a program that asks by `ask`, by the first words of what the calls say."""
    file = compiled(ASK + dedent(source))
    written = (ASK + dedent(source)).splitlines()
    said = {
        call.id: found[1] if (found := SAID.search(written[call.line - 1])) else "client"
        for call in file.calls
    }
    return {
        f"{said[edge.call]} > {said[call.id]}" + (", later" if edge.carried == "loop" else "")
        for call in file.calls
        for edge in call.depends_on
        if "client" not in (said[edge.call], said[call.id])
    }


SAID = re.compile(r"ask\(f?['\"](\w+)")
