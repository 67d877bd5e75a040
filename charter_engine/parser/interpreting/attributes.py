"""What functions know of an object's attributes because they stored them themselves, from call to
call.

All objects of a class are one object in an analysis's memory, where what any function stored comes
together. What a function stored itself is known better: it stands in the function's names
(`self.plan`), is handed to the methods that the function calls, and taken back from them.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.values.joining import either, join_names
from charter_engine.parser.values.values import Value

GIVEN_TO_BASE = "super()"
"""Under this name a constructor keeps what it gives to that of a base which isn't at hand."""


@dataclass(slots=True)
class AttributeResolver:
    """Attributes of one object by name: what they hold, and what its class's object held then."""

    values: dict[str, Value]
    stored: dict[str, Value | None]


NO_ATTRIBUTES = AttributeResolver({}, {})


def holder_name(node: ast.expr) -> str:
    """The name by which attributes of an object are known: a variable's, or that of a variable's
    attribute (`self.chat`); empty for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


def attributes_of(frame: Frame, holder: str, names: dict[str, Value]) -> AttributeResolver:
    """What the function of a frame stored in the object that `holder` names, by what it knows in
    `names`."""
    if not frame.stored:
        return NO_ATTRIBUTES
    prefix = f"{holder}."
    own = {
        name.removeprefix(prefix): name
        for name in frame.stored
        if name in names and name.startswith(prefix)
    }
    return AttributeResolver(
        {attribute: names[name] for attribute, name in own.items()},
        {attribute: frame.stored[name] for attribute, name in own.items()},
    )


def left_by_each(left: list[AttributeResolver]) -> AttributeResolver:
    """What a method left in several objects, each of which it was called on: the attributes that it
    stored in all of them."""
    first, *others = left
    values = dict(first.values)
    for other in others:
        values = {
            name: value if value is other.values[name] else either(value, other.values[name])
            for name, value in values.items()
            if name in other.values
        }
    return AttributeResolver(values, {name: first.stored[name] for name in values})


def hand_over(frame: Frame, holder: str, known: AttributeResolver) -> None:
    """Let a frame know what an object holds, in place of what it knew."""
    if not frame.stored and not known.values:
        return
    prefix = f"{holder}."
    for name in [name for name in frame.stored if name.startswith(prefix)]:
        frame.names.pop(name, None)
    frame.names |= {prefix + name: value for name, value in known.values.items()}
    frame.stored |= {prefix + name: value for name, value in known.stored.items()}


def note_left(frame: Frame) -> None:
    """Keep what a function knows of attributes where it returns."""
    if frame.stored:
        known = {name: frame.names[name] for name in frame.stored if name in frame.names}
        frame.left = known if frame.left is None else join_names(frame.left, known)
