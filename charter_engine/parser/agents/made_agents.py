"""Agents and teams as they are made, with what constructors and methods give them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.agents.agent_functions import declared_on
from charter_engine.parser.agents.by_functions import ByFunctions
from charter_engine.parser.agents.described_agents import DescribedAgents
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.catalogue import KindRule
from charter_engine.parser.model_calls.recognise import CallShape, constructed_box
from charter_engine.parser.model_calls.runnables import COMPOSED
from charter_engine.parser.source.symbols import ClassDefinition
from charter_engine.parser.values.candidates import in_order, made_in, members_in
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    Element,
    Function,
    Instance,
    Kind,
    Made,
    Value,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

NAMING = ("name", "role", "description", "0")
"""The arguments by which agents and tasks are told apart."""

SUFFIX = re.compile(r"\.\w{1,8}$")
"""What a text ends with that may be the path of a file."""


class AgentMaker:
    """Makes agents and teams.

    `servers` are those at hand that run agents, `latest` is what a module's top level, or a
    function that is given nothing, made last in a place. `has_made` tells whether any agent or
    team was made: what runs it may come first.
    """

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.evaluator = evaluator
        self.servers: dict[Made, None] = {}
        self.latest: dict[Made, Made] = {}
        self.has_made = False
        self.by_functions = ByFunctions(evaluator)
        self.described = DescribedAgents(analysis.program)

    def made(self, frame: Frame, node: ast.Call, kind: str, box: Box | None) -> Value | None:
        """What a constructor of an agent or a team makes; None for any other kind."""
        if not self.program.catalogue.kinds[kind].part:
            return None
        box = box if box is not None else Box("object")
        kind = self.kind_chosen(kind, box)
        rule = self.program.catalogue.kinds[kind]
        box = self.described.told(rule, box)
        self.read_texts(frame, rule, box)
        self.open_settings(rule, box)
        if rule.serves:
            later = self.by_functions.made_later
            fields = {name: later(frame, value) for name, value in box.fields.items()}
            box = Box(box.kind, fields=fields)
        if kind in COMPOSED:
            return self.evaluator.runnables.composed(frame, node, kind, box)
        box.fields |= self.by_functions.instructions(frame, box, rule)
        loop = frame.loops[-1].record if frame.loops else None
        for name in box.fields.keys() & set(rule.factories):
            box.fields[name] = self.evaluator.factories.made(frame, box.fields[name])
        name = name_in(frame, box)
        made = Made(kind, node, frame.module, frame.function, box, loop, name)
        self.keep_declared(frame, made)
        self.has_made = True
        if frame.function is None or not frame.function.parameters:
            self.latest[made] = made
        if rule.serves:
            self.servers.pop(made, None)
            self.servers[made] = None
        return Value(types=frozenset((Kind(kind), made)), box=box)

    def keep_declared(self, frame: Frame, made: Made) -> None:
        """Let an agent hold what functions say that it is told by: `@agent.instructions`."""
        for name in self.program.catalogue.kinds[made.kind].says:
            said = [
                self.evaluator.follower.enter(frame, Function(one), {})
                for one in declared_on(made, [name])
            ]
            if said:
                given = [made.box.fields[name]] if name in made.box.fields else []
                parts = [*given, *(value or UNKNOWN for value in said)]
                made.box.fields[name] = Value(box=Box("list", [Element(part) for part in parts]))

    def kind_chosen(self, kind: str, box: Box) -> str:
        """What a constructor makes that chooses by one of its arguments, which may be left out."""
        rule = self.program.catalogue.kinds[kind]
        given = box.fields.get(rule.chosen_by)
        text = given.static_text() if given is not None else ""
        return rule.kinds.get(text, kind) if text is not None else kind

    def open_settings(self, rule: KindRule, box: Box) -> None:
        """Let objects of the program's own settings that say what an agent is told hold what their
        classes say."""
        for name in {said.partition(".")[0] for said in rule.says if "." in said}:
            value = box.fields.get(name, UNKNOWN)
            for kind in value.types:
                if isinstance(kind, Instance):
                    fields = self.held_by(kind.definition)
                    fields |= value.box.fields if value.box is not None else {}
                    box.fields[name] = replace(value, box=Box("object", fields=fields))

    def held_by(self, definition: ClassDefinition) -> dict[str, Value]:
        """What a class and those that it is made from leave in their objects."""
        found: dict[str, Value] = {}
        for owner in reversed(self.program.lineage(definition)):
            found |= self.memory.object_of(owner).fields
        return found

    def read_texts(self, frame: Frame, rule: KindRule, box: Box) -> None:
        """Put what files say in the place of their paths, where an agent is given these."""
        for name in rule.reads:
            value = box.fields.get(name)
            path = value.static_text() if value is not None else None
            if path and SUFFIX.search(path):
                said = self.evaluator.files.text(frame.module, static(path))
                box.fields[name] = said or box.fields[name]

    def take(self, frame: Frame, receiver: Value, shape: CallShape, rule: KindRule) -> Value:
        """`team.add_worker(agent)`: keep a member that a team is given by a method, or that the
        method itself makes of what it is given, and returns if it is said to become that."""
        box = receiver.box
        if shape.verb in rule.factories:
            shape = self.evaluator.factories.called(frame, shape)
        given = shape.given
        members = [
            member for value in given for member in members_in(value) if any(made_in(member))
        ]
        becomes = rule.becomes.get(shape.verb, "")
        kind = becomes or rule.makes.get(shape.verb, "")
        if not members and kind:
            made = self.made(frame, shape.node, kind, constructed_box(shape))
            members = [made] if made is not None else []
        if box is None or not given:
            return receiver
        name = rule.takes[shape.verb]
        if is_alone(name, rule):
            box.fields[name] = given[0]
            return receiver
        kept = box.fields.setdefault(name, Value(box=Box("list"), source=given[0].source))
        if not members and not becomes and kept.box is not None:
            kept.box.rest = kept.box.rest or given[0]
        if not members:
            return receiver
        known = {*made_in(kept), *(one for held in members_in(kept) for one in classes_in(held))}
        new = [one for one in members if known.isdisjoint((*made_in(one), *classes_in(one)))]
        if kept.box is not None:
            kept.box.items += [Element(member) for member in new]
        return members[0] if becomes else receiver

    def made_last(self, made: Made) -> Made:
        """Of what a module makes, or a function that is given nothing, what was made last in the
        place: what it imports may be known by then."""
        return self.latest.get(made, made)


def name_in(frame: Frame, box: Box) -> str:
    """The name of an agent that a function makes for its caller; empty: one place makes one, or a
    loop makes some."""
    function = frame.function
    if function is None or not function.parameters[1 if function.takes_self else 0 :]:
        return ""
    named = (box.fields[name].static_text() for name in NAMING if name in box.fields)
    return next(filter(None, named), "") if not frame.all_loops() else ""


def classes_in(value: Value) -> list[ClassDefinition]:
    """The classes that a value is, or is an object of."""
    kinds = in_order(value.types)
    return [kind.definition for kind in kinds if isinstance(kind, Class | Instance)]


def is_alone(name: str, rule: KindRule) -> bool:
    """Whether an argument holds the one who leads a team, not its members."""
    return name in rule.asks_with or any(said.startswith(f"{name}.") for said in rule.says)
