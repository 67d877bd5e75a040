"""Roles at work: what `self.rc` holds when a role does one of its actions, and what it says."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.teams.watched_roles import RoleTurn, classes_in
from charter_engine.parser.values.origins import NOTHING, Origins
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    Element,
    Function,
    Instance,
    Value,
    moved,
    object_of,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

CONTEXTS = ("rc", "_rc")
"""Under these names a role keeps its context."""

REMEMBERED = ("memory", "working_memory", "news", "history", "important_memory")
"""What in a role's context holds messages."""

RECALLING = frozenset(("get_memories", "get_all_memories"))
RECALLING_SOME = frozenset(("get_by_action", "get_by_actions"))
PUBLISHING, RUNNING = "publish_message", "run"


class RoleTurns:
    """Knows what roles are given; `now` is the turn that is followed, `published` what was sent to
    others in it, `given` what the role is run with."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.roles = analysis.program.roles
        self.memory = analysis.memory
        self.evaluator = evaluator
        self.now: RoleTurn | None = None
        self.published: Origins = NOTHING
        self.given: Origins = NOTHING

    def turns_of(self, definition: FunctionDefinition) -> list[RoleTurn]:
        """The turns in which roles act by a function; none for any other."""
        return self.roles.turns.get(definition, [])

    @contextmanager
    def taken(self, turn: RoleTurn, given: Origins = NOTHING) -> Iterator[None]:
        """Let a role be at one of its actions, told what it is given by who runs it."""
        before = self.now, self.published, self.given
        self.now, self.published, self.given = turn, NOTHING, given
        try:
            yield
        finally:
            self.now, self.published, self.given = before

    def keep(self, result: Value) -> None:
        """Keep what the turn that is followed says."""
        if self.now is None:
            return
        said = moved(Value(origins=result.all_origins() | self.published), "history")
        before = self.memory.said.get(self.now)
        self.memory.changes += before is None or before.origins != said.origins
        self.memory.said[self.now] = said

    def attribute(self, role: ClassDefinition, name: str) -> Value | None:
        """What a role holds of its context; None for any other attribute."""
        if role not in self.roles.actions:
            return None
        if name in CONTEXTS:
            held = dict.fromkeys(REMEMBERED, self.heard_by(role))
            return Value(box=Box("object", fields={"todo": self.todo_of(role), **held}))
        if name == "todo":
            return self.todo_of(role)
        if name == "actions":
            actions = [Element(object_of(one)) for one in self.roles.actions[role]]
            return Value(box=Box("list", actions))
        return self.heard_by(role) if name == "latest_observed_msg" else None

    def todo_of(self, role: ClassDefinition) -> Value:
        """The action that a role does: where no turn is followed, any of its own."""
        is_now = self.now is not None and self.now.role is role
        doing = (self.now.action,) if is_now and self.now is not None else self.roles.actions[role]
        return Value(types=frozenset(Instance(one) for one in doing if one is not None))

    def heard_by(self, role: ClassDefinition, names: Iterable[str] | None = None) -> Value:
        """What a role remembers, or of that what actions of some names said."""
        turns = [self.now] if self.now is not None and self.now.role is role else []
        turns = turns or [turn for turn in self.roles.said if turn.role is role]
        wanted = frozenset(names) if names is not None else None
        heard = [
            self.memory.said[other]
            for turn in turns
            for other in self.roles.heard_in(turn, wanted)
            if other in self.memory.said
        ]
        told = self.given if names is None and self.now is not None else NOTHING
        return Value(origins=told.union(*(value.origins for value in heard)))

    def given_to(self, definition: FunctionDefinition) -> dict[str, Value]:
        """What the framework gives an action that a role without a way of its own runs."""
        own = definition.parameters[1:2]
        if self.now is None or definition.owner is not self.now.action or not own:
            return {}
        is_started = self.now in self.turns_of(definition)
        return {own[0]: self.heard_by(self.now.role)} if is_started else {}

    def called(self, frame: Frame, shape: CallShape) -> Value | None:
        """What a role that is run answers; what it recalls by a method, or publishes in the place
        of returning it."""
        if shape.verb == RUNNING:
            return self.run(frame, shape) if self.roles.actions else None
        role = self.role_of(frame) if self.roles.actions else None
        if role is None:
            return None
        if shape.verb in RECALLING:
            return self.heard_by(role)
        if shape.verb in RECALLING_SOME and "memory" in shape.path:
            nodes = [node for node, _ in shape.positional] + [node for _, node, _ in shape.keywords]
            return self.heard_by(role, [name for node in nodes for name in classes_in(node)])
        if shape.verb == PUBLISHING and shape.positional and self.now is not None:
            self.published |= shape.positional[0][1].all_origins()
            return UNKNOWN
        return None

    def run(self, frame: Frame, shape: CallShape) -> Value | None:
        """`await role.run(message)`: the answer of a role to a message, by its actions in turn."""
        roles = [one.definition for one in shape.receiver if isinstance(one, Instance)]
        role = next((one for one in roles if one in self.roles.actions), None)
        said = shape.given
        given = NOTHING.union(*(value.all_origins() for value in said))
        answer: Value | None = None
        for function, turns in self.roles.turns.items() if role is not None else ():
            for turn in turns:
                if turn.role is role:
                    answer = self.acted(frame, function, turn, given)
        return answer

    def acted(
        self, frame: Frame, function: FunctionDefinition, turn: RoleTurn, given: Origins
    ) -> Value:
        with self.taken(turn, given):
            bound = object_of(acting_in(function, turn))
            result = self.evaluator.follower.enter(frame, Function(function, bound), {}) or UNKNOWN
            self.keep(result)
        return moved(result, "return")

    def role_of(self, frame: Frame) -> ClassDefinition | None:
        """The role in whose method a frame is."""
        own = frame.function.owner if frame.function is not None else None
        if self.now is not None and self.now.action is not own:
            return self.now.role
        return own if own in self.roles.actions else None

    def way_made(self, frame: Frame, test: ast.expr) -> bool | None:
        """Which way a role goes by what it has to do (`isinstance(todo, WriteCode)`); None where
        that is open."""
        if self.now is None or self.now.action is None:
            return None
        asked = asked_kind(test)
        if asked is None:
            return None
        value, kind = (self.evaluator.evaluate(frame, node) for node in asked)
        known = [one.definition for one in kind.types if isinstance(one, Class)]
        if value.types != frozenset((Instance(self.now.action),)) or not known:
            return None
        return self.now.action in known


def acting_in(function: FunctionDefinition, turn: RoleTurn) -> ClassDefinition:
    """Whose method a role acts by in a turn: its own, or its action's."""
    is_own = function.owner is not turn.action or turn.action is None
    return turn.role if is_own or turn.action is None else turn.action


def asked_kind(test: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """The value and the class in `isinstance(value, C)` and `type(value) is C`; None for any other
    test."""
    if isinstance(test, ast.Call) and last_name(test.func) == "isinstance" and len(test.args) > 1:
        return test.args[0], test.args[1]
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Is | ast.Eq):
        return None
    left = test.left
    if isinstance(left, ast.Call) and last_name(left.func) == "type" and len(left.args) == 1:
        return left.args[0], test.comparators[0]
    return None
