"""The texts that objects hold whose method is one and the same: where they differ, a prompt of that
method has none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.attributes import AttributeResolver
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.values import UNKNOWN, Instance, Value, object_of

if TYPE_CHECKING:
    from charter_engine.parser.flows.memory import Memory
    from charter_engine.parser.interpreting.entries import FunctionEntry
    from charter_engine.parser.source.program import Program
    from charter_engine.parser.source.symbols import FunctionDefinition


class OwnTexts:
    """Looks up what the texts of several objects have in common."""

    def __init__(self, program: Program, memory: Memory) -> None:
        self.program = program
        self.memory = memory

    def entered(
        self, method: FunctionDefinition, entry: FunctionEntry, objects: Sequence[Instance]
    ) -> FunctionEntry:
        """A call of a method of these objects, which knows what they have in common where their
        texts differ; one of objects of one class is called on the first of these."""
        if not objects or not method.own_name:
            return entry
        if entry.bound is None and len({one.definition for one in objects}) == 1:
            entry = entry._replace(bound=Value(types=frozenset(objects[:1])))
        if len(objects) == 1:
            return entry
        fields = self.fields_of(method, entry)
        values = {
            name: told
            for name in self.names_of(objects[0])
            if (told := self.in_common(f"{method.own_name}.{name}", name, objects)) is not None
        }
        known = AttributeResolver(
            entry.known.values | values,
            entry.known.stored | {name: fields.get(name) for name in values},
        )
        return entry._replace(known=known)

    def in_common(self, source: str, name: str, objects: Sequence[Instance]) -> Value | None:
        """What the texts have in common that objects hold under a name; None where they are the
        same, or not all are texts."""
        held = [self.held_by(one, name) for one in objects]
        texts = [value for value in held if value is not None and value.static_text() is not None]
        differ = len({value.static_text() for value in texts}) > 1
        if not differ or len(texts) < len(objects):
            return None
        told = texts[0]
        for value in texts[1:]:
            told = join(told, value, source)
        return told

    def names_of(self, one: Instance) -> list[str]:
        names = [name for held in self.holders_of(one) for name in held]
        return list(dict.fromkeys(names))

    def held_by(self, one: Instance, name: str) -> Value | None:
        return next((held[name] for held in self.holders_of(one) if name in held), None)

    def holders_of(self, one: Instance) -> Iterator[dict[str, Value]]:
        """What an object holds itself, and what its class and the bases of that do."""
        for owner in self.program.lineage(one.definition):
            for place in dict.fromkeys((one.place, "")):
                held = self.memory.objects.get((owner, place))
                if held is not None:
                    yield held.fields

    def fields_of(self, method: FunctionDefinition, entry: FunctionEntry) -> dict[str, Value]:
        """What the object holds itself that a method is entered with."""
        bound = entry.bound or (object_of(method.owner) if method.owner is not None else UNKNOWN)
        held = [
            self.memory.objects.get((one.definition, one.place))
            for one in bound.types
            if isinstance(one, Instance)
        ]
        return next((box.fields for box in held if box is not None), {})
