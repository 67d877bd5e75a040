"""Functions that leave what they made in a record that they are given, and hand that on:
`state["plan"] = answer`, then `return state`."""

from __future__ import annotations

import ast

from charter_engine.parser.source.symbols import FunctionDefinition, nodes_of, walk


def hands_on_record(definition: FunctionDefinition) -> bool:
    """Whether a function returns a parameter in which it has stored something under a name."""
    returned = [node.value for node in nodes_of(definition, ast.Return) if node.value is not None]
    names = {node.id for node in returned if isinstance(node, ast.Name)}
    is_one = len(names) == 1 and all(isinstance(node, ast.Name) for node in returned)
    given = set(definition.parameters) - {definition.own_name}
    is_given = is_one and names <= given
    return is_given and any(is_stored_in(node, names) for node in walk(definition.node))


def is_stored_in(node: ast.AST, names: set[str]) -> bool:
    """Whether something is stored in what is so named: `state.plan = …`, `state["plan"] = …`,
    `state.notes[key] = …`, `state.notes.append(…)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        holder: ast.expr = node.func.value
        is_stored = isinstance(holder, ast.Attribute)
    elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
        holder = node.value
        is_stored = not isinstance(holder, ast.Name) or is_under_name(node)
    else:
        return False
    while isinstance(holder, ast.Attribute | ast.Subscript):
        holder = holder.value
    return is_stored and isinstance(holder, ast.Name) and holder.id in names


def is_under_name(node: ast.Subscript | ast.Attribute) -> bool:
    """Whether something is stored as an attribute or under a written key: no list has those."""
    return isinstance(node, ast.Attribute) or isinstance(node.slice, ast.Constant)
