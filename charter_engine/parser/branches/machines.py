"""Loops and calls of which a state says what they do: branches, and what a table holds for it."""

from __future__ import annotations

import ast

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import FunctionDefinition, walk
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.source.told_once import told_once


def is_machine(loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    """Whether a loop's turns each take one of several ways, as a state says: a branch, or what a
    table holds for it (`handler = handlers.get(session.state)`)."""
    return isinstance(loop, ast.While) and (
        any(ways_of(one) >= FEWEST_STATES for one in loop.body) or takes_handlers(loop)
    )


def takes_handlers(loop: ast.While) -> bool:
    """Whether a loop calls what it looks up, or a method of that."""
    found = {
        target.id
        for one in loop.body
        if isinstance(one, ast.Assign) and looks_up_by_state(one.value)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    called = (one.func for one in walk(loop) if isinstance(one, ast.Call)) if found else ()
    holders = (one.value if isinstance(one, ast.Attribute) else one for one in called)
    return any(isinstance(one, ast.Name) and one.id in found for one in holders)


def looks_up_by_state(node: ast.expr) -> bool:
    """Whether an expression takes something from a table under a key that isn't written out."""
    if isinstance(node, ast.Subscript):
        return not isinstance(node.slice, ast.Constant | ast.Slice)
    is_open = isinstance(node, ast.Call) and not any(
        isinstance(one, ast.Constant) for one in node.args[:1]
    )
    return is_open and looks_up(node)


FEWEST_STATES = 3
"""Derived: what one of two states leaves for the other is read in the second turn."""


def ways_of(statement: ast.stmt) -> int:
    """How many ways a statement has that exclude each other."""
    if isinstance(statement, ast.Match):
        return len(statement.cases)
    if not isinstance(statement, ast.If):
        return 1
    match statement.orelse:
        case [ast.If() as other]:
            return 1 + ways_of(other)
    return 1 + bool(statement.orelse)


def is_chosen(frame: Frame, function: ast.expr) -> bool:
    """Whether one of several functions is called, which a key or a test chooses:
    `HANDLERS[kind](x)`, `handler = HANDLERS.get(kind)`."""
    while isinstance(function, ast.Attribute):
        function = function.value
    if not isinstance(function, ast.Name):
        return isinstance(function, CHOICES)
    return frame.function is not None and function.id in names_chosen(frame.function)


@told_once
def names_chosen(definition: FunctionDefinition) -> frozenset[str]:
    """The names that a function gives what a key or a test chooses."""
    return frozenset(
        node.targets[0].id
        for node in walk(definition.node)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and (isinstance(node.value, CHOICES) or looks_up(node.value))
    )


def looks_up(node: ast.expr) -> bool:
    """`HANDLERS.get(kind)`."""
    return isinstance(node, ast.Call) and last_name(node.func) == "get" and bool(node.args)


CHOICES = (ast.Subscript, ast.IfExp)
