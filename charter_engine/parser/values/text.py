"""String operations on texts with holes: `.format`, `%`, `join`, `strip`, templates. Pure functions
over pieces.

Where an operation's outcome depends on what fills a hole in a way that can't be written down, the
result is None and the caller says that the text is unknown.
"""

from __future__ import annotations

import ast
import inspect
import re
import string
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from charter_engine.parser.prompts.jinja import written_out
from charter_engine.parser.values.origins import NOTHING, Origins
from charter_engine.parser.values.pieces import as_pieces, static, text_of, written_in
from charter_engine.parser.values.values import Box, Element, Hole, Piece, Static, Value

Lookup = Callable[[str], tuple[Value, "ast.expr | str"] | None]
"""The value of a field by its name (or position), and the source of what fills it."""

PERCENT = re.compile(
    r"%(?:\((?P<key>[^)]*)\))?(?P<flags>[-+ #0]*)(?P<width>\d*|\*)"
    r"(?:\.(?P<precision>\d+|\*))?(?P<type>[a-zA-Z%])"
)
DOLLAR = re.compile(r"\$(?:(?P<escaped>\$)|(?P<named>[_a-zA-Z]\w*)|\{(?P<braced>[_a-zA-Z]\w*)\})")
KERNEL = re.compile(r"\{\{\s*\$(?P<name>[A-Za-z_]\w*)\s*\}\}")
JINJA = re.compile(r"\{\{-?\s*(?P<name>[A-Za-z_][\w.]*)\s*-?\}\}")


def filled(template: Value, lookup: Lookup) -> Value | None:
    """`template.format(...)`: every piece of static text is parsed on its own, holes stay as they
    are."""
    pieces: list[Piece] = []
    for piece in template.pieces or ():
        if isinstance(piece, Hole):
            pieces.append(piece)
            continue
        parts = (
            [piece]
            if piece.name and "{" not in piece.text and "}" not in piece.text
            else filled_static(piece, lookup)
        )
        if parts is None:
            return None
        pieces += parts
    return text_of(pieces)


def filled_static(piece: Static, lookup: Lookup) -> list[Piece] | None:
    pieces: list[Piece] = []
    automatic = 0
    try:
        fields = list(string.Formatter().parse(piece.text))
    except ValueError:
        return None
    for literal, name, spec, conversion in fields:
        pieces.append(piece.part(literal, piece.text.find(literal) if literal else 0))
        if name is None:
            continue
        if not name or name[0] in ".[":
            numbered, automatic = f"{automatic}{name}", automatic + 1
        else:
            numbered = name
        pieces += field_pieces(numbered, spec or "", conversion or "", piece.source_line, lookup)
    return pieces


def field_pieces(
    name: str, spec: str, conversion: str, line: int, lookup: Lookup
) -> tuple[Piece, ...]:
    """What stands for one replacement field; `name` may go on into attributes and items
    (`user[name].first`)."""
    base = re.split(r"[.\[]", name, maxsplit=1)[0]
    whole = lookup(name) if name != base and not spec and not conversion else None
    if whole is not None:
        return as_pieces(*whole, line)
    found = lookup(base)
    if found is None:
        return (Hole(name, Value(), line),)
    value, source = found
    if name == base and not spec and not conversion:
        return as_pieces(value, source, line)
    text = source if isinstance(source, str) else ast.unparse(source)
    rest = re.sub(r"\[([^\]]*)\]", lambda match: f"[{item_source(match[1])}]", name[len(base) :])
    return (
        Hole(
            formatted_source(text + rest, spec, conversion),
            Value(origins=value.all_origins()),
            line,
        ),
    )


def item_source(key: str) -> str:
    return key if key.isdigit() else repr(key)


def formatted_source(source: str, spec: str, conversion: str) -> str:
    """The expression that gives the text of a replacement field with a conversion and a format."""
    if conversion:
        source = f"{ {'r': 'repr', 's': 'str', 'a': 'ascii'}.get(conversion, 'str') }({source})"
    return f"format({source}, {spec!r})" if spec else source


def percent(template: Value, lookup: Lookup) -> Value | None:
    """`template % values`. Positions are looked up as "0", "1", …"""
    pieces: list[Piece] = []
    position = 0
    for piece in template.pieces or ():
        if isinstance(piece, Hole):
            pieces.append(piece)
            continue
        start = 0
        for match in PERCENT.finditer(piece.text):
            pieces.append(piece.part(piece.text[start : match.start()], start))
            start = match.end()
            if match["type"] == "%":
                pieces.append(Static("%", piece.line))
                continue
            name = match["key"] if match["key"] is not None else str(position)
            position += match["key"] is None
            pieces += percent_pieces(match, name, piece.source_line, lookup)
        pieces.append(piece.part(piece.text[start:], start))
    return text_of(pieces)


def percent_pieces(match: re.Match[str], name: str, line: int, lookup: Lookup) -> tuple[Piece, ...]:
    found = lookup(name)
    if found is None:
        return (Hole(name, Value(), line),)
    value, source = found
    plain = not match["flags"] and not match["width"] and not match["precision"]
    if plain and (match["type"] == "s" or (match["type"] in "di" and value.constant is not None)):
        return as_pieces(value, source, line)
    if match["type"] == "s" and plain:
        return as_pieces(value, source, line)
    text = source if isinstance(source, str) else ast.unparse(source)
    spec = (
        "%"
        + match["flags"]
        + match["width"]
        + ("." + match["precision"] if match["precision"] else "")
        + match["type"]
    )
    return (Hole(f"{spec!r} % ({text},)", Value(origins=value.all_origins()), line),)


def substituted(template: Value, lookup: Lookup, pattern: re.Pattern[str]) -> Value | None:
    """`string.Template.substitute` and the plain fields of a Jinja template."""
    pieces: list[Piece] = []
    for piece in template.pieces or ():
        if isinstance(piece, Hole):
            pieces.append(piece)
            continue
        if pattern is JINJA and "{%" in piece.text:
            plain = substituted(Value(pieces=written_out(piece)), lookup, pattern)
            pieces += plain.pieces or () if plain is not None else ()
            continue
        start = 0
        for match in pattern.finditer(piece.text):
            pieces.append(piece.part(piece.text[start : match.start()], start))
            start = match.end()
            pieces += field_of(match, piece.source_line, lookup)
        pieces.append(piece.part(piece.text[start:], start))
    return text_of(pieces)


def field_of(match: re.Match[str], line: int, lookup: Lookup) -> tuple[Piece, ...]:
    groups = match.groupdict()
    if groups.get("escaped"):
        return (Static("$", line),)
    name = groups.get("name") or groups.get("named") or groups.get("braced") or ""
    found = lookup(name.partition(".")[0])
    if found is None or "." in name:
        return (Hole(name, found[0] if found else Value(), line),)
    return as_pieces(found[0], found[1], line)


FILLINGS: dict[str, Callable[[Value, Lookup], Value | None]] = {
    "format": filled,
    "dollar": partial(substituted, pattern=DOLLAR),
    "jinja": partial(substituted, pattern=JINJA),
    "kernel": partial(substituted, pattern=KERNEL),
}
"""How a template is filled in, by the syntax of its fields."""


def unknown(template: Value) -> Value:
    """A text made from a template in a way that can't be told."""
    return text_of((Hole("", Value(origins=template.all_origins())),))


def joined(separator: Value, members: Iterable[tuple[Value, ast.expr | str]]) -> Value:
    """`separator.join([...])` over members that are known one by one."""
    pieces: list[Piece] = []
    for number, (value, source) in enumerate(members):
        if number:
            pieces += separator.pieces or ()
        pieces += as_pieces(value, source) if value.pieces is None else value.pieces
    return text_of(pieces)


def stripped(value: Value, side: str, characters: str | None) -> Value:
    """`strip`, `lstrip`, `rstrip` (`side` as Python names it). Where a hole stands at an end, what
    fills it is stripped; it is taken to hold more than that."""
    pieces = list(value.pieces or ())
    if len(pieces) == 1:
        left = end_stripped(pieces[0], side, characters)
        return text_of(() if left is None else (left,))
    for end, number in (("lstrip", 0), ("rstrip", -1)):
        while side in ("strip", end) and pieces:
            piece = pieces.pop(number)
            left = end_stripped(piece, end, characters)
            if left is not None:
                pieces.insert(number if number == 0 else len(pieces), left)
                break
    return text_of(pieces)


def end_stripped(piece: Piece, side: str, characters: str | None) -> Piece | None:
    """What is left of a piece at an end of a text; None where that is nothing."""
    if isinstance(piece, Hole):
        given = "" if characters is None else repr(characters)
        source = piece.source if isinstance(piece.source, str) else ast.unparse(piece.source)
        value = piece.value
        inner = stripped(value, side, characters) if value.pieces is not None else None
        return replace(
            piece,
            source=source and f"{source}.{side}({given})",
            value=inner or Value(origins=value.all_origins()),
        )
    text: str = getattr(piece.text, side)(characters)
    return piece.part(text) if text else None


def remade(value: Value, node: ast.expr, given: Origins = NOTHING) -> Value:
    """What is made of a text, with what else is `given`, in a way that can't be told."""
    origins = value.origins | given
    written = written_in(value.pieces or ())
    if not written:
        return Value(origins=origins)
    hole = Hole(node, Value(origins=origins), node.lineno, node.col_offset, written)
    return text_of((hole,))


STATIC_METHODS: dict[str, Callable[..., object]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "capitalize": str.capitalize,
    "replace": str.replace,
    "removeprefix": str.removeprefix,
    "removesuffix": str.removesuffix,
    "expandtabs": str.expandtabs,
    "dedent": textwrap.dedent,
    "cleandoc": inspect.cleandoc,
}


def apply_static(method: str, text: str, arguments: list[str]) -> str | None:
    """The outcome of a string method where everything stands in the source."""
    try:
        outcome = STATIC_METHODS[method](text, *arguments)
    except (TypeError, ValueError):
        return None
    return outcome if isinstance(outcome, str) else None


SPLITTING = frozenset("split rsplit partition rpartition".split())
"""Methods that divide a text at another."""

MAX_PARTS = 16
"""Into so many parts a text is divided at most; assumed: paths and keys have fewer."""


def split_up(
    value: Value, method: str, given: Sequence[tuple[ast.expr, Value]], line: int
) -> Value | None:
    """The parts of a text that is known in whole, as a list; None where it isn't known, nor by what
    and how often it is divided."""
    written = value.static_text()
    arguments: list[Any] = [
        one.constant[0] if one.constant is not None else one.static_text() for _, one in given
    ]
    if written is None or None in arguments:
        return None
    try:
        parts = getattr(written, method)(*arguments)
    except (TypeError, ValueError):
        return None
    if len(parts) > MAX_PARTS:
        return None
    return Value(box=Box("list", [Element(static(part, line)) for part in parts]))
