"""Which members of a list a test lets through, by what is written in them: `if message["role"] ==
"user"`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from charter_engine.parser.containers import any_member
from charter_engine.parser.frames import Frame, LoopState
from charter_engine.parser.syntax import outcome_of
from charter_engine.parser.values import Value

WrittenText = Callable[[ast.expr], str | None]
"""The text of an expression that is all written out; None for any other."""


class Narrowed(NamedTuple):
    """What the target of a loop is where a test has come out one way, and the other."""

    loop: LoopState
    ways: tuple[Value, Value]

    @property
    def name(self) -> str:
        return self.loop.record.target

    def holds_after(self, node: ast.If) -> bool:
        """Whether what follows a test in the loop knows how it came out, where one way leads on."""
        return self.loop.node is not None and node in self.loop.node.body


def narrowed(frame: Frame, test: ast.expr, written: WrittenText) -> Narrowed | None:
    """What a test says of a member of a list which a loop under way goes over; None where it tells
    none of its members apart."""
    for loop in reversed(frame.loops):
        name = loop.record.target
        for value, members in loop.taken:
            if frame.names.get(name) is not value:
                continue
            ways = [those_of(members, test, name, written, way) for way in (True, False)]
            if all(one is members for one in ways):
                return None
            passing, others = map(any_member, ways)
            loop.taken += zip((passing, others), ways, strict=True)
            return Narrowed(loop, (passing, others))
    return None


def widen(loop: LoopState, names: dict[str, Value]) -> None:
    """Let a loop's target be any member again, whatever tests have told of it."""
    name = loop.record.target
    if any(names.get(name) is value for value, _ in loop.taken[1:]):
        names[name] = loop.taken[0][0]


def those_of(members: Value, test: ast.expr, name: str, written: WrittenText, way: bool) -> Value:
    """A list with those of its members alone for which a test on `name` may come out one way."""
    box = members.box
    if box is None or box.kind not in ("list", "tuple") or not box.items:
        return members
    items = [
        item
        for item in box.items
        if outcome_of(test, partial(outcome, name=name, member=item.value, written=written))
        in (way, None)
    ]
    return (
        members if len(items) == len(box.items) else replace(members, box=replace(box, items=items))
    )


def outcome(test: ast.expr, name: str, member: Value, written: WrittenText) -> bool | None:
    """How a part of a test comes out for a member that is called `name`; None where that is
    open."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    held = field_of(test.left, name, member)
    return None if held is None else compared(held, test.ops[0], test.comparators[0], written)


def field_of(node: ast.expr, name: str, member: Value) -> str | None:
    """The text in a member's field that an expression reads (`message["role"]`,
    `message.get("role")`, `message.role`); None where it reads none, or that isn't written out."""
    match node:
        case (
            ast.Subscript(value=ast.Name(id=of), slice=ast.Constant(value=str(key)))
            | ast.Call(
                func=ast.Attribute(value=ast.Name(id=of), attr="get"),
                args=[ast.Constant(value=str(key)), *_],
            )
            | ast.Attribute(value=ast.Name(id=of), attr=key)
        ) if of == name and member.box is not None:
            held = member.box.fields.get(key)
            return held.static_text() if held is not None else None
    return None


def compared(held: str, operator: ast.cmpop, other: ast.expr, written: WrittenText) -> bool | None:
    """How a text compares with what stands in the source."""
    if isinstance(operator, ast.Eq | ast.NotEq):
        texts = [written(other)]
    elif isinstance(operator, ast.In | ast.NotIn) and isinstance(other, GROUPS):
        texts = [written(part) for part in other.elts]
    else:
        return None
    if None in texts:
        return None
    return (held in texts) is isinstance(operator, ast.Eq | ast.In)


GROUPS = (ast.Tuple, ast.List, ast.Set)
