"""Agents that dicts describe: `{"name": "critic", "prompt": "…"}` among the subagents of a deep
agent."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.model_calls.catalogue import KindRule
from charter_engine.parser.source.symbols import Module
from charter_engine.parser.values.candidates import made_in
from charter_engine.parser.values.values import Box, Element, Kind, Made, Value

if TYPE_CHECKING:
    from charter_engine.parser.source.program import Program

NAME = "name"
"""The key under which a dict keeps what the agent is called that it describes."""


class DescribedAgents:
    """Makes agents of the dicts that describe them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.written: dict[str, dict[str, tuple[Module, ast.Dict]]] = {}

    def told(self, rule: KindRule, box: Box) -> Box:
        """What an agent or a team is made with, the described ones among its members made."""
        if rule.describes.keys().isdisjoint(box.fields):
            return box
        made = {
            argument: self.each_made(box.fields[argument], kind)
            for argument, kind in rule.describes.items()
            if argument in box.fields
        }
        return replace(box, fields={**box.fields, **made})

    def each_made(self, value: Value, kind: str) -> Value:
        if value.box is None or value.box.kind != "list":
            return value
        items = [
            Element(self.made(element.value, kind), element.maybe, element.place)
            for element in value.box.items
        ]
        return replace(value, box=Box("list", items, rest=value.box.rest))

    def made(self, member: Value, kind: str) -> Value:
        """The agent that a dict describes; anything else as it is."""
        fields = member.box.fields if member.box is not None else {}
        name = fields[NAME].static_text() if NAME in fields else None
        found = self.place_of(name) if name is not None and not any(made_in(member)) else None
        if found is None:
            return member
        module, node = found
        box = Box("object", fields=dict(fields))
        made = Made(kind, node, module, None, box, None)
        return Value(types=frozenset((Kind(kind), made)), box=box)

    def place_of(self, name: str) -> tuple[Module, ast.Dict] | None:
        """The dict at hand that describes what is called by a name."""
        for module in self.program.modules.values():
            if module.path not in self.written:
                self.written[module.path] = {
                    text: (module, node) for text, node in described_in(module)
                }
            if name in self.written[module.path]:
                return self.written[module.path][name]
        return None


def described_in(module: Module) -> Iterator[tuple[str, ast.Dict]]:
    """The dicts of a module that describe something with a name, by that."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                is_name = isinstance(key, ast.Constant) and key.value == NAME
                if is_name and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value, node
