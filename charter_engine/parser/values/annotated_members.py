"""What the members of a list are, by what a function says of its parameter: `items: list[Item]`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.values import Instance

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.names import Names

LISTS = frozenset(
    "list List Sequence MutableSequence Iterable Iterator Collection set Set tuple Tuple".split()
)
"""Names of types that hold members of one kind."""

IN_ORDER = frozenset("list tuple reversed sorted".split())
"""Functions that give the members of what they are given."""


def type_members(frame: Frame, names: Names, target: ast.expr, iterable: ast.expr) -> None:
    """Let what a loop goes through be records of the class that its function says they are, where
    nothing else is known of them."""
    for member, held in members_by_name(target, iterable):
        annotation = annotation_of(frame.function, held)
        value = frame.names.get(member)
        if annotation is None or value is None or value.types or value.box or value.pieces:
            continue
        types = names.annotated_types(frame, annotation).types
        if types and all(
            isinstance(kind, Instance) and names.program.is_record(kind.definition)
            for kind in types
        ):
            frame.names[member] = replace(value, types=types)


def members_by_name(target: ast.expr, iterable: ast.expr) -> Iterator[tuple[str, str]]:
    """The names that a loop gives members, each with that of the list: through `enumerate`, `zip`,
    slices and the like."""
    if isinstance(iterable, ast.Subscript) and isinstance(iterable.slice, ast.Slice):
        yield from members_by_name(target, iterable.value)
    elif isinstance(iterable, ast.Call) and iterable.args:
        parts = target.elts if isinstance(target, ast.Tuple) else []
        made = last_name(iterable.func)
        if made == "enumerate" and len(parts) == 2:
            yield from members_by_name(parts[1], iterable.args[0])
        elif made == "zip":
            for part, given in zip(parts, iterable.args, strict=False):
                yield from members_by_name(part, given)
        elif made in IN_ORDER:
            yield from members_by_name(target, iterable.args[0])
    elif isinstance(iterable, ast.Name) and isinstance(target, ast.Name):
        yield target.id, iterable.id


def annotation_of(function: FunctionDefinition | None, name: str) -> ast.expr | None:
    """What a function says of the members of its parameter of that name."""
    if function is None:
        return None
    spec = function.node.args
    for parameter in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs):
        held = parameter.annotation
        if parameter.arg == name and isinstance(held, ast.Subscript):
            inside = held.slice.elts[0] if isinstance(held.slice, ast.Tuple) else held.slice
            return inside if last_name(held.value) in LISTS else None
    return None
