"""Records as tables of their fields, and whichever records they hold."""

import inspect
from collections.abc import Collection, Iterable, Iterator

from msgspec import inspect as msgspec_types
from msgspec.inspect import DataclassType, Field, StructType, Type

from scripts.reference.tables import anchor, code, table

MANY = 8
"""Kinds of record beyond which a field does not name them."""
PLAIN: dict[type[Type], str] = {
    msgspec_types.AnyType: "anything",
    msgspec_types.NoneType: "null",
    msgspec_types.BoolType: "true or false",
    msgspec_types.IntType: "integer",
    msgspec_types.FloatType: "number",
    msgspec_types.StrType: "text",
    msgspec_types.BytesType: "bytes",
    msgspec_types.RawType: "msgpack",
}


def meaning(record: type) -> str:
    """What a record's docstring says; empty where msgspec wrote one of its own."""
    text = record.__doc__ or ""
    return "" if text.startswith(f"{record.__name__}(") else inspect.cleandoc(text)


def fields_of(record: type) -> str:
    """A table of a record's fields."""
    kind = msgspec_types.type_info(record)
    assert isinstance(kind, StructType | DataclassType)
    rows = (
        (code(field.encode_name), spelled(field.type), _default(field)) for field in kind.fields
    )
    return table(("key", "value", "without it"), rows)


def spelled(kind: Type) -> str:
    """A type in words; records are linked to."""
    match kind:
        case StructType(cls=cls) | DataclassType(cls=cls):
            words = f"[{cls.__name__}](#{anchor(cls.__name__)})"
        case msgspec_types.LiteralType(values=values):
            words = ", ".join(code(str(value)) for value in sorted(values, key=str))
        case msgspec_types.UnionType(types=several) if len(several) > MANY:
            words = "any of the records below"
        case msgspec_types.UnionType(types=several):
            words = " or ".join(map(spelled, several))
        case msgspec_types.DictType(key_type=key, value_type=value):
            words = f"by {spelled(key)}: {spelled(value)}"
        case msgspec_types.TupleType(item_types=several):
            words = f"[{', '.join(map(spelled, several))}]"
        case msgspec_types.VarTupleType(item_type=item) | msgspec_types.ListType(item_type=item):
            words = f"list of {spelled(item)}"
        case _:
            words = PLAIN[type(kind)]
    return words


def held_by(kinds: Iterable[object], shown: Collection[type] = ()) -> tuple[type, ...]:
    """The records that types hold, at any depth, by name; without those that are shown already."""
    found: set[type] = set()
    waiting = [msgspec_types.type_info(kind) for kind in kinds]
    while waiting:
        for kind in _records_in(waiting.pop()):
            if kind.cls not in found:
                found.add(kind.cls)
                waiting.append(kind)
    return tuple(sorted(found - set(shown), key=_by_name))


def _by_name(record: type) -> tuple[str, str]:
    return record.__name__, record.__module__


def _records_in(kind: Type) -> Iterator[StructType | DataclassType]:
    """The records that a type names, itself left out."""
    for one in _inside(kind):
        if isinstance(one, StructType | DataclassType):
            yield one
        else:
            yield from _records_in(one)


def _inside(kind: Type) -> tuple[Type, ...]:
    match kind:
        case StructType(fields=fields) | DataclassType(fields=fields):
            return tuple(field.type for field in fields)
        case msgspec_types.UnionType(types=several):
            return tuple(several)
        case msgspec_types.DictType(key_type=key, value_type=value):
            return key, value
        case msgspec_types.TupleType(item_types=several):
            return tuple(several)
        case msgspec_types.VarTupleType(item_type=item) | msgspec_types.ListType(item_type=item):
            return (item,)
    return ()


def _default(field: Field) -> str:
    if field.required:
        return "needed"
    value = field.default_factory() if callable(field.default_factory) else field.default
    if value is None:
        return "null"
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, str | int | float) and value != "":
        return code(str(value))
    return "its own defaults" if value else "empty"
