"""Strings: f-strings, `%`, and the methods of text, over values."""

from __future__ import annotations

import ast
from itertools import groupby
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.values import text
from charter_engine.parser.values.origins import NOTHING, Origins
from charter_engine.parser.values.pieces import as_pieces, static, text_of
from charter_engine.parser.values.values import Hole, Piece, Static, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


FILLING = ("format", "format_map")
"""Methods that fill the fields of a template."""

WHOLE = slice(None)
"""All members of a list."""


class Strings:
    """Evaluates what makes text of other values."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.evaluator = evaluator

    def f_string(self, frame: Frame, node: ast.JoinedStr) -> Value:
        pieces: list[Piece] = []
        parts: list[Any] = node.values  # a template string's fields have the shape of an f-string's
        for part in parts:
            if isinstance(part, ast.Constant):
                pieces.append(Static(str(part.value), part.lineno))
            else:
                pieces += self.formatted(frame, part)
        return text_of(pieces)

    def formatted(self, frame: Frame, part: ast.FormattedValue) -> tuple[Piece, ...]:
        value = self.evaluator.evaluate(frame, part.value)
        conversion = "" if part.conversion < 0 else chr(part.conversion)
        if part.format_spec is None and not conversion:
            return as_pieces(value, part.value, part.value.lineno, part.value.col_offset)
        spec = (
            self.evaluator.evaluate(frame, part.format_spec)
            if part.format_spec is not None
            else static("")
        )
        written = spec.static_text()
        source: ast.expr | str = part.value
        if written is not None:
            source = text.formatted_source(self.program.source_of(part.value), written, conversion)
        return (
            Hole(
                source, Value(origins=value.all_origins()), part.value.lineno, part.value.col_offset
            ),
        )

    def percent_format(self, frame: Frame, template: Value, node: ast.expr) -> Value:
        fields: dict[str, tuple[Value, ast.expr | str]] = {}
        if isinstance(node, ast.Tuple):
            fields = {
                str(number): (self.evaluator.evaluate(frame, item), item)
                for number, item in enumerate(node.elts)
            }
        elif isinstance(node, ast.Dict):
            for key, item in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant):
                    fields[str(key.value)] = (self.evaluator.evaluate(frame, item), item)
        else:
            value = self.evaluator.evaluate(frame, node)
            return unknown_text(
                template,
                value,
                text.percent(template, self.mapping_lookup(value, node, {"0": (value, node)})),
            )
        result = text.percent(template, fields.get)
        return unknown_text(
            template, Value(origins=origins_of(item for item, _ in fields.values())), result
        )

    def mapping_lookup(
        self, value: Value, node: ast.expr, known: dict[str, tuple[Value, ast.expr | str]]
    ) -> text.Lookup:
        """Fields taken from a mapping (`**row`, `% row`): what is filled in is `row["name"]`."""
        source = self.program.source_of(node)
        fields = value.box.fields if value.box is not None else {}

        def lookup(name: str) -> tuple[Value, ast.expr | str]:
            quoted = f'{source}["{name}"]' if '"' not in name else f"{source}[{name!r}]"
            return known.get(name) or (
                fields.get(name) or Value(origins=value.all_origins()),
                quoted,
            )

        return lookup

    def string_method(  # noqa: PLR0911 - one rule a method
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        verb = shape.verb
        if verb in FILLING and receiver.pieces is not None:
            return self.format_method(receiver, shape)
        if verb in FILLING:
            return Value(origins=receiver.all_origins() | arguments_origins(shape))
        if verb == "join" and shape.positional:
            return self.join_method(receiver, shape)
        if verb in ("strip", "lstrip", "rstrip"):
            characters = shape.positional[0][1].static_text() if shape.positional else None
            if characters is None and shape.positional:
                return text.remade(receiver, node)
            return text.stripped(receiver, verb, characters)
        if verb in text.SPLITTING:
            return text.split_up(receiver, verb, shape.positional, node.lineno)
        if verb in text.STATIC_METHODS:
            written = receiver.static_text()
            arguments = [value.static_text() for _, value in shape.positional]
            if written is not None and None not in arguments:
                outcome = text.apply_static(
                    verb, written, [argument for argument in arguments if argument is not None]
                )
                if outcome is not None:
                    return static(outcome, node.lineno)
            return self.replaced(receiver, shape) or text.remade(
                receiver, node, arguments_origins(shape)
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
        is_written = any(isinstance(one, Static) and old in one.text for one in receiver.pieces)
        given = Value() if is_written else Value(origins=new.all_origins())
        for piece in receiver.pieces:
            if isinstance(piece, Hole):
                pieces.append(with_filling(piece, given))
                continue
            parts = piece.text.split(old)
            for number, part in enumerate(parts):
                if number:
                    pieces += (
                        new.pieces
                        if new.pieces is not None
                        else as_pieces(new, source, source.lineno, source.col_offset)
                    )
                pieces.append(piece.part(part))
        return text_of(pieces)

    def format_method(self, receiver: Value, shape: CallShape) -> Value:
        fields: dict[str, tuple[Value, ast.expr | str]] = {}
        for number, (source, value) in enumerate(shape.positional):
            fields[str(number)] = (value, source)
        lookup: text.Lookup = fields.get
        if shape.verb == "format_map" and shape.positional:
            source, value = shape.positional[0]
            lookup = self.mapping_lookup(value, source, {})
        for name, source, value in shape.keywords:
            if name == "**":
                lookup = self.mapping_lookup(value, source, fields)
            else:
                fields[name] = (value, source)
        given = Value(origins=arguments_origins(shape))
        pieces = receiver.pieces or ()
        if not any(isinstance(piece, Static) and "{" in piece.text for piece in pieces):
            receiver = text_of([with_filling_of(piece, given) for piece in pieces])
        return unknown_text(receiver, given, text.filled(receiver, lookup))

    def join_method(self, receiver: Value, shape: CallShape) -> Value:
        """`"\\n".join(lines)`: members that are there on every way as they are, a hole for each run
        of others."""
        source, members = shape.positional[0]
        box = members.box
        is_open = box is None or box.rest is not None or not box.items or bool(members.origins)
        if box is None or is_open or receiver.pieces is None:
            return text_of((self.joined_part(receiver, source, members),))
        pieces: list[Piece] = []
        for is_certain, run in groupby(range(len(box.items)), lambda at: not box.items[at].maybe):
            places = list(run)
            if is_certain:
                items = [box.items[at].value for at in places]
                pieces += receiver.pieces if pieces else ()
                joined = text.joined(receiver, [(item, item.source or source) for item in items])
                pieces += joined.pieces or ()
            else:
                is_all = len(places) == len(box.items)
                part = WHOLE if is_all else slice(places[0], places[-1] + 1)
                pieces.append(self.joined_part(receiver, source, members, part))
        return text_of(pieces)

    def joined_part(
        self, receiver: Value, source: ast.expr, members: Value, part: slice = WHOLE
    ) -> Hole:
        """What some of the members come to, with what stands between them."""
        written = self.program.source_of(source)
        origins = members.all_origins()
        if members.box is not None and part != WHOLE:
            written = f"{written}[{part.start or ''}:{part.stop}]"
            origins = origins_of(item.value for item in members.box.items[part])
        whole = f"{receiver.static_text() or ''!r}.join({written})"
        return Hole(whole[:400], Value(origins=origins), source.lineno, source.col_offset)


def with_filling_of(piece: Piece, filling: Value) -> Piece:
    """A part of a template whose fields stand in what isn't seen, if in any part."""
    return with_filling(piece, filling) if isinstance(piece, Hole) else piece


def with_filling(hole: Hole, filling: Value) -> Hole:
    """A place whose text isn't seen, where a filling may have been put into it."""
    if not filling.origins:
        return hole
    value = hole.value.with_origins(filling.origins)
    return replace(hole, value=value)


def unknown_text(template: Value, filling: Value, result: Value | None) -> Value:
    if result is not None:
        return result
    return Value(origins=template.all_origins() | filling.all_origins())


def origins_of(values: Any) -> Origins:
    return NOTHING.union(*[value.all_origins() for value in values])


def answers_in(shape: CallShape) -> Origins:
    """The models' outputs among the arguments of a call; parameters' own origins are none."""
    return frozenset(origin for origin in arguments_origins(shape) if origin.chain[0][0] >= 0)


def arguments_origins(shape: CallShape) -> Origins:
    given = shape.given
    telling = [value.all_origins() for value in given if value.origins or value.box is not None]
    return NOTHING.union(*telling) if telling else NOTHING
