"""What a request offers a model beside its messages: tools, and the schema of its answer.

Chat templates write the definitions in front of the messages, each as JSON on a line of its own.
Of functions and classes, SDKs make the definitions; here they are made the same way, from
signatures, fields and docstrings.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from itertools import takewhile

from charter_engine.parser.model_calls.catalogue import Family
from charter_engine.parser.model_calls.findings import Offer
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.prompts.prompts import arguments_by_name, field_of
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, dotted_name
from charter_engine.parser.values.candidates import in_order
from charter_engine.parser.values.values import Box, Class, Function, Hole, Static, Value

TOOLS = ("tools", "functions", "config.tools")
SCHEMAS = (
    "response_model",
    "response_format",
    "response_schema",
    "text_format",
    "output_type",
    "output_schema",
    "output_pydantic",
    "result_type",
    "config.response_schema",
    "config.response_json_schema",
)
OFFERED = (*TOOLS, *SCHEMAS)
OFFERED_IN = frozenset(name.partition(".")[0] for name in OFFERED)
"""The arguments that these are, or are parts of."""

KEPT_AS = {
    "bind_tools": "tools",
    "bind_functions": "functions",
    "with_structured_output": "response_model",
}
"""Methods that give a model something to offer in every request."""

HOLDING = (
    "function_declarations",
    "func",
    "fn",
    "async_fn",
    "function",
    "coroutine",
    "0",
)
"""Under these names, objects of SDKs hold a function or the definitions of some."""

WRITTEN_SO = frozenset(("type", "name", "function", "toolSpec", "json_schema"))
"""What stands in a definition that is written out as a dict."""

TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
ARRAYS = frozenset("list List tuple Tuple set Set Sequence Iterable".split())
OBJECTS = frozenset("dict Dict Mapping Any object".split())
MOST_OFFERED = 64
"""Assumed: tools of one request; no model is good with as many."""
MOST_NESTED = 20
"""Assumed: deeper than a schema is written; a value may hold itself."""


def offers(shape: CallShape, family: Family, holder: Value) -> tuple[Offer, ...]:
    """What a call offers, in the order of the request: tools first. `holder` is the agent or model
    that may have been given some before."""
    given = arguments_by_name(shape, family)
    sources: dict[str, ast.expr] = {name: node for name, node, _ in shape.keywords}
    held = holder.box.fields if holder.box is not None and holder.box.kind == "object" else {}
    if OFFERED_IN.isdisjoint(given) and OFFERED_IN.isdisjoint(held):
        return ()
    found: list[Offer] = []
    for name in OFFERED:
        value = field_of(given, name) or field_of(held, name)
        if value is not None and not says_nothing(value):
            source = value.source or sources.get(name)
            found += offered_by(value, name if source is None else source)
    return tuple(found[:MOST_OFFERED])


def says_nothing(value: Value) -> bool:
    """None, an empty list, or a format that has no schema, such as `{"type": "json_object"}`."""
    if value.constant is not None or value.pieces is not None:
        return True
    box = value.box
    if box is None:
        return False
    is_plain = set(box.fields) == {"type"} and box.fields["type"].static_text() is not None
    return is_plain or not (box.items or box.fields or box.rest or value.types)


def offered_by(value: Value, source: ast.expr | str, depth: int = 0) -> Iterator[Offer]:
    """The definitions that a value holds: of a list, those that it has in any case before what it
    may have."""
    box = value.box
    if depth > 3:
        yield Offer(Hole(source, Value(), *place_of(source)))
    elif (defined := definition_of(value)) is not None:
        yield defined
    elif box is None:
        yield Offer(Hole(source, Value(), *place_of(source)))
    else:
        sure = [item.value for item in takewhile(lambda item: not item.maybe, box.items)]
        is_whole = box.rest is None and len(sure) == len(box.items)
        members = sure if sure or not is_whole else members_of(box)
        for member in members:
            yield from offered_by(member, member.source or source, depth + 1)
        if not members or not is_whole:
            yield Offer(Hole(source, Value(), *place_of(source)))


def members_of(box: Box) -> list[Value]:
    """The definitions in an object of an SDK, or in a dict that keeps them by their names."""
    held = next((box.fields[name] for name in HOLDING if name in box.fields), None)
    if box.kind == "object":
        return [held] if held is not None else []
    by_name = WRITTEN_SO.isdisjoint(box.fields)
    return list(box.fields.values()) if by_name else []


def definition_of(value: Value) -> Offer | None:
    """The definition that a value is: written out as a dict, or a function or class at hand."""
    for kind in in_order(value.types):
        if isinstance(kind, Function):
            node = kind.definition.node
            return Offer(Static(as_json(of_function(kind.definition)), node.lineno), made=True)
        if isinstance(kind, Class):
            node_of_class = kind.definition.node
            text = as_json(of_class(kind.definition))
            return Offer(Static(text, node_of_class.lineno), made=True)
    if value.box is None or value.box.kind != "dict" or WRITTEN_SO.isdisjoint(value.box.fields):
        return None
    try:
        return Offer(Static(as_json(data_of(value)), line_in(value)))
    except ValueError:
        return None


def data_of(value: Value, depth: int = 0) -> object:
    """A value as the data that stands in the source. Raises ValueError where some is unknown."""
    if depth > MOST_NESTED:
        raise ValueError("it may hold itself")
    if value.box is not None and value.box.rest is None and value.box.kind != "object":
        if value.box.kind == "dict":
            fields = value.box.fields.items()
            return {name: data_of(member, depth + 1) for name, member in fields}
        if not any(item.maybe for item in value.box.items):
            return [data_of(item.value, depth + 1) for item in value.box.items]
    if value.constant is not None:
        return value.constant[0]
    text = value.static_text()
    if text is None:
        raise ValueError("not all of it is written out")
    return text


def line_in(value: Value) -> int:
    """The first line of a text in a definition that is all written out."""
    lines = [piece.line for piece in value.pieces or () if isinstance(piece, Static) and piece.line]
    lines += [line_in(member) for member in (value.box.members() if value.box is not None else ())]
    return min(filter(None, lines), default=0)


def place_of(source: ast.expr | str) -> tuple[int, int]:
    return (0, 0) if isinstance(source, str) else (source.lineno, source.col_offset)


def as_json(definition: object) -> str:
    return json.dumps(definition, ensure_ascii=False)


def of_function(definition: FunctionDefinition) -> Mapping[str, object]:
    """A tool as SDKs define it for a function."""
    spec = definition.node.args
    own = {"self", "cls", "ctx", "context"}
    given = [arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if arg.arg not in own]
    required = [arg.arg for arg in given if arg not in with_default(spec)]
    properties = {arg.arg: schema_of(arg.annotation) for arg in given}
    described = (
        None if isinstance(definition.node, ast.Lambda) else ast.get_docstring(definition.node)
    )
    return {
        "type": "function",
        "function": {
            "name": definition.name,
            **({"description": described} if described else {}),
            "parameters": {"type": "object", "properties": properties, "required": required},
        },
    }


def with_default(spec: ast.arguments) -> list[ast.arg]:
    """The parameters that need not be given."""
    by_place = [*spec.posonlyargs, *spec.args]
    named = zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
    return [
        *by_place[len(by_place) - len(spec.defaults) :],
        *(arg for arg, default in named if default is not None),
    ]


def of_class(definition: ClassDefinition) -> Mapping[str, object]:
    """The schema of a class whose annotated fields are data."""
    fields = [
        (item.target.id, item)
        for item in definition.node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]
    described = ast.get_docstring(definition.node)
    return {
        "title": definition.name,
        **({"description": described} if described else {}),
        "type": "object",
        "properties": {
            name: {**schema_of(item.annotation), **description_in(item.value)}
            for name, item in fields
        },
        "required": [name for name, item in fields if item.value is None],
    }


def schema_of(annotation: ast.expr | None) -> dict[str, object]:
    """What an annotation says of a value, as JSON Schema."""
    name = dotted_name(annotation).rpartition(".")[2] if annotation is not None else ""
    if name in TYPES:
        return {"type": TYPES[name]}
    if name in ARRAYS:
        inner = annotation.slice if isinstance(annotation, ast.Subscript) else None
        return {"type": "array", **({"items": schema_of(inner)} if inner is not None else {})}
    return {"type": "object"} if name in OBJECTS else {"type": "string"}


def description_in(value: ast.expr | None) -> dict[str, object]:
    """`Field(description="…")`."""
    keywords = value.keywords if isinstance(value, ast.Call) else []
    given = next((item.value for item in keywords if item.arg == "description"), None)
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return {"description": given.value}
    return {}
