"""What constructors of the catalogue make, and methods that keep or change what they made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.agents.memories import memory_made
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.catalogue import KindRule
from charter_engine.parser.model_calls.chains import (
    CHAIN,
    PLACEHOLDER,
    chain_box,
    is_unseen,
    makes_chain,
    placeholder,
)
from charter_engine.parser.model_calls.recognise import CallShape, constructed_box, written_in
from charter_engine.parser.model_calls.runnables import ASSIGNING
from charter_engine.parser.prompts import prompts
from charter_engine.parser.prompts.history_stores import LASTING, outlasts_runs
from charter_engine.parser.prompts.offered import KEPT_AS
from charter_engine.parser.teams.agent_graphs import draw
from charter_engine.parser.teams.drawn_teams import is_drawn
from charter_engine.parser.values.candidates import in_order
from charter_engine.parser.values.pieces import text_of
from charter_engine.parser.values.strings import arguments_origins
from charter_engine.parser.values.values import UNKNOWN, Box, External, Hole, Kind, Member, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

STORE = "store"
"""The kind of what libraries make that never ask a model; what `json.loads` reads is no object of
theirs."""

REQUESTING = frozenset("requests httpx urllib3 wikipedia".split())
"""Libraries whose functions look up what a server has: `requests.get(url, params=…)`."""

SYSTEM = frozenset("os sys".split())
"""Modules whose functions give what the system has or does, and no object that holds what they are
given."""


class Constructors:
    """Makes objects of the catalogue's kinds."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.evaluator = evaluator

    def made_by(
        self, frame: Frame, callee: Value, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What a constructor of the catalogue, or a method that keeps or changes a kind,
        returns."""
        for kind in in_order(callee.types):
            if isinstance(kind, External):
                name = self.program.catalogue.kind_of_constructor(kind.dotted)
                is_person = name is not None and self.program.catalogue.asks_person((kind,))
                if is_person or (name is not None and self.is_for_other_task(name, shape)):
                    return Value()
                if name is not None and requests(kind.dotted):
                    return Value(types=frozenset((Kind(name),)))
                if name is not None:
                    rule = self.program.catalogue.kinds[name]
                    box = self.evaluator.crews.configured(frame, rule, self.made_box(name, shape))
                    if rule.stands_for and box is not None and rule.stands_for in box.fields:
                        held = box.fields[rule.stands_for]
                        lasting = {LASTING} if outlasts_runs(box) else set[Kind]()
                        return replace(held, types=held.types | {Kind(name)} | lasting)
                    made = (
                        memory_made(frame, name, shape)
                        if rule.talks
                        else self.evaluator.agents.made(frame, shape.node, name, box)
                    )
                    return replace(
                        made or Value(types=frozenset((Kind(name),)), box=box),
                        origins=arguments_origins(shape) | receiver.all_origins(),
                    )
            elif isinstance(kind, Member) and kind.kind in self.program.catalogue.kinds:
                changed = self.changed_by(frame, kind, receiver, shape)
                if changed is not None:
                    return changed
        return self.made_unseen(receiver, shape)

    def is_for_other_task(self, kind: str, shape: CallShape) -> bool:
        """Whether a constructor of many things is told to make something that writes no text:
        `pipeline("sentiment-analysis")`."""
        tasks = self.program.catalogue.kinds[kind].other_tasks
        task = shape.argument(0, "task") if tasks else None
        return task is not None and bool(re.search(tasks, written_in(task)))

    def changed_by(
        self, frame: Frame, method: Member, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What a method returns that keeps a kind, takes a member, fills a template or makes
        another kind; None for any other."""
        rule = self.program.catalogue.kinds[method.kind]
        if method.path in (*rule.keeps, *rule.nodes):
            return self.kept_by(frame, method, receiver, shape, rule)
        if method.path in rule.takes:
            return self.evaluator.agents.take(frame, receiver, shape, rule)
        if method.path in rule.fills:
            filling = Value(origins=arguments_origins(shape) | receiver.all_origins())
            return prompts.filled_template(receiver, shape, rule.syntax) or filling
        if method.path not in rule.becomes:
            return None
        name = rule.becomes[method.path]
        box = with_fields_of(receiver, self.made_box(name, shape))
        made = self.evaluator.agents.made(frame, shape.node, name, box)
        value = made or Value(types=frozenset((Kind(name),)), box=box)
        return replace(value, origins=receiver.origins)

    def kept_by(
        self, frame: Frame, method: Member, receiver: Value, shape: CallShape, rule: KindRule
    ) -> Value:
        """What a method returns that keeps a kind, or adds a member to what is drawn."""
        if method.path == ASSIGNING:
            return self.evaluator.runnables.assigned(frame, receiver, shape)
        if is_drawn(rule) and receiver.box is not None:
            is_factory = method.path in rule.factories
            drawn = self.evaluator.factories.called(frame, shape) if is_factory else shape
            draw(receiver.box, drawn)
        if method.path in rule.nodes:
            return next((value for _, value in shape.positional), UNKNOWN)
        is_named = len(shape.path) == 1 and not receiver.types
        owner = Value(types=frozenset((Kind(method.kind),))) if is_named else receiver
        filled = prompts.partly_filled(owner, shape) if rule.fills else owner
        return with_offer(filled, shape)

    def made_unseen(self, receiver: Value, shape: CallShape) -> Value | None:
        """What code that isn't at hand makes, as its name or a method that nothing else has
        proves."""
        if makes_chain(shape, self.program.catalogue):
            types, box = frozenset((CHAIN,)), chain_box(shape)
            return Value(types=types, box=box, origins=arguments_origins(shape))
        proved = self.program.catalogue.proving.get(shape.verb)
        if proved is None or len(shape.path) == 1 or not is_unseen(receiver):
            return None
        return with_offer(replace(receiver, types=frozenset((Kind(proved),))), shape)

    def made_box(self, kind: str, shape: CallShape) -> Box | None:
        """What an object of a kind holds: what it was made with, or a text that isn't at hand."""
        if kind == PLACEHOLDER:
            return placeholder(shape)
        if kind == STORE and (shape.verb == "loads" or not SYSTEM.isdisjoint(shape.path[:1])):
            return None
        if self.program.catalogue.kinds[kind].fetched:
            return Box("object", fields={"template": text_of((Hole("", UNKNOWN),))})
        return by_names(constructed_box(shape), self.program.catalogue.kinds[kind].arguments)


def with_offer(model: Value, shape: CallShape) -> Value:
    """`llm.bind_tools(tools)`: the model, with what it will offer in every request. In its JSON
    mode a schema is only what answers are read by."""
    name = KEPT_AS.get(shape.verb)
    methods = (value.static_text() for given, _, value in shape.keywords if given == "method")
    if "json_mode" in methods:
        return model
    given = shape.given
    if name is None or not given:
        return model
    fields = model.box.fields if model.box is not None else {}
    return replace(model, box=Box("object", fields={**fields, name: given[0]}))


def with_fields_of(receiver: Value, box: Box | None) -> Box | None:
    """What an object that another has made holds: its own, or what an `update` says, and what the
    other was given by name."""
    given = receiver.box.fields if receiver.box is not None else {}
    named = {name: value for name, value in given.items() if not name.isdigit()}
    own = box.fields if box is not None else {}
    update = own.get("update", UNKNOWN).box
    if not named:
        return box
    return Box("object", fields=named | (update.fields if update is not None else own))


def by_names(box: Box | None, names: tuple[str, ...]) -> Box | None:
    """What a constructor is given, with the names of what it is given by place."""
    if box is None or not names:
        return box
    places = {str(number): name for number, name in enumerate(names)}
    fields = {places.get(name, name): value for name, value in box.fields.items()}
    return replace(box, fields=fields)


def requests(dotted: str) -> bool:
    """Whether a dotted name is a function that asks a server for something, no client of one."""
    return dotted.partition(".")[0] in REQUESTING and dotted.rpartition(".")[2].islower()
