"""Which tests come out the same for a whole run of a program: they ask for a setting."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.source.syntax import LOOPS, last_name, names_stored

if TYPE_CHECKING:
    from charter_engine.parser.source.program import Program

READING = frozenset("getenv get lower upper strip casefold startswith endswith".split())
"""What is called of a setting, or to read one."""

MOST_CALLERS = 3
"""Assumed: a setting is handed on to where it decides through no more than so many functions."""


class SourcePlace(NamedTuple):
    """Where something stands: the function, if any, and the nodes that lead there from it, or from
    its module."""

    module: Module
    function: FunctionDefinition | None
    path: tuple[ast.AST, ...]

    @property
    def in_loops(self) -> list[ast.AST]:
        return [one for one in self.path if isinstance(one, LOOPS)]


class WholeRunTests:
    """Tells which tests ask for a setting."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def is_setting(self, test: ast.expr, place: SourcePlace, depth: int = MOST_CALLERS) -> bool:
        """Whether an expression is the same whenever a run of the program comes to a place: none of
        the loops around it changes that, nor is its function given another one."""
        parts = list(ast.walk(test))
        names = {one.id for one in parts if isinstance(one, ast.Name)}
        if any(not names.isdisjoint(names_stored(loop)) for loop in place.in_loops):
            return False
        decides = any(isinstance(one, ast.Call) and decides_anew(one) for one in parts)
        function = place.function
        if decides or function is None:
            return not decides or self.runs_once(place, depth)
        own = names & {*names_stored(function.node), function.own_name}
        if own <= {*function.parameters} - assigned_in(function) - {function.own_name}:
            return not own or self.are_given(function, own, depth)
        return self.runs_once(place._replace(path=()), depth)

    def are_given(self, function: FunctionDefinition, names: set[str], depth: int) -> bool:
        """Whether the only call of a function gives it settings."""
        found = self.calls_of(function)
        if len(found) != 1 or not depth:
            return is_begun(function, found)
        given = (given_for(found[0], function, name) for name in names)
        return all(one is None or self.is_setting(one, found[0], depth - 1) for one in given)

    def runs_once(self, place: SourcePlace, depth: int) -> bool:
        """Whether a run comes to a place once: no loop is around it, nor around the only call of
        its function."""
        if place.in_loops or place.function is None:
            return not place.in_loops
        found = self.calls_of(place.function)
        is_called_once = len(found) == 1 and bool(depth) and self.runs_once(found[0], depth - 1)
        return is_called_once or is_begun(place.function, found)

    def calls_of(self, function: FunctionDefinition) -> list[SourcePlace]:
        """Where a function, or the class of a constructor, is called."""
        is_made = function.name == "__init__" and function.owner is not None
        name = function.owner.name if is_made and function.owner is not None else function.name
        return [
            self.place_of(module, call)
            for module in self.program.modules.values()
            for call in module.calls
            if last_name(call.func) == name
        ]

    def place_of(self, module: Module, node: ast.expr) -> SourcePlace:
        """Where an expression stands in a module."""
        around = [
            one
            for one in module.functions.values()
            if one.node.lineno <= node.lineno <= (one.node.end_lineno or 0)
        ]
        function = max(around, key=lambda one: one.node.lineno, default=None)
        scope = function.node if function is not None else module.tree
        return SourcePlace(module, function, path_to(scope, node))


def decides_anew(call: ast.Call) -> bool:
    """Whether a call may give something else each time."""
    return last_name(call.func) not in READING


def is_begun(function: FunctionDefinition, calls: list[SourcePlace]) -> bool:
    """Whether nothing at hand calls a function that a program begins with."""
    return not calls and "main" in words_of(function.name)


def assigned_in(function: FunctionDefinition) -> set[str]:
    """The names that a function assigns, beside its parameters."""
    return {
        node.id
        for node in ast.walk(function.node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def given_for(place: SourcePlace, function: FunctionDefinition, name: str) -> ast.expr | None:
    """What a call gives a function for a parameter; None where it leaves that out."""
    call = place.path[-1]
    assert isinstance(call, ast.Call)
    by_name = {word.arg: word.value for word in call.keywords}
    number = function.parameters.index(name) - function.takes_self
    return by_name.get(name, call.args[number] if number < len(call.args) else None)


def path_to(scope: ast.AST, wanted: ast.AST) -> tuple[ast.AST, ...]:
    """The nodes that lead from one to another that stands in it, both with them."""
    pending: list[tuple[ast.AST, ...]] = [(scope,)]
    while pending:
        path = pending.pop()
        if path[-1] is wanted:
            return path
        pending += [(*path, child) for child in ast.iter_child_nodes(path[-1])]
    return (scope, wanted)
