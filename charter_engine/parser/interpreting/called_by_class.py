"""Methods that are called by their class, with the object in front of what they are given:
`Agent.__init__(self, name)`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.values.values import Class, Function, Value

if TYPE_CHECKING:
    from charter_engine.parser.model_calls.recognise import CallShape

Given = tuple[tuple[ast.expr, Value], ...]


def of_first_argument(receiver: Value, callee: Value, given: Given) -> tuple[Value, Given]:
    """What is called and what it is given, where a class names a method of its objects: that method
    of the object which stands in front."""
    if not given or not receiver.types or not all(map(is_class, receiver.types)):
        return callee, given
    functions = frozenset(
        replace(kind, bound=given[0][1])
        for kind in callee.types
        if isinstance(kind, Function) and is_of_objects(kind)
    )
    if not functions or len(functions) < len(callee.types):
        return callee, given
    return replace(callee, types=functions), given[1:]


def object_in_front(function: Function, shape: CallShape) -> ast.expr | None:
    """The object of a method that is called by its class; None for any other."""
    by_class = bool(shape.receiver) and all(map(is_class, shape.receiver))
    is_object = function.bound is None or not any(map(is_class, function.bound.types))
    is_one = by_class and is_object and is_of_objects(function)
    return shape.node.args[0] if is_one and shape.node.args else None


def is_of_objects(function: Function) -> bool:
    definition = function.definition
    return definition.takes_self and "classmethod" not in definition.decorators


def is_class(kind: object) -> bool:
    return isinstance(kind, Class)
