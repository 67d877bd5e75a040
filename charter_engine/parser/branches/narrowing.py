"""Which members of a list a test lets through, by what is written in them (`if message["role"] ==
"user"`), or by the class of the message that they are (`if isinstance(message, HumanMessage)`)."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from charter_engine.parser.graphs.spoken import CLASS_ROLES, TYPE_ROLES, UNTOLD, Roles, role_of
from charter_engine.parser.interpreting.frames import Frame, LoopState
from charter_engine.parser.source.syntax import last_name, outcome_of
from charter_engine.parser.values.containers import any_member
from charter_engine.parser.values.origins import Origin
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import Box, Value

WrittenText = Callable[[ast.expr], str | None]
"""The text of an expression that is all written out; None for any other."""


class KnownBeside(NamedTuple):
    """What is known beside a test: the texts that are `written` out, and by site as whom its
    answers were `said` in states."""

    written: WrittenText
    said: Roles


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


def narrowed(frame: Frame, test: ast.expr, known: KnownBeside) -> Narrowed | None:
    """What a test says of a member of a list which a loop under way goes over; None where it tells
    none of its members apart."""
    for loop in reversed(frame.loops):
        name = loop.record.target
        for value, members in loop.taken:
            if frame.names.get(name) is not value:
                continue
            ways = [those_of(members, test, name, known, way) for way in (True, False)]
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


def those_of(members: Value, test: ast.expr, name: str, known: KnownBeside, way: bool) -> Value:
    """A list with those of its members alone for which a test on `name` may come out one way."""

    def passes(member: Value) -> bool:
        found = outcome_of(test, partial(outcome, name=name, member=member, written=known.written))
        return found in (way, None)

    gone = {origin for origin in members.origins if not passes_somehow(origin, known.said, passes)}
    left = replace(members, origins=members.origins - gone) if gone else members
    box = left.box
    if box is None or box.kind not in ("list", "tuple") or not box.items:
        return left
    items = [item for item in box.items if passes(item.value)]
    return left if len(items) == len(box.items) else replace(left, box=replace(box, items=items))


def passes_somehow(origin: Origin, said: Roles, passes: Callable[[Value], bool]) -> bool:
    """Whether a test lets an answer through that a state holds among others, in some message that
    it may be."""
    roles = said.get(origin.chain[-1][0], ()) if origin.how == "state" else ()
    return (
        not roles
        or UNTOLD in roles
        or any(passes(Value(box=Box("object", fields={"role": static(role)}))) for role in roles)
    )


def outcome(test: ast.expr, name: str, member: Value, written: WrittenText) -> bool | None:
    """How a part of a test comes out for a member that is called `name`; None where that is
    open."""
    match test:
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=of), named]) if of == name:
            return is_of_class(member, named)
        case ast.Compare(left=left, ops=[operator], comparators=[other]):
            held = field_of(left, name, member)
            return None if held is None else compared(held, operator, other, written)
    return None


def is_of_class(member: Value, named: ast.expr) -> bool | None:
    """Whether a member is a message of a class, or of one of several; None where that is open."""
    role = role_of(member)
    classes = named.elts if isinstance(named, ast.Tuple) else [named]
    roles = [CLASS_ROLES.get(last_name(one)) for one in classes]
    if role is None or None in roles:
        return True if role is not None and role in roles else None
    return role in roles


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
            | ast.Call(
                func=ast.Name(id="getattr"),
                args=[ast.Name(id=of), ast.Constant(value=str(key)), *_],
            )
            | ast.Attribute(value=ast.Name(id=of), attr=key)
        ) if of == name:
            held = member.box.fields.get(key) if member.box is not None else None
            if held is not None:
                return held.static_text()
            return TYPE_ROLES.get(role_of(member) or "") if key == "type" else None
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
