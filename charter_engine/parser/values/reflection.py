"""Attributes by names that are texts: `getattr(x, "name")`, `setattr(x, "name", value)`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.interpreting.following import MAX_CHOICES
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.values.candidates import in_order
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.values import Function, Instance, Package, Static, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator

IMPORTING = "import_module"
REFLECTING = frozenset(("getattr", "setattr"))


class Reflection:
    """Looks attributes up, and stores them, by what is known of their names."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.attributes: dict[tuple[int, str], ast.Attribute] = {}

    def called(self, frame: Frame, node: ast.Call, shape: CallShape) -> Value | None:
        """What `getattr` or `setattr` gives, or a module that is imported by its name; None where
        the name isn't known, and for any other call."""
        if shape.verb == IMPORTING and shape.positional:
            return self.module(frame, shape.positional[0][1].static_text())
        if len(shape.path) != 1 or shape.verb not in REFLECTING or len(node.args) < 2:
            return None
        name = shape.positional[1][1]
        written = name.static_text()
        if not written or not written.isidentifier():
            return self.beginning_so(shape.positional[0][1], name)
        attribute = self.attribute(node, written)
        if shape.verb == "setattr":
            if len(shape.positional) > 2:
                self.evaluator.assigner.assign(frame, attribute, shape.positional[2][1])
            return Value()
        found = self.evaluator.evaluate(frame, attribute)
        if len(shape.positional) < 3:
            return found
        return replace(join(found, shape.positional[2][1]), source=found.source)

    def module(self, frame: Frame, dotted: str | None) -> Value | None:
        """The module at hand of a name; None where none has it."""
        program = self.evaluator.program
        found = program.module_meant(frame.module, dotted) if dotted else None
        return Value(types=frozenset((Package(found),))) if found is not None else None

    def attribute(self, node: ast.Call, name: str) -> ast.Attribute:
        """The attribute as it would be written, made once."""
        known = self.attributes.get((id(node), name))
        if known is None:
            known = ast.copy_location(ast.Attribute(node.args[0], name, ast.Load()), node)
            self.attributes[id(node), name] = known
        return known

    def beginning_so(self, holder: Value, name: Value) -> Value | None:
        """`getattr(self, f"handle_{kind}")`: the methods whose names begin so."""
        first = name.pieces[0] if name.pieces else None
        if not isinstance(first, Static) or not first.text:
            return None
        methods = [
            method
            for kind in in_order(holder.types)
            if isinstance(kind, Instance)
            for owner in self.evaluator.program.lineage(kind.definition)
            for method in owner.methods.values()
            if method.name.startswith(first.text)
        ]
        functions = frozenset(Function(method, holder) for method in methods[:MAX_CHOICES])
        return Value(types=functions) if functions else None
