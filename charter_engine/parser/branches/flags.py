"""What constructors settle for the methods of their objects: `if self.keeps_history` is decided
where every object that may be meant was made with the same."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import ClassDefinition, walk
from charter_engine.parser.source.syntax import declared_fields, last_name
from charter_engine.parser.values.candidates import place_of
from charter_engine.parser.values.values import Instance, Static, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class Flags:
    """Keeps whether what was stored in attributes counts as true, by the objects. `leading` are the
    names of the functions that may lead to a model."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.evaluator = evaluator
        self.leading = frozenset(definition.name for definition in analysis.program.reaching)
        self.truths: dict[tuple[ClassDefinition, str, str], set[bool | None]] = {}
        self.asking: dict[int, bool] = {}
        self.declared: dict[tuple[ClassDefinition, str], bool] = {}

    def note(self, frame: Frame, kind: Instance, name: str, value: Value) -> None:
        """Keep what is stored in an attribute, but for a parameter that nobody gives a value."""
        is_open = any(origin.chain[0][0] < 0 for origin in value.origins)
        if frame.caller is not None or not is_open:
            key = kind.definition, place_of(kind), name
            self.truths.setdefault(key, set()).add(truth_of(value))

    def settled(self, frame: Frame, node: ast.If) -> bool | None:
        """Which way a method goes by what its object was made with; None where that is open, or
        where the other way asks a model: that is a call all the same. What follows a branch that
        leaves is part of the other way."""
        if not self.findings.are_judged or not isinstance(node.test, ast.Attribute | ast.UnaryOp):
            return None
        way = self.way(frame, node.test)
        if way is None or self.may_ask(node.orelse if way else node.body):
            return None
        taken = node.body if way else node.orelse
        is_left = bool(taken) and isinstance(taken[-1], LEAVING)
        return None if is_left and self.goes_on_to_ask(frame, node) else way

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
        if self.is_declared(kind.definition, name):
            return {None}
        own = self.truths.get((kind.definition, place_of(kind), name))
        return own or self.truths.get((kind.definition, "", name), {None})

    def is_declared(self, definition: ClassDefinition, name: str) -> bool:
        """Whether a class declares an attribute that no constructor at hand stores: an object may
        be given it, or have it as it is declared."""
        known = self.declared.get((definition, name))
        if known is None:
            lineage = self.program.lineage(definition)
            makers = [owner.methods["__init__"] for owner in lineage if "__init__" in owner.methods]
            known = self.declared[definition, name] = any(
                name in names_declared(owner.node) for owner in lineage
            ) and not any(stores(maker.node, name) for maker in makers)
        return known

    def may_ask(self, body: Sequence[ast.stmt | ast.expr]) -> bool:
        """Whether statements, or an expression, hold a call that may lead to a model."""
        if not body:
            return False
        known = self.asking.get(id(body[0]))
        if known is None:
            calls = [node for one in body for node in walk(one) if isinstance(node, ast.Call)]
            known = self.asking[id(body[0])] = self.may_be_asked_by(calls)
        return known

    def goes_on_to_ask(self, frame: Frame, node: ast.If) -> bool:
        """Whether what stands below a branch in its function may lead to a model."""
        known = self.asking.get(id(node))
        if known is None:
            assert frame.function is not None
            end = node.end_lineno or node.lineno
            calls = [call for call in frame.function.calls if call.lineno > end]
            known = self.asking[id(node)] = self.may_be_asked_by(calls)
        return known

    def may_be_asked_by(self, calls: list[ast.Call]) -> bool:
        return any(
            id(call) in self.findings.site_numbers or last_name(call.func) in self.leading
            for call in calls
        )


LEAVING = (ast.Return, ast.Raise, ast.Break, ast.Continue)
"""Statements that nothing of their block follows."""


def names_declared(node: ast.ClassDef) -> set[str]:
    """The attributes to which the body of a class gives a value or a type."""
    found = set(declared_fields(node))
    for item in node.body:
        targets = item.targets if isinstance(item, ast.Assign) else []
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def stores(node: ast.AST, name: str) -> bool:
    """Whether a function stores an attribute of that name."""
    return any(
        isinstance(item, ast.Attribute) and item.attr == name and isinstance(item.ctx, ast.Store)
        for item in walk(node)
    )


def truth_of(value: Value) -> bool | None:
    """Whether a value counts as true; None where that is open."""
    if value.constant is not None:
        return bool(value.constant[0])
    if value.pieces is None:
        return None
    is_written = any(isinstance(piece, Static) and piece.text for piece in value.pieces)
    return True if is_written else None if value.pieces else False
