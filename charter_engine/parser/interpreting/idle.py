"""Expressions that only give a value. Where nobody takes it they need not be evaluated; their steps
are counted, since an analysis goes on until its steps are spent.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection
from typing import NamedTuple

from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.source.syntax import last_name

FUNCTIONS = frozenset(
    "len isinstance hasattr type bool id any all round print str int float repr max min sum abs "
    "list set tuple sorted".split()
) | {
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
}
"""Python's own that leave what they are given as it is, and call nothing of it."""

LOGGING = frozenset("debug info warning warn error exception critical".split())
LOGGERS = frozenset(("logger", "logging"))

OTHER_OPERATORS = (ast.Mod, ast.BitOr)
"""They may fill a template in, or make a chain of runnables."""

MOST_STEPS = 60
"""What takes more is evaluated: it may be nested too deeply."""


class Idle(NamedTuple):
    """In how many steps an expression is evaluated that does nothing, as long as `functions` are
    names of Python's own, and `logger` is one."""

    steps: int
    functions: frozenset[str]
    logger: ast.expr | None = None


def idle(node: ast.expr, followed: Collection[str]) -> Idle | None:
    """What evaluating an expression for its effect takes; None where it may have one. `followed`
    are the names of attributes that may be more than read."""
    steps = 0
    functions: set[str] = set()
    logger = logger_of(node)
    parts = parts_of_logging(node) if logger is not None else parts_of(node, followed)
    pending = [parts]
    while pending:
        parts = pending.pop()
        steps += 1
        if parts is None or steps > MOST_STEPS:
            return None
        for part in parts:
            pending.append(parts_of(part, followed))
            if isinstance(part, ast.Call):
                functions.add(last_name(part.func))
    if isinstance(node, ast.Call) and logger is None:
        functions.add(last_name(node.func))
    return Idle(steps, frozenset(functions), logger)


def parts_of(node: ast.expr, followed: Collection[str]) -> list[ast.expr] | None:  # noqa: PLR0911 - one rule a kind
    """The expressions that are evaluated for one; None where more may be done."""
    match node:
        case ast.Name() | ast.Constant():
            return []
        case ast.Attribute():
            return None if node.attr in followed else [node.value]
        case ast.Compare():
            return [node.left, *node.comparators]
        case ast.UnaryOp():
            return [node.operand]
        case ast.BoolOp():
            return node.values
        case ast.IfExp():
            return [node.test, node.body, node.orelse]
        case ast.Subscript():
            return None if isinstance(node.slice, ast.Slice) else [node.value, node.slice]
        case ast.List() | ast.Tuple() | ast.Set():
            return node.elts
        case ast.BinOp():
            return operands_of(node)
        case ast.JoinedStr():
            return fields_of(node)
        case ast.Call(func=ast.Name(), keywords=[]) if last_name(node.func) in FUNCTIONS:
            return [node.func, *node.args]
    return None


def operands_of(node: ast.BinOp) -> list[ast.expr] | None:
    """What stands in a chain of operators."""
    operands: list[ast.expr] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp):
        if isinstance(left.op, OTHER_OPERATORS):
            return None
        operands.append(left.right)
        left = left.left
    return [*operands, left]


def fields_of(node: ast.JoinedStr) -> list[ast.expr]:
    """What is put into an f-string, with how it is written there."""
    fields = [part for part in node.values if isinstance(part, ast.FormattedValue)]
    formats = [part.format_spec for part in fields if part.format_spec is not None]
    return [*(part.value for part in fields), *formats]


def logger_of(node: ast.expr) -> ast.expr | None:
    """What a call logs with, by its name; None for any other expression."""
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.func, ast.Attribute):
        return None
    logger = node.func.value
    is_named = not LOGGERS.isdisjoint(words_of(last_name(logger))[-1:])
    return logger if is_named and node.func.attr in LOGGING else None


def parts_of_logging(node: ast.expr) -> list[ast.expr]:
    """What is evaluated for a call that logs: the logger, and what that is given."""
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return [node.func.value, *node.args, *(item.value for item in node.keywords)]
