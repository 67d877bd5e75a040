"""Objects of classes at hand: what their constructors leave in them, and where they are made."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from charter_engine.parser.branches.absence import ABSENT, is_stand_in
from charter_engine.parser.graphs.frameworks import absorb_box, called_by, in_state, is_event
from charter_engine.parser.interpreting.arguments import bind
from charter_engine.parser.interpreting.assignment import is_made_once
from charter_engine.parser.interpreting.attributes import GIVEN_TO_BASE
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape, constructed_box, named_in
from charter_engine.parser.source.symbols import ClassDefinition
from charter_engine.parser.source.syntax import declared_fields
from charter_engine.parser.values.candidates import made_in, place_of
from charter_engine.parser.values.origins import NOTHING
from charter_engine.parser.values.strings import arguments_origins
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
    object_of,
)
from charter_engine.parser.workflows.handlers import is_node_class

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


NEXT = "handoffs"
"""Under this name an agent keeps those that its tools hand the conversation on to."""


class ObjectMaker:
    """Follows constructors."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.evaluator = evaluator
        self.going_on: dict[ClassDefinition, dict[Made, None]] = {}
        self.declared: dict[ClassDefinition, tuple[tuple[str, Default], ...]] = {}

    def go_on_with(self, owner: ClassDefinition | None, shape: CallShape) -> None:
        """`self.session.update_agent(other)`: keep whom agents of a class let go on."""
        given = shape.given
        if owner is not None:
            known = self.going_on.setdefault(owner, {})
            known |= {made: None for value in given for made in made_in(value)}

    def construct(self, frame: Frame, node: ast.Call, kind: Class, shape: CallShape) -> Value:
        place = self.place_of_object(frame, node, kind.definition)
        instance = Value(
            types=frozenset((Instance(kind.definition, place),)), origins=arguments_origins(shape)
        )
        is_record = self.program.is_record(kind.definition)
        for owner in self.program.lineage(kind.definition):
            if "__init__" in owner.methods:
                function = Function(owner.methods["__init__"], replace(instance, origins=NOTHING))
                made = self.constructed(frame, node, function, shape)
                box = made.box if made is not None and is_record else None
                if box is not None:
                    box.depth = frame.certainty
                agent = self.derived(frame, node, kind.definition, made)
                return agent or replace(instance, origins=NOTHING, box=box)
        agent = self.derived(frame, node, kind.definition, Value(box=constructed_box(shape)))
        if agent is not None:
            self.keep_fields(frame, kind.definition, shape)
            return agent
        if self.program.method_of(kind.definition, "run") in self.program.roles.runs:
            self.keep_fields(frame, kind.definition, shape, is_action=True)
        fields = named_in(shape)
        names = declared_fields(kind.definition.node) if shape.positional else ()
        for name, (_, value) in zip(names, shape.positional, strict=False):
            fields[name] = value
        if is_event(kind.definition):
            absorb_box(self.memory, Box("dict", fields=fields), kind.definition.name)
        for name, value in fields.items() if is_node_class(kind.definition) else ():
            handed = in_state(value)
            self.evaluator.assigner.store_field(frame, Instance(kind.definition), name, handed)
        if not is_record:
            self.begin(frame, kind.definition, place, fields)
        is_told = all(name != "**" for name, _, _ in shape.keywords) and (
            len(fields) == len(shape.positional) + len(shape.keywords)
        )
        if is_record and fields:
            fields = self.defaults_of(frame, kind.definition) | fields
        is_dict = any(one.is_typed_dict for one in self.program.lineage(kind.definition))
        form: Literal["dict", "object"] = "dict" if is_dict else "object"
        is_held = is_dict or bool(fields)
        box = Box(form, fields=fields, depth=frame.certainty) if is_held else None
        if is_told and self.findings.are_judged:
            return replace(instance, box=box, origins=NOTHING)
        return replace(instance, box=box)

    def begin(
        self, frame: Frame, definition: ClassDefinition, place: str, given: Collection[str]
    ) -> None:
        """Let an object without a constructor of its own begin with the lists and dicts that its
        class makes for each, but for those that it is given."""
        is_apart = definition in self.program.made_in or definition in self.program.made_once
        if frame.certainty and not is_apart:
            return
        held = self.memory.object_of(definition, place).fields
        for name, value in self.defaults_of(frame, definition).items():
            is_new = name not in given and not is_made_once(frame, held.get(name))
            if value.box is not None and is_new:
                held[name] = value
                self.memory.changes += 1

    def constructed(
        self, frame: Frame, node: ast.Call, constructor: Function, shape: CallShape
    ) -> Value | None:
        """What a constructor leaves in its object, which may be made only where there is none."""
        if not is_stand_in(node, frame.module.parents):
            return self.evaluator.follower.enter(frame, constructor, bind(constructor, shape))
        frame.conditions.append(ABSENT)
        made = self.evaluator.follower.enter(frame, constructor, bind(constructor, shape))
        frame.conditions.pop()
        return made

    def defaults_of(self, frame: Frame, definition: ClassDefinition) -> dict[str, Value]:
        """What a record holds from the start without being given it: what its class writes out, and
        lists and dicts that are made for each."""
        found: dict[str, Value] = {}
        for owner in reversed(self.program.lineage(definition)):
            module = self.evaluator.names.frame_of(owner.module)
            for name, default in self.declared_in(owner):
                if isinstance(default, ast.Name):
                    made = FACTORIES[default.id]
                    found[name] = Value(box=Box(made, depth=frame.certainty))
                else:
                    found[name] = self.default(module, default)
        return found

    def declared_in(self, owner: ClassDefinition) -> tuple[tuple[str, Default], ...]:
        """The fields of a class with what its source says of their beginning, found out once."""
        known = self.declared.get(owner)
        if known is None:
            known = self.declared[owner] = tuple(
                (name, default)
                for name, default in defaults_in(owner.node)
                if isinstance(default, ast.Lambda | ast.Constant)
                or (isinstance(default, ast.Name) and default.id in FACTORIES)
            )
        return known

    def default(self, module: Frame, default: ast.Lambda | ast.Constant) -> Value:
        """What a field holds from the start by its class, evaluated once where that is no object
        and comes of no model; the steps that it takes are counted each time."""
        known = self.evaluator.names.defaults
        progress = self.evaluator.progress
        if id(default) in known:
            value, steps = known[id(default)]
            progress.steps += steps
            return value
        before = progress.steps
        made_by = default.body if isinstance(default, ast.Lambda) else default
        value = self.evaluator.evaluate(module, made_by)
        if value.box is None and not value.types and not value.origins:
            known[id(default)] = value, progress.steps - before
        return value

    def keep_fields(
        self,
        frame: Frame,
        definition: ClassDefinition,
        shape: CallShape,
        *,
        is_action: bool = False,
    ) -> None:
        """Let an object without a constructor of its own hold the agents that it is made with under
        the names that its class, or its framework's base, declares; an action of a role, all that
        it is made with."""
        declared = [
            name for one in self.program.lineage(definition) for name in declared_fields(one.node)
        ]
        declared += self.evaluator.names.member_names(definition)
        for name, value in named_in(shape).items():
            if name in declared and (is_action or any(made_in(value))):
                self.evaluator.assigner.store_field(frame, Instance(definition), name, value)

    def derived(
        self, frame: Frame, node: ast.Call, definition: ClassDefinition, made: Value | None
    ) -> Value | None:
        """An object of a class that is made from a framework's agent or team, with what its base
        was given and what it holds itself."""
        names = self.evaluator.names
        for kind in sorted(names.base_kinds(definition), key=attrgetter("name")):
            fields = self.evaluator.agents.held_by(definition)
            fields |= made.box.fields if made is not None and made.box is not None else {}
            fields |= self.handed_on_to(frame, definition, kind)
            found = self.evaluator.agents.made(frame, node, kind.name, Box("object", fields=fields))
            own = frozenset(one for one in found.types if isinstance(one, Made)) if found else None
            if found is not None and own:
                self.evaluator.teams.own_runs.classes |= dict.fromkeys(made_in(found), definition)
                return replace(found, types=own | {Instance(definition)})
        return None

    def handed_on_to(
        self, frame: Frame, definition: ClassDefinition, kind: Kind
    ) -> dict[str, Value]:
        """Whom the tools of an agent's class return, where a framework goes on with them, and whom
        its methods let go on."""
        decorator = self.program.catalogue.kinds[kind.name].returned_by
        bound = object_of(definition)
        returned = [
            self.evaluator.follower.enter(frame, Function(method, bound), {})
            for owner in (self.program.lineage(definition) if decorator else ())
            for method in owner.methods.values()
            if decorator in called_by(method)
        ]
        agents = [made for value in returned if value is not None for made in made_in(value)]
        agents += self.going_on.get(definition, ()) if decorator else ()
        if not agents:
            return {}
        items = [Element(Value(types=frozenset((made,)), box=made.box)) for made in agents]
        return {NEXT: Value(box=Box("list", items))}

    def place_of_object(self, frame: Frame, node: ast.Call, definition: ClassDefinition) -> str:
        """Where, in which turns of loops, by which of several objects and for whom an object is
        made; empty for one of a class that is made in one place alone, in the first turn, for a
        record, and where too many places make some."""
        places = self.program.made_in.get(definition, 0)
        if not places or self.program.is_record(definition):
            return ""
        turns, maker = turns_of(frame), place_of_own(frame)
        if places == 1 and not turns and not maker:
            return ""
        asked = made_for(frame) if frame.function in self.program.makers else ""
        return f"{frame.module.path}:{node.lineno}:{node.col_offset}{turns}{maker}{asked}"


FACTORIES: dict[str, Literal["list", "dict"]] = {"list": "list", "dict": "dict"}

Default = ast.Name | ast.Lambda | ast.Constant
"""What a field begins with: what one of `FACTORIES` makes, what a function gives, or a constant."""


def defaults_in(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    """The fields that a class declares with what each of them holds from the start: a value, or the
    function that makes it."""
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.value:
            given = item.value.keywords if isinstance(item.value, ast.Call) else []
            named = {one.arg: one.value for one in given}
            yield item.target.id, named.get("default_factory") or named.get("default") or item.value


def place_of_own(frame: Frame) -> str:
    """Tells apart what one method makes for different objects; empty where there is one alone."""
    places = [place_of(kind) for kind in frame.own_types if isinstance(kind, Instance)]
    return f"<{places[0]}" if len(places) == 1 and places[0] else ""


def made_for(frame: Frame) -> str:
    """Tells apart what one function makes for different calls of it."""
    caller, call = frame.caller, frame.call
    if caller is None or call is None:
        return ""
    return f"@{caller.module.path}:{call.lineno}:{call.col_offset}"


def turns_of(frame: Frame) -> str:
    """Tells apart what one place makes in different turns of the loops around it; empty in the
    first."""
    turns = [(loop.record.line, loop.iteration or loop.member) for loop in frame.all_loops()]
    return "".join(f"#{line}.{turn}" for line, turn in turns if turn)


def stored_in(frame: Frame) -> Value:
    """What a constructor left in its object."""
    assert frame.function is not None
    own = frame.function.own_name
    base = frame.names.get(GIVEN_TO_BASE, UNKNOWN).box
    fields = dict(base.fields) if base is not None else {}
    fields |= {
        name.removeprefix(f"{own}."): value
        for name, value in frame.names.items()
        if name in frame.stored and name.startswith(f"{own}.") and name.count(".") == 1
    }
    return Value(box=Box("object", fields=fields))
