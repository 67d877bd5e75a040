"""CrewAI's projects: agents and tasks that are described in YAML files beside the class that makes
them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.catalogue import KindRule
from charter_engine.parser.prompts.prompt_files import opened, yaml_data
from charter_engine.parser.source.symbols import ClassDefinition
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import UNKNOWN, Box, Element, Function, Instance, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

FILES = {"agents_config": "config/agents.yaml", "tasks_config": "config/tasks.yaml"}
"""The attributes of a `CrewBase` that hold what a file says, and the file where none is named."""

NAMING = ("agent", "context")
"""What a file names by the methods that make it."""


class Crews:
    """Gives what a project's files say to the agents and tasks that are made with it."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.memory = analysis.memory
        self.evaluator = evaluator
        self.known: dict[tuple[ClassDefinition, str, str], Value | None] = {}

    def described(self, definition: ClassDefinition, name: str) -> Value | None:
        """What `self.agents_config` or `self.tasks_config` is in a `CrewBase`; None for any other
        attribute, or without the file."""
        if name not in FILES or not is_project(definition):
            return None
        given = self.memory.object_of(definition).fields.get(name, UNKNOWN).static_text()
        key = definition, name, given or FILES[name]
        if key not in self.known:
            path = opened(static(key[2]))
            files = self.evaluator.files
            found = files.parsed(definition.module, path, yaml_data) if path is not None else None
            self.known[key] = found
        return self.known[key]

    def configured(self, frame: Frame, rule: KindRule, box: Box | None) -> Box | None:
        """What an agent or a task is made with, beside what it is described by."""
        config = box.fields.get(rule.configured) if rule.configured and box is not None else None
        if box is None or config is None or config.box is None:
            return box
        named = {
            name: self.made_by(frame, config.box.fields[name])
            for name in NAMING
            if name in config.box.fields
        }
        return Box(box.kind, box.items, {**config.box.fields, **named, **box.fields}, box.rest)

    def made_by(self, frame: Frame, named: Value) -> Value:
        """What the methods of a project make that a file names."""
        if named.box is not None:
            items = [Element(self.made_by(frame, item.value)) for item in named.box.items]
            return Value(box=Box("list", items))
        owner = frame.function.owner if frame.function is not None else None
        method = owner.methods.get(named.static_text() or "") if owner is not None else None
        if owner is None or method is None:
            return UNKNOWN
        bound = Value(types=frozenset((Instance(owner),)))
        return self.evaluator.follower.enter(frame, Function(method, bound), {}) or UNKNOWN


def is_project(definition: ClassDefinition) -> bool:
    return any(last_name(item) == "CrewBase" for item in definition.node.decorator_list)
