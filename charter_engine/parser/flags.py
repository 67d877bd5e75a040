"""What constructors settle for the methods of their objects: `if self.keeps_history` is decided
where every object that may be meant was made with the same."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.frames import Frame
from charter_engine.parser.symbols import ClassDefinition, walk
from charter_engine.parser.syntax import last_name
from charter_engine.parser.values import Instance, Static, Value, place_of

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class Flags:
    """Keeps whether what was stored in attributes counts as true, by the objects."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.evaluator = evaluator
        self.truths: dict[tuple[ClassDefinition, str, str], set[bool | None]] = {}
        self.asking: dict[int, bool] = {}

    def note(self, frame: Frame, kind: Instance, name: str, value: Value) -> None:
        """Keep what is stored in an attribute, but for a parameter that nobody gives a value."""
        is_open = any(origin.chain[0][0] < 0 for origin in value.origins)
        if frame.caller is not None or not is_open:
            key = kind.definition, place_of(kind), name
            self.truths.setdefault(key, set()).add(truth_of(value))

    def settled(self, frame: Frame, node: ast.If) -> bool | None:
        """Which way a method goes by what its object was made with; None where that is open, or
        where the other way asks a model: that is a call all the same."""
        if not self.findings.are_judged or not isinstance(node.test, ast.Attribute | ast.UnaryOp):
            return None
        way = self.way(frame, node.test)
        if way is None or self.may_ask(node.orelse if way else node.body):
            return None
        return way

    def way(self, frame: Frame, test: ast.expr) -> bool | None:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            way = self.way(frame, test.operand)
            return None if way is None else not way
        if not isinstance(test, ast.Attribute) or not isinstance(test.value, ast.Name):
            return None
        if frame.function is None or frame.function.parameters[:1] != (test.value.id,):
            return None
        kinds = self.evaluator.evaluate(frame, test.value).types
        found = {truth for kind in kinds for truth in self.truths_of(kind, test.attr)}
        return next(iter(found)) if len(found) == 1 else None

    def truths_of(self, kind: object, name: str) -> set[bool | None]:
        if not isinstance(kind, Instance):
            return {None}
        own = self.truths.get((kind.definition, place_of(kind), name))
        return own or self.truths.get((kind.definition, "", name), {None})

    def may_ask(self, body: list[ast.stmt]) -> bool:
        """Whether statements hold a call that may lead to a model."""
        if not body:
            return False
        known = self.asking.get(id(body[0]))
        if known is None:
            names = {definition.name for definition in self.program.reaching}
            calls = [node for one in body for node in walk(one) if isinstance(node, ast.Call)]
            known = self.asking[id(body[0])] = any(
                id(call) in self.findings.site_numbers or last_name(call.func) in names
                for call in calls
            )
        return known


def truth_of(value: Value) -> bool | None:
    """Whether a value counts as true; None where that is open."""
    if value.constant is not None:
        return bool(value.constant[0])
    if value.pieces is None:
        return None
    is_written = any(isinstance(piece, Static) and piece.text for piece in value.pieces)
    return True if is_written else None if value.pieces else False
