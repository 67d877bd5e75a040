"""What functions and modules call, by the last names of what is called."""

from __future__ import annotations

import ast
from collections.abc import Set as AbstractSet

from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.source.syntax import last_name


def names_called(scope: FunctionDefinition | Module) -> tuple[str, ...]:
    """The last names of what a function, with those that stand in it, or a module calls, each once:
    a set would take six times the memory. Every function is asked for them."""
    if scope.called is None:
        scope.called = tuple(dict.fromkeys([last_name(call.func) for call in scope.calls]))
    return scope.called


def calls_named(scope: FunctionDefinition | Module, names: AbstractSet[str]) -> list[ast.Call]:
    """The calls of a function or a module of what has one of some last names."""
    if names.isdisjoint(names_called(scope)):
        return []
    return [call for call in scope.calls if last_name(call.func) in names]
