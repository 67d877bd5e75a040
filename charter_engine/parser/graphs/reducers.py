"""Reducers that a program defines: how what a node returns goes to what a state holds."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.source.syntax import last_name

ADDED_BY = frozenset(("add", "add_messages"))
"""Functions that put their second argument behind their first."""


def adding_at_hand(modules: Iterable[Module]) -> dict[str, str]:
    """The names of functions at hand that put what is new last, or in the place of all that was
    there, each with the key under which a dict holds that (`{"type": "override", "value": []}`);
    empty where none does."""
    found: dict[str, list[FunctionDefinition]] = {}
    for module in modules:
        for definition in module.functions.values():
            if len(definition.parameters) == 2 and definition.owner is None:
                found.setdefault(definition.name, []).append(definition)
    return {
        name: key_taken(definitions[0])
        for name, definitions in found.items()
        if all(adds(one) for one in definitions)
    }


def adds(definition: FunctionDefinition) -> bool:
    """Whether a function returns its second parameter behind its first in one place at least, and
    in all others what holds nothing of the first."""
    held, new = definition.parameters
    returned = returned_by(definition)
    behind = [one for one in returned if [name_in(part) for part in parts_of(one)] == [held, new]]
    return bool(behind) and all(held not in names_in(one) for one in returned if one not in behind)


def key_taken(definition: FunctionDefinition) -> str:
    """The key of what a function is given second under which it holds what is returned: of
    `new["value"]`, `new.get("value", new)`; empty where there is none."""
    new = definition.parameters[1]
    for one in returned_by(definition):
        key: ast.expr | None = None
        if isinstance(one, ast.Subscript) and name_in(one.value) == new:
            key = one.slice
        elif isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.args:
            is_taken = one.func.attr == "get" and name_in(one.func.value) == new
            key = one.args[0] if is_taken else None
        if isinstance(key, ast.Constant):
            return str(key.value)
    return ""


def returned_by(definition: FunctionDefinition) -> list[ast.expr]:
    returns = (one for one in ast.walk(definition.node) if isinstance(one, ast.Return))
    return [one.value for one in returns if one.value is not None]


def parts_of(node: ast.expr) -> list[ast.expr]:
    """What an expression puts one behind the other: `a + b`, `add(a, b)`, `[*a, *b]`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [node.left, node.right]
    if isinstance(node, ast.Call) and last_name(node.func) in ADDED_BY:
        return node.args
    if isinstance(node, ast.List):
        return [one.value for one in node.elts if isinstance(one, ast.Starred)]
    return []


def name_in(node: ast.expr) -> str:
    """The name that an expression is, or that it stands for where there is none: `a or []`."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return name_in(node.values[0])
    return node.id if isinstance(node, ast.Name) else ""


def names_in(node: ast.expr) -> Iterator[str]:
    return (one.id for one in ast.walk(node) if isinstance(one, ast.Name))
