"""Objects that are made only where there is none yet."""

from __future__ import annotations

import ast

HANDLED = "except"
"""In place of a test: what is done where something failed, as a look-up that found nothing."""

ABSENT = "absent"
"""In place of a test: what stands in for what isn't there."""


def tests_absence(test: ast.expr | str) -> bool:
    """Whether a test asks for what isn't there: `store is None`, `not store`, `key not in stores`,
    perhaps beside something else."""
    match test:
        case ast.Compare(ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return True
        case ast.Compare(ops=[ast.NotIn()]) | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.BoolOp(values=values):
            return any(map(tests_absence, values))
    return test in (HANDLED, ABSENT)


def is_stand_in(node: ast.expr, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether an expression is what stands in for something that may not be there: `stores.get(key)
    or Store()`, `stores.setdefault(key, Store())`, `stores[key] if key in stores else Store()`."""
    match parents.get(node):
        case ast.BoolOp(op=ast.Or(), values=[first, *_]):
            return node is not first
        case ast.Call(func=ast.Attribute(attr="setdefault" | "get"), args=[_, default]):
            return node is default
        case ast.IfExp(orelse=other):
            return node is other
    return False
