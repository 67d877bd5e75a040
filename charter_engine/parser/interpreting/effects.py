"""What a call of code that isn't at hand may leave in the objects it is given.

Only a call that stands for itself, whose result nobody takes, is there for such an effect.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.attributes import GIVEN_TO_BASE
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape, constructed_box, words_of
from charter_engine.parser.source.syntax import declared_fields, is_super, used_by
from charter_engine.parser.teams.team_prompts import NESTING
from charter_engine.parser.values.candidates import in_order
from charter_engine.parser.values.strings import answers_in
from charter_engine.parser.values.values import Box, Element, Instance, Kind, Member, Value, moved

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


NAMED = (ast.Attribute, ast.Name)

GOING_ON = "update_agent"
"""The method of a session by which an agent lets another go on in its place."""

KEEPING = frozenset(
    "add append say said tell remember push observe insert update extend put fold merge accumulate "
    "absorb apply save store record".split()
)
"""Words of methods and functions that put something into what they are called on or given."""

TALK = frozenset(
    "messages history msgs chat conversation context dialogue dialog memory transcript turns "
    "scratchpad thread talk buffer".split()
)
"""Words of names that hold a conversation."""

SAID = frozenset("message messages turn response".split())
"""Words of methods that add to a conversation, whatever holds it."""


class Effects:
    """Lets answers reach the objects that calls of unknown code leave them in."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.evaluator = evaluator

    def leave(self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape) -> None:
        """Keep the answers among the arguments of a call in what may hold them afterwards."""
        if not isinstance(used_by(shape.parents, node), ast.Expr):
            return
        if shape.verb == "__init__" and isinstance(node.func, ast.Attribute):
            self.keep_given(frame, node.func, shape)
        if shape.verb == NESTING:
            self.evaluator.teams.chats.nest(receiver, shape)
        if shape.verb == GOING_ON and frame.function is not None:
            self.evaluator.objects.go_on_with(frame.function.owner, shape)
        answered = answers_in(shape)
        if not answered or not isinstance(node.func, NAMED):
            return
        answers = moved(Value(origins=answered), "history")
        if isinstance(node.func, ast.Name):
            self.leave_in_first(shape, answers)
        elif any(isinstance(kind, Instance) for kind in receiver.types):
            self.leave_in_object(frame, receiver, answers)
        elif keeps_talk(node.func, receiver):
            kept = receiver.with_origins(answers.origins)
            self.evaluator.assigner.assign(frame, node.func.value, kept)

    def keep_given(self, frame: Frame, function: ast.Attribute, shape: CallShape) -> None:
        """`super().__init__(instructions=…)` of a base that isn't at hand: what that is given is
        part of the object, and an attribute where the class, or its framework's base, declares one
        of that name."""
        owner = frame.function.owner if frame.function is not None else None
        if owner is None or frame.function is None or not is_super(function.value):
            return
        given = constructed_box(shape) or Box("object")
        frame.names[GIVEN_TO_BASE] = Value(box=given)
        own = ast.Name(frame.function.own_name, ast.Load())
        for name in (*declared_fields(owner.node), *self.evaluator.names.member_names(owner)):
            if own.id and name in given.fields:
                target = ast.copy_location(ast.Attribute(own, name, ast.Store()), function)
                self.evaluator.assigner.assign(frame, target, given.fields[name])

    def leave_in_first(self, shape: CallShape, answers: Value) -> None:
        """`fold(message, delta)`: a list or dict made here, filled in place."""
        first = shape.positional[0][1] if shape.positional else Value()
        if first.box is not None and KEEPING & set(words_of(shape.verb)):
            self.memory.add_rest(first.box, answers)

    def leave_in_object(self, frame: Frame, receiver: Value, answers: Value) -> None:
        """`self.remember(text)`, inherited from a class that isn't at hand: the lists of the object
        that hold a conversation."""
        for kind in in_order(receiver.types):
            if not isinstance(kind, Instance):
                continue
            if not self.evaluator.names.inherits_unknown(kind.definition):
                continue
            for name, held in self.memory.object_of(kind.definition, kind.place).fields.items():
                if held.box is not None and held.box.kind == "list" and TALK & set(words_of(name)):
                    self.memory.add_item(held.box, Element(answers, maybe=True))


def keeps_talk(function: ast.Attribute, receiver: Value) -> bool:
    """Whether a method of an object that isn't at hand puts what it is given into a
    conversation: `memory.save(…)`, `agent.add_message(…)`."""
    is_known = any(isinstance(kind, Kind | Member) for kind in receiver.types)
    if is_known or (receiver.box is not None and receiver.box.kind != "object"):
        return False
    name = function.value.attr if isinstance(function.value, ast.Attribute) else ""
    name = function.value.id if isinstance(function.value, ast.Name) else name
    verb = set(words_of(function.attr))
    return bool(KEEPING & verb) and bool(TALK & set(words_of(name)) or SAID & verb)
