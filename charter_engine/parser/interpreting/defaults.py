"""What stands in for values that come from elsewhere: variables of the environment, which the
running program alone knows, and what records aren't given."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.source.symbols import dotted_name
from charter_engine.parser.values.values import External, Value

if TYPE_CHECKING:
    from charter_engine.parser.model_calls.recognise import CallShape

FIELDS = frozenset(
    "pydantic.Field pydantic.fields.Field dataclasses.field sqlmodel.Field attrs.field".split()
)
"""Functions that declare an attribute of a class, with what it holds from the start."""

READING = frozenset(("os.getenv", "os.environ.get"))
WRITTEN = READING | frozenset(("getenv", "environ.get"))


def by_default(shape: CallShape) -> Value | None:
    """What a call that reads a variable, or declares a field, names for one that isn't set; None
    for any other call, and for a field that has to be given."""
    if External not in map(type, shape.callee):
        return None
    names = {kind.dotted for kind in shape.callee if isinstance(kind, External)}
    if not READING.isdisjoint(names):
        return shape.argument(1, "default") or Value()
    given = shape.argument(0, "default") if not FIELDS.isdisjoint(names) else None
    return given if given is not None and given.static_text() else None


def without_environment(choices: list[ast.expr]) -> list[ast.expr]:
    """The members of `first or second` without variables that the last one stands in for."""
    return [one for one in choices[:-1] if not reads_environment(one)] + choices[-1:]


def reads_environment(node: ast.AST) -> bool:
    """Whether an expression is a variable of the environment, with nothing that stands in for
    it."""
    if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
        return False
    return dotted_name(node.func) in WRITTEN
