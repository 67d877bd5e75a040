"""Loops over names under which a table holds what they call."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import walk
from charter_engine.parser.values.candidates import are_of_own_classes
from charter_engine.parser.values.containers import holds_functions
from charter_engine.parser.values.values import Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator


def name_what_is_called(
    evaluator: Evaluator,
    frame: Frame,
    node: ast.For | ast.AsyncFor,
    members: tuple[Value, ...],
) -> bool:
    """Whether members of a list are names under which a table holds functions, or objects that are
    each of a class of its own, which a loop calls, or a method of theirs."""
    if not members or not all(one.static_text() for one in members):
        return False
    held = (evaluator.evaluate(frame, table) for table in tables_called(node))
    return any(
        holds_functions(one) or are_of_own_classes(one.box.members())
        for one in held
        if one.box is not None
    )


@lru_cache(maxsize=4)
def tables_called(node: ast.For | ast.AsyncFor) -> tuple[ast.expr, ...]:
    """The tables in which a loop looks up by its target what it calls: `AGENTS[name].run(state)`,
    `step = self.steps.get(name)`, `step(state)`."""
    key = node.target.id if isinstance(node.target, ast.Name) else ""
    parts = [item for part in node.body for item in walk(part)] if key else []
    given = {
        one.targets[0].id: one.value
        for one in parts
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    }
    called = (holder_of(one.func) for one in parts if isinstance(one, ast.Call))
    taken = (given.get(one.id) if isinstance(one, ast.Name) else one for one in called)
    tables = (table_of(one, key) for one in taken)
    return tuple(one for one in tables if one is not None)


def holder_of(called: ast.expr) -> ast.expr:
    """What is called itself, or of which a method is."""
    return called.value if isinstance(called, ast.Attribute) else called


def table_of(node: ast.expr | None, key: str) -> ast.expr | None:
    """Where an expression takes what is held under a name: `table[key]`, `table.get(key)`."""
    match node:
        case ast.Subscript(value=table, slice=ast.Name(id=taken)) if taken == key:
            return table
        case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[ast.Name(id=taken), *_]):
            return table if taken == key else None
    return None
