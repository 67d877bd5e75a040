"""Lists, tuples and dicts: what is put into them, and what is taken out."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.frames import Frame
from charter_engine.parser.values import (
    MAX_ITEMS,
    UNKNOWN,
    Box,
    Class,
    Element,
    Function,
    Instance,
    Kind,
    Package,
    Value,
    join,
)

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class Containers:
    """Evaluates container literals and subscripts."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.progress = analysis.progress
        self.evaluator = evaluator

    def sequence(self, frame: Frame, node: ast.List | ast.Tuple | ast.Set) -> Value:
        box = Box("list" if not isinstance(node, ast.Tuple) else "tuple", depth=frame.certainty)
        for item in node.elts:
            if isinstance(item, ast.Starred):
                inner = self.evaluator.evaluate(frame, item.value)
                if inner.box is not None and inner.box.kind in ("list", "tuple"):
                    box.items += [
                        Element(element.value, element.maybe) for element in inner.box.items
                    ]
                    box.rest = join(box.rest, inner.box.rest) if inner.box.rest else box.rest
                    box.rest = (
                        join(box.rest, Value(origins=inner.origins)) if inner.origins else box.rest
                    )
                else:
                    box.items.append(Element(Value(origins=inner.all_origins()), maybe=True))
            elif len(box.items) < MAX_ITEMS:
                box.items.append(Element(self.evaluator.placed(frame, item)))
            else:
                box.rest = join(box.rest, self.evaluator.evaluate(frame, item))
        return Value(box=box)

    def dictionary(self, frame: Frame, node: ast.Dict) -> Value:
        box = Box("dict", depth=frame.certainty)
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.evaluator.placed(frame, item)
            if key is None:
                if value.box is not None:
                    box.fields |= value.box.fields
                    box.rest = join(box.rest, value.box.rest) if value.box.rest else box.rest
                elif value.origins:
                    box.rest = join(box.rest, value)
                continue
            name = self.key_text(frame, key)
            if name is None:
                box.rest = join(box.rest, value)
            else:
                box.fields[name] = value
        return Value(box=box)

    def key_text(self, frame: Frame, node: ast.expr) -> str | None:
        """The text of a key; most stand in the source."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.progress.steps += 1
            return node.value
        return self.evaluator.evaluate(frame, node).static_text()

    def subscript(self, frame: Frame, node: ast.Subscript) -> Value:
        value = self.evaluator.evaluate(frame, node.value)
        if isinstance(node.slice, ast.Slice):
            return sliced(value)
        key = self.evaluator.evaluate(frame, node.slice)
        return item(value, key)


def sliced(value: Value) -> Value:
    if value.box is not None and value.box.kind == "list":
        box = Box(
            "list",
            [Element(item.value, maybe=True) for item in value.box.items],
            rest=value.box.rest,
        )
        return Value(box=box, origins=value.origins)
    return Value(origins=value.all_origins())


def item(value: Value, key: Value) -> Value:
    box = value.box
    types = frozenset(
        kind for kind in value.types if not isinstance(kind, Function | Class | Package)
    )
    if box is None:
        return Value(
            origins=value.origins,
            types=types if any(isinstance(kind, Kind) for kind in types) else frozenset(),
        )
    name = key.static_text()
    if name is not None and box.kind != "list":
        held = box.fields.get(name)
        return (held if held is not None else box.rest or UNKNOWN).with_origins(value.origins)
    index = key.constant[0] if key.constant is not None else None
    certain = box.rest is None and not any(item.maybe for item in box.items)
    if certain and isinstance(index, int) and -len(box.items) <= index < len(box.items):
        return box.items[index].value.with_origins(value.origins)
    return any_member(value)


def any_member(value: Value) -> Value:
    """A member of a list or dict without saying which."""
    if value.box is None:
        types = frozenset(kind for kind in value.types if isinstance(kind, Instance | Kind))
        return Value(types=types, origins=value.origins)
    found: Value | None = None
    for number, member in enumerate(value.box.members()):
        found = join(detached(found), member, "item") if found is not None else member
        if number > 12:
            return Value(types=found.types, origins=value.all_origins(), box=found.box)
    if found is not None and found.pieces is not None and len(value.box.items) > 1:
        found = replace(found, pieces=None)
    return (found or UNKNOWN).with_origins(value.origins)


def detached(value: Value) -> Value:
    """A value whose box can be joined with another without changing what it came from; what is
    added reaches both."""
    box = value.box
    return (
        value
        if box is None
        else replace(
            value, box=replace(box, items=list(box.items), fields=dict(box.fields), joined_to=box)
        )
    )
