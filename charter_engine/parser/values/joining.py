"""What is known of a value that is one or the other, by the way the program took."""

from __future__ import annotations

from msgspec.structs import replace

from charter_engine.parser.values.pieces import written_in
from charter_engine.parser.values.values import (
    NOT_PUT_THERE,
    UNKNOWN,
    Box,
    Hole,
    Made,
    Piece,
    Static,
    Type,
    Value,
)


def join(first: Value | None, second: Value | None, name: str = "", depth: int = 0) -> Value:
    """What is known of a value that is one or the other, by the way the program took."""
    if first is None or first is NOT_PUT_THERE:
        return second or first or UNKNOWN
    if second is None or second is NOT_PUT_THERE or first is second:
        return first
    is_text = first.pieces is not None or second.pieces is not None
    box = first.box or second.box
    if first.box is not None and second.box is not None:
        box = join_apart(first, second) or join_boxes(first.box, second.box, depth)
    return Value(
        first.types | second.types,
        join_pieces(first, second, name) if is_text else None,
        first.origins | second.origins,
        box,
        first.constant if first.constant == second.constant else None,
    )


def join_pieces(first: Value, second: Value, name: str) -> tuple[Piece, ...] | None:
    """The common beginning of two texts, then a hole for what differs."""
    if first.pieces is None or second.pieces is None:
        return None if first.pieces is second.pieces else (Hole(name, join_origins(first, second)),)
    if first.pieces == second.pieces:
        return first.pieces
    common: list[Piece] = []
    for mine, other in zip(first.pieces, second.pieces, strict=False):
        if mine != other:
            common += beginning_of(mine, other)
            break
        common.append(mine)
    rests = (pieces[len(common) :] for pieces in (first.pieces, second.pieces))
    written = min(map(written_in, rests), key=len)
    return (*common, Hole(name, join_origins(first, second), written=written))


def beginning_of(first: Piece, second: Piece) -> tuple[Piece, ...]:
    """The text that another one goes on from: `text = "Be brief."`, `text += " Or not."`."""
    if not isinstance(first, Static) or not isinstance(second, Static) or first.path != second.path:
        return ()
    short, long = sorted((first, second), key=lambda piece: len(piece.text))
    return (short,) if short.text and long.text.startswith(short.text) else ()


def join_origins(first: Value, second: Value) -> Value:
    return Value(origins=first.origins | second.origins)


def join_apart(first: Value, second: Value) -> Box | None:
    """What either of two agents was made with, which both keep for themselves; None for values of
    any other kind."""
    one, other = first.box, second.box
    if one is None or other is None or one is other or not made_apart(first.types, second.types):
        return None
    fields = {
        name: join(one.fields.get(name), other.fields.get(name), name, MAX_JOINED_DEPTH + 1)
        for name in one.fields | other.fields
    }
    return Box("object", fields=fields)


def either(first: Value, second: Value) -> Value:
    """What either of two objects holds, each of which keeps it for itself; what is added reaches
    the first."""
    if first.box is None or second.box is None or first.box is second.box:
        return join(first, second)
    boxes = [
        replace(box, items=list(box.items), fields=dict(box.fields), joined_to=None)
        for box in (first.box, second.box)
    ]
    boxes[0].joined_to = first.box
    mine, other = (
        replace(value, box=box) for value, box in zip((first, second), boxes, strict=True)
    )
    return join(mine, other, depth=MAX_JOINED_DEPTH)


def held_apart(value: Value, kept: Value) -> Value:
    """A value that several objects hold, as one of them holds it: what is added to it reaches what
    that object keeps."""
    if value.box is None:
        return value
    box = replace(
        value.box, items=list(value.box.items), fields=dict(value.box.fields), joined_to=kept.box
    )
    return replace(value, box=box)


def made_apart(first: frozenset[Type], second: frozenset[Type]) -> bool:
    """Whether two values were made in different places."""
    made = {kind for kind in first if type(kind) is Made}
    return bool(made) and made != {kind for kind in second if type(kind) is Made}


def join_boxes(first: Box | None, second: Box | None, depth: int = 0) -> Box | None:
    """One box that holds what either holds; the first keeps its identity so that later changes
    reach both names.

    Boxes may hold themselves, so that only a few levels are joined member by member.
    """
    if first is None or second is None or first is second or depth > MAX_JOINED_DEPTH:
        return first or second
    known = {id(element.value) for element in first.items}
    placed = {
        element.place: number
        for number, element in enumerate(first.items)
        if element.place and not element.value.origins
    }
    first.limit = first.limit or second.limit
    if first.kind == second.kind == "tuple" and len(first.items) == len(second.items):
        known |= {id(element.value) for element in second.items}
        for mine, other in zip(first.items, second.items, strict=True):
            mine.value = join_parts(mine.value, other.value, depth + 1)
    begins = second.items[0] if second.items and first.items else None
    is_other = second.rest is not None and not second.items
    if begins is not None:
        is_other = id(begins.value) not in known and begins.place not in placed
    if is_other and first.items:
        first.begins_either_way = True
    for element in list(second.items):
        if element.place in placed:
            first.limit = first.limit or element.limit
            if element.value.origins and element.value.box is None:
                put_in_place(first, placed[element.place], element.value)
        elif id(element.value) not in known and len(first.items) < MAX_ITEMS:
            first.items.append(element.uncertain())
    for name, value in list(second.fields.items()):
        first.fields[name] = join(first.fields.get(name), value, name, depth + 1)
    if second.rest is not None:
        first.rest = join(first.rest, second.rest, "", depth + 1)
    if second.keys is not None:
        first.keys = join(first.keys, second.keys, "", depth + 1)
    second.joined_to = first
    return first


def put_in_place(box: Box, number: int, other: Value) -> None:
    """Let a text in a list be what another call of the same function has put there, too, where a
    model has a part in that."""
    mine = box.items[number]
    if mine.value.box is None:
        box.items[number] = replace(mine, value=join(mine.value, other, "item"))


def join_parts(first: Value, second: Value, depth: int) -> Value:
    """What either of two tuples has in one place; an empty list beside a text of what went wrong
    (`return [], "Too long."`) says that there is none."""
    if is_empty_list(first) and second.box is not None and second.box.kind == "list":
        return second
    if is_empty_list(second) and first.box is not None and first.box.kind == "list":
        return first
    return join(first, second, "item", depth)


def is_empty_list(value: Value) -> bool:
    """Whether a value is a list without members."""
    box = value.box
    return box is not None and box.kind == "list" and not box.items and box.rest is None


MAX_JOINED_DEPTH = 3
"""Assumed: members of members are told apart no deeper; boxes may hold themselves."""

MAX_ITEMS = 200
"""A list literal longer than this is data, not a conversation: further members are kept as one."""


def join_names(first: dict[str, Value], second: dict[str, Value]) -> dict[str, Value]:
    """The names that stand after either of two ways; an attribute only if both stored it."""
    joined = dict(first)
    for name in first.keys() - second.keys():
        if "." in name:
            del joined[name]
    for name, value in second.items():
        held = joined.get(name)
        if held is value:
            continue
        if held is not None:
            joined[name] = join(held, value, name)
        elif "." not in name:
            joined[name] = value
    return joined
