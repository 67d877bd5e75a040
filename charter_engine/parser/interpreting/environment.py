"""Variables of the environment: where the source says what stands in for one, that is taken, as the
variable itself is known to the running program alone."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.source.symbols import dotted_name
from charter_engine.parser.values.values import External, Value

if TYPE_CHECKING:
    from charter_engine.parser.model_calls.recognise import CallShape

READING = frozenset(("os.getenv", "os.environ.get"))
WRITTEN = READING | frozenset(("getenv", "environ.get"))


def from_environment(shape: CallShape) -> Value | None:
    """What a variable is that a call reads: what the call names for one that isn't set; None for
    any other call."""
    names = {kind.dotted for kind in shape.callee if isinstance(kind, External)}
    if READING.isdisjoint(names):
        return None
    return shape.argument(1, "default") or Value()


def without_environment(choices: list[ast.expr]) -> list[ast.expr]:
    """The members of `first or second` without variables that the last one stands in for."""
    return [one for one in choices[:-1] if not reads_environment(one)] + choices[-1:]


def reads_environment(node: ast.AST) -> bool:
    """Whether an expression is a variable of the environment, with nothing that stands in for
    it."""
    if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
        return False
    return dotted_name(node.func) in WRITTEN
