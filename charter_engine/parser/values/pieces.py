"""Texts as pieces: put together, put into others, and told apart by what they are filled with."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from msgspec.structs import replace

from charter_engine.parser.values.origins import NOTHING, Origins
from charter_engine.parser.values.values import (
    Hole,
    Piece,
    Static,
    Value,
)

MAX_NESTING = 8
"""Assumed: deeper than prompts are put together; texts may hold each other."""


def static(text: str, line: int = 0) -> Value:
    return Value(pieces=(Static(text, line),) if text else ())


def as_pieces(
    value: Value, source: ast.expr | str, line: int = 0, column: int = 0
) -> tuple[Piece, ...]:
    """The text of `value` where `source` puts it into another text."""
    if value.constant is not None and type(value.constant[0]) in (int, bool):
        return (Static(str(value.constant[0]), line),)
    written = value.static_text()
    if written is None:
        told = "" if value.pieces is not None else written_inside(value)
        return (Hole(source, value, line, column, told),)
    name = constant_name(source)
    if name and value.pieces:
        return (Static(written, line_of(value.pieces), name, file_of(value.pieces)),)
    return value.pieces or ()


def pieces_of(value: Value) -> tuple[Piece, ...]:
    """A text's pieces; what is none is a hole in one."""
    if value.pieces is not None:
        return value.pieces
    return (
        Hole(
            value.source if value.source is not None else "",
            replace(value, box=None, origins=value.all_origins()),
        ),
    )


def constant_name(source: ast.expr | str) -> str:
    """The name of a constant: an attribute, or a name in capitals."""
    if isinstance(source, ast.Attribute):
        return source.attr
    return source.id if isinstance(source, ast.Name) and source.id.isupper() else ""


def file_of(pieces: tuple[Piece, ...]) -> str:
    return pieces[0].path if isinstance(pieces[0], Static) else ""


def line_of(pieces: tuple[Piece, ...]) -> int:
    return pieces[0].line if pieces else 0


def text_of(pieces: Iterable[Piece]) -> Value:
    """A string made of `pieces`, with the origins of what fills its holes."""
    merged: list[Piece] = []
    origins: Origins = NOTHING
    for piece in pieces:
        if isinstance(piece, Hole):
            origins |= piece.value.all_origins()
        add_piece(merged, piece)
    return Value(pieces=tuple(merged), origins=origins)


def add_piece(pieces: list[Piece], piece: Piece) -> None:
    """Append a piece; neighbouring texts become one, except the text of a named constant."""
    last = pieces[-1] if pieces else None
    if (
        isinstance(piece, Static)
        and isinstance(last, Static)
        and not (piece.name or last.name)
        and piece.path == last.path
    ):
        pieces[-1] = last.part(last.text + piece.text)
    elif not (isinstance(piece, Static) and not piece.text):
        pieces.append(piece)


def flattened(pieces: Iterable[Piece], depth: int = 0) -> list[Piece]:
    """Texts that fill holes take the holes' places, as far as they are known."""
    found: list[Piece] = []
    for piece in pieces:
        inner = piece.value.pieces if isinstance(piece, Hole) else None
        for part in (
            flattened(inner, depth + 1) if inner is not None and depth < MAX_NESTING else (piece,)
        ):
            add_piece(found, part)
    return found


def written_in(pieces: Iterable[Piece]) -> str:
    """What the source writes out of a text, on each way through the program."""
    return "".join(
        [
            piece.text
            if isinstance(piece, Static)
            else piece.written or written_in(piece.value.pieces or ())
            for piece in pieces
        ]
    )


def written_inside(value: Value) -> str:
    """What the source writes out of a message or another record that is put into a text whole."""
    held = value.box.fields.values() if value.box is not None else ()
    return "".join(written_in(field.pieces or ()) for field in held)


def holes_of(value: Value) -> list[Hole]:
    """The holes of a text, and those of the texts that fill them."""
    found: list[Hole] = []
    pending = list(pieces_of(value))
    while pending and len(found) < 200:
        piece = pending.pop()
        if isinstance(piece, Hole):
            found.append(piece)
            pending += piece.value.pieces or ()
    return found
