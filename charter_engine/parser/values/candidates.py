"""What a value may be, one by one: functions at hand, objects, agents and teams."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec.structs import replace

from charter_engine.parser.source.symbols import ClassDefinition
from charter_engine.parser.values.origins import Origin, Origins
from charter_engine.parser.values.values import (
    Class,
    External,
    Function,
    Instance,
    Kind,
    ListEnds,
    Made,
    Member,
    Package,
    Ran,
    Type,
    Value,
)


def place_of(kind: Type) -> str:
    """Where an object is made; empty for what is none."""
    return kind.place if isinstance(kind, Instance) else ""


def in_order(types: Collection[Type]) -> Collection[Type]:
    """The types by what and where they are: a set's own order changes from one run of Python to the
    next."""
    return types if len(types) < 2 else sorted(types, key=_place)


def _place(kind: Type) -> tuple[str, str, int, str]:
    match kind:
        case (
            Function(definition=definition)
            | Class(definition=definition)
            | Instance(definition=definition)
        ):
            name = type(kind).__name__ + place_of(kind)
            return name, definition.module.name, definition.node.lineno, ""
        case Package(module=module):
            return "Package", module.name, 0, ""
        case Made(module=module, node=node, name=name):
            return "Made", module.name, node.lineno, name
        case Member(kind=name, path=path):
            return "Member", f"{name} {path}", 0, ""
        case Kind(name=name) | External(dotted=name):
            return type(kind).__name__, name, 0, ""
        case Ran() | ListEnds():
            run = kind.node if isinstance(kind, Ran) else None
            place = (run.lineno, str(run.col_offset)) if run is not None else (0, "")
            return type(kind).__name__, "", *place


def each_object(value: Value) -> tuple[Value, ...]:
    """A value as each of the objects at hand that it may be, where several are of one class."""
    objects = [kind for kind in in_order(value.types) if isinstance(kind, Instance)]
    if len(objects) == len({kind.definition for kind in objects}):
        return (value,)
    others = value.types.difference(objects)
    return tuple(replace(value, types=others | {kind}) for kind in objects)


def without_ends(types: frozenset[Type]) -> frozenset[Type]:
    """What a value may be, where nothing is told of its first and last members."""
    return frozenset(kind for kind in types if type(kind) is not ListEnds) if types else types


def end_of(value: Value, index: object) -> Origins | None:
    """What the first or the last member of a list holds; None where that isn't told."""
    ends = [kind for kind in value.types if type(kind) is ListEnds] if value.box is None else []
    found = [one.first if index == 0 else one.last for one in ends]
    if not found or index not in (0, -1):
        return None
    told = [origins for origins in found if origins is not None]
    return frozenset[Origin]().union(*told) if len(told) == len(found) else None


def functions_in(value: Value) -> list[Function]:
    """The functions at hand that a value may be."""
    types = value.types
    return [kind for kind in in_order(types) if isinstance(kind, Function)] if types else []


def are_of_own_classes(members: Collection[Value]) -> bool:
    """Whether members of a list are objects at hand, no two of one class, each by itself or in a
    tuple (`for name, agent in agents.items()`)."""
    classes = [
        {
            kind.definition
            for part in parts_of(one)
            for kind in part.types
            if isinstance(kind, Instance)
        }
        for one in members
    ]
    are_known = bool(members) and all(len(one) == 1 for one in classes)
    return are_known and len(set[ClassDefinition]().union(*classes)) == len(members)


def parts_of(value: Value) -> list[Value]:
    """The members of a tuple, or the value itself."""
    return value.box.members() if value.box is not None and value.box.kind == "tuple" else [value]


def made_as(value: Value) -> list[Made]:
    """The agents and teams that a value itself may be."""
    types = value.types
    return [kind for kind in in_order(types) if isinstance(kind, Made)] if types else []


def made_in(value: Value) -> Iterator[Made]:
    """The agents and teams that a value is, or else those that it holds."""
    own = made_as(value)
    yield from own
    for member in members_in(value) if not own else ():
        yield from made_as(member)


def members_in(value: Value) -> list[Value]:
    """The members of a list or a dict; of anything else, the value itself."""
    box = value.box
    if box is None or box.kind == "object":
        return [value]
    found = [element.value for element in box.items] + list(box.fields.values())
    return found if box.rest is None else [*found, box.rest]
