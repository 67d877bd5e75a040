"""Methods of strings, lists and dicts, and the builtins that carry text along."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from charter_engine.parser import text
from charter_engine.parser.core import Frame
from charter_engine.parser.expressions import Expressions
from charter_engine.parser.recognise import CallShape
from charter_engine.parser.values import (
    MAX_ITEMS,
    Box,
    Element,
    Hole,
    Origins,
    Piece,
    Static,
    Value,
    as_pieces,
    join,
    moved,
    static,
    text_of,
)

GROWING = frozenset(
    "append appendleft add add_user_message add_ai_message add_message insert push put".split()
)
CONVERSATION = frozenset(
    "messages history msgs chat conversation context dialogue memory log transcript turns scratchpad".split()
)
FORGETTING = frozenset(
    "len isinstance range hasattr type bool id any all print input open round".split()
)
PASSING = frozenset("list tuple set sorted reversed deepcopy copy iter aiter dict filter".split())


class Methods(Expressions):
    """The layer that knows what the methods of Python's own types do to text and its origins."""

    def method(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """The outcome of a method of a string, list or dict; None where the receiver is none or the
        method unknown."""
        if receiver.pieces is not None or (
            shape.verb in ("join", "format") and receiver.box is None
        ):
            found = self.string_method(frame, node, receiver, shape)
            if found is not None:
                return found
        if shape.verb in GROWING or shape.verb in ("extend", "update", "setdefault"):
            return self.grow(frame, node, receiver, shape)
        if receiver.box is not None:
            return self.container_method(receiver, shape)
        return None

    def string_method(  # noqa: PLR0911 - one rule a method
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        verb = shape.verb
        if verb == "format" and receiver.pieces is not None:
            return self.format_method(receiver, shape)
        if verb == "format_map" and receiver.pieces is not None and shape.positional:
            source, value = shape.positional[0]
            lookup = self.mapping_lookup(value, source, {})
            return self.unknown_text(receiver, value, text.filled(receiver, lookup))
        if verb == "format":
            return Value(origins=receiver.all_origins() | self.arguments_origins(shape))
        if verb == "join" and shape.positional:
            return self.join_method(receiver, shape)
        if verb in ("strip", "lstrip", "rstrip"):
            characters = shape.positional[0][1].static_text() if shape.positional else None
            return text.stripped(receiver, verb, characters) or Value(origins=receiver.origins)
        if verb in text.STATIC_METHODS:
            written = receiver.static_text()
            arguments = [value.static_text() for _, value in shape.positional]
            if written is not None and None not in arguments:
                outcome = text.apply_static(
                    verb, written, [argument for argument in arguments if argument is not None]
                )
                if outcome is not None:
                    return static(outcome, node.lineno)
            return self.replaced(receiver, shape) or Value(
                origins=receiver.origins | self.arguments_origins(shape)
            )
        return None

    def replaced(self, receiver: Value, shape: CallShape) -> Value | None:
        """`template.replace("{name}", value)`: what replaces becomes a hole."""
        if shape.verb != "replace" or len(shape.positional) < 2:
            return None
        old = shape.positional[0][1].static_text()
        source, new = shape.positional[1]
        if not old or receiver.pieces is None:
            return None
        pieces: list[Piece] = []
        for piece in receiver.pieces:
            if isinstance(piece, Hole):
                pieces.append(piece)
                continue
            parts = piece.text.split(old)
            for number, part in enumerate(parts):
                if number:
                    pieces += (
                        new.pieces
                        if new.pieces is not None
                        else as_pieces(new, source, source.lineno, source.col_offset)
                    )
                pieces.append(Static(part, piece.line))
        return text_of(pieces)

    def format_method(self, receiver: Value, shape: CallShape) -> Value:
        fields: dict[str, tuple[Value, ast.expr | str]] = {}
        for number, (source, value) in enumerate(shape.positional):
            fields[str(number)] = (value, source)
        lookup: text.Lookup = fields.get
        for name, source, value in shape.keywords:
            if name == "**":
                lookup = self.mapping_lookup(value, source, fields)
            else:
                fields[name] = (value, source)
        return self.unknown_text(
            receiver, Value(origins=self.arguments_origins(shape)), text.filled(receiver, lookup)
        )

    def join_method(self, receiver: Value, shape: CallShape) -> Value:
        source, members = shape.positional[0]
        box = members.box
        certain = (
            box is not None and box.rest is None and not any(element.maybe for element in box.items)
        )
        if (
            certain
            and box is not None
            and box.items
            and receiver.pieces is not None
            and not members.origins
        ):
            return text.joined(
                receiver, [(element.value, element.value.source or source) for element in box.items]
            )
        whole = f"{receiver.static_text() or ''!r}.join({self.source_of(source)})"
        return text_of(
            (
                Hole(
                    whole[:400],
                    Value(origins=members.all_origins()),
                    source.lineno,
                    source.col_offset,
                ),
            )
        )

    def container_method(self, receiver: Value, shape: CallShape) -> Value | None:
        verb = shape.verb
        if verb in ("get", "pop") and receiver.box is not None:
            if receiver.box.kind == "list":
                return self.any_member(receiver)
            key = shape.positional[0][1] if shape.positional else Value()
            found = self.item(receiver, key)
            return (
                join(found, shape.positional[1][1], "default")
                if len(shape.positional) > 1
                else found
            )
        if verb in ("values", "items", "copy", "keys"):
            return receiver
        if verb in ("clear", "sort", "reverse", "remove", "count", "index"):
            return Value()
        return None

    def grow(self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape) -> Value | None:
        """`append` and its like: the list keeps what it is given, and whoever shares it sees
        that."""
        given = [value for _, value in shape.positional] + [value for _, _, value in shape.keywords]
        if not given:
            return None
        box = receiver.box
        if box is None:
            if shape.verb not in ("append", "extend", "appendleft", "update") or not isinstance(
                node.func, ast.Attribute
            ):
                return None
            box = Box(
                "list", rest=replace(receiver, types=frozenset()) if receiver.origins else None
            )
            self.assign(frame, node.func.value, replace(receiver, box=box))
        conversational = bool(
            set("_".join(shape.path[-2:-1]).lower().split("_")) & CONVERSATION or frame.all_loops()
        )
        maybe = frame.certainty > box.depth
        for value in given[-1:] if shape.verb == "insert" else given:
            added = history(value) if conversational else value
            if shape.verb == "insert":
                box.items.insert(0, Element(added, maybe))
            elif (
                shape.verb in ("extend", "update")
                and value.box is not None
                and value.box.kind == box.kind
            ):
                self.merge_into(box, value.box, maybe)
                if value.origins:
                    self.add_item(box, Value(origins=added.origins), maybe)
            elif shape.verb == "update" and value.box is not None:
                box.fields |= value.box.fields
            else:
                self.add_item(box, added, maybe)
        return Value()

    def merge_into(self, box: Box, other: Box, maybe: bool) -> None:
        for element in other.items:
            self.add_item(box, element.value, maybe or element.maybe)
        for name, value in other.fields.items():
            box.fields[name] = (
                join(box.fields[name], value) if name in box.fields and maybe else value
            )
        if other.rest is not None:
            box.rest = join(box.rest, other.rest)

    def add_item(self, box: Box, value: Value, maybe: bool) -> None:
        """Add a member once, however often the loop around it goes round; one with new origins is
        new."""
        origins = value.all_origins()
        for element in box.items:
            if element.value is value or (
                maybe and element.maybe and origins and element.value.all_origins() == origins
            ):
                return
        self.heap += 1
        if len(box.items) < MAX_ITEMS:
            box.items.append(Element(value, maybe))
        else:
            box.rest = join(box.rest, value)
        if box.joined_to is not None:
            self.add_item(box.joined_to, value, True)

    def builtin(self, frame: Frame, node: ast.Call, name: str, shape: CallShape) -> Value | None:  # noqa: PLR0911 - one rule a name
        """`str(x)`, `dedent(…)`, `list(…)` and others that carry a value along."""
        first = shape.positional[0][1] if shape.positional else None
        if first is None:
            return None
        if name == "str":
            return (
                first
                if first.pieces is not None
                else text_of(as_pieces(first, node, node.lineno, node.col_offset))
            )
        if name in ("dedent", "cleandoc"):
            written = first.static_text()
            outcome = text.apply_static(name, written, []) if written is not None else None
            return (
                static(outcome, node.lineno)
                if outcome is not None
                else Value(origins=first.origins)
            )
        if name in PASSING:
            return first
        if name == "enumerate":
            return Value(
                box=Box(
                    "list",
                    rest=Value(
                        box=Box("tuple", [Element(Value()), Element(self.any_member(first))])
                    ),
                )
            )
        if name == "zip":
            members = [Element(self.any_member(value)) for _, value in shape.positional]
            return Value(box=Box("list", rest=Value(box=Box("tuple", members))))
        if name in FORGETTING:
            return Value()
        if name in ("int", "float", "max", "min", "sum", "abs", "next", "repr"):
            return Value(origins=self.arguments_origins(shape))
        return None

    def arguments_origins(self, shape: CallShape) -> Origins:
        return self.origins_of(
            [value for _, value in shape.positional] + [value for _, _, value in shape.keywords]
        )


def history(value: Value, depth: int = 0) -> Value:
    """A value that went into a conversation, with everything in it."""
    if value.box is not None and value.box.kind == "dict" and depth < 3:
        fields = {name: history(member, depth + 1) for name, member in value.box.fields.items()}
        return replace(moved(value, "history"), box=Box("dict", fields=fields, rest=value.box.rest))
    return moved(value, "history")
