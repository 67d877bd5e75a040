"""What a test of its class tells of a value: `if isinstance(model, Stub)`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from charter_engine.parser.branches.flags import truth_of
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.program import Program
from charter_engine.parser.values.values import Class, Instance, Value

NAMES: dict[str, Value] = {}


class ToldByClass(NamedTuple):
    """The names of which a test tells something, as they are where it holds, and where it
    doesn't."""

    where_true: dict[str, Value] = NAMES
    where_false: dict[str, Value] = NAMES


NOTHING_TOLD = ToldByClass()


def told_by_shape(
    frame: Frame, test: ast.expr, evaluate: Callable[[Frame, ast.expr], Value]
) -> bool | None:
    """How a test comes out that asks whether a value is a list, a dict or a text
    (`isinstance(rules, list)`); None where that is open."""
    match test:
        case ast.Call(
            func=ast.Name(id="isinstance"), args=[ast.Name() | ast.Attribute() as node, named]
        ):
            parts = named.elts if isinstance(named, ast.Tuple) else [named]
            asked = {part.id for part in parts if isinstance(part, ast.Name)}
            shape = shape_of(evaluate(frame, node))
            is_known = shape is not None and len(asked) == len(parts) and asked <= SHAPES
            return shape in asked if is_known else None
    return None


SHAPES = frozenset(("list", "dict", "tuple", "str"))


def shape_of(value: Value) -> str | None:
    """What a value is that the source writes out: a list, a dict, a tuple or a text, be it one that
    answers fill; None for any other, and for one that may be several."""
    if value.types or value.constant is not None:
        return None
    if value.box is None:
        return "str" if truth_of(value) else None
    if value.origins:
        return None
    return value.box.kind if value.pieces is None and value.box.kind in SHAPES else None


def told_by_class(
    frame: Frame,
    test: ast.expr,
    program: Program,
    evaluate: Callable[[Frame, ast.expr], Value],
) -> ToldByClass:
    """What a test tells of a name that may be an object of a class at hand, or something else."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        where_false, where_true = told_by_class(frame, test.operand, program, evaluate)
        return ToldByClass(where_true, where_false)
    match test:
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), named]):
            value = frame.names.get(name)
        case _:
            return NOTHING_TOLD
    if value is None or len(value.types) < 2:
        return NOTHING_TOLD
    parts = named.elts if isinstance(named, ast.Tuple) else [named]
    kinds = [kind for part in parts for kind in evaluate(frame, part).types]
    classes = {kind.definition for kind in kinds if isinstance(kind, Class)}
    if len(classes) < len(parts):
        return NOTHING_TOLD
    own = frozenset(
        kind
        for kind in value.types
        if isinstance(kind, Instance) and not classes.isdisjoint(program.lineage(kind.definition))
    )
    others = value.types - own
    if not own or not others:
        return NOTHING_TOLD
    return ToldByClass({name: replace(value, types=own)}, {name: replace(value, types=others)})
