"""Where LangChain's `RunnableWithMessageHistory` has its conversations from."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from charter_engine.parser.graphs.threads import assigned_in
from charter_engine.parser.interpreting.names import SESSIONS
from charter_engine.parser.source.symbols import FunctionDefinition, Module, dotted_name
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.candidates import functions_in
from charter_engine.parser.values.values import UNKNOWN, Box, Kind

LASTING = Kind("langchain.lasting")
"""Runnables whose conversations are there when the program is run again."""

GIVEN_AS = "get_session_history"
"""The argument in which a runnable is given the function that hands out a conversation."""

HISTORY = "ChatMessageHistory"
"""Ends the names of LangChain's classes of conversations."""

PASSING = frozenset((HISTORY, f"InMemory{HISTORY}"))
"""Those of them whose conversations end with the program; all others write them somewhere."""


def outlasts_runs(held: Box) -> bool:
    """Whether the conversations that a runnable goes on with are there when the program is run
    again: in a user's session, a file or a database."""
    functions = functions_in(held.fields.get(GIVEN_AS, UNKNOWN))
    return any(hands_out_lasting(one.definition) for one in functions)


def hands_out_lasting(definition: FunctionDefinition) -> bool:
    names = {*classes_in(definition.node), *kept_classes(definition)} - PASSING
    is_read = reads_session(definition.node, definition.module)
    return is_read or any(name.endswith(HISTORY) for name in names)


def reads_session(part: ast.AST, module: Module) -> bool:
    """Whether a part of a module takes something out of a user's session."""
    read = map(dotted_name, ast.walk(part))
    names = (name.partition(".") for name in read if name)
    imports = module.imports
    return any(f"{imports.get(first, first)}{dot}{rest}" in SESSIONS for first, dot, rest in names)


def kept_classes(definition: FunctionDefinition) -> Iterator[str]:
    """What the objects are made of that a function finds around it."""
    made = assigned_in(definition.outer or definition.module)
    read = {node.id for node in ast.walk(definition.node) if isinstance(node, ast.Name)}
    for name in read & made.keys():
        for value in made[name]:
            yield from classes_in(value)


def classes_in(node: ast.AST) -> Iterator[str]:
    return (last_name(one.func) for one in ast.walk(node) if isinstance(one, ast.Call))
