"""State that functions share through a framework: LangGraph's state, Streamlit's session, workflow
events and contexts, what the steps of a flow hand on."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from msgspec.structs import replace

from charter_engine.parser.flows.memory import Memory
from charter_engine.parser.graphs.given_states import functions_given_states, state_parameter
from charter_engine.parser.graphs.spoken import TALK
from charter_engine.parser.graphs.state_ends import StateEnds
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import is_said_by, words_of
from charter_engine.parser.source.program import Program
from charter_engine.parser.source.symbols import (
    ClassDefinition,
    FunctionDefinition,
    Module,
    dotted_name,
)
from charter_engine.parser.source.syntax import declared_fields
from charter_engine.parser.values.candidates import without_ends
from charter_engine.parser.values.containers import any_member
from charter_engine.parser.values.joining import either, join
from charter_engine.parser.values.origins import NOTHING
from charter_engine.parser.values.values import UNKNOWN, Box, Element, Value, moved
from charter_engine.parser.workflows.executors import executor_of, handling_of
from charter_engine.parser.workflows.handlers import (
    heard_steps,
    is_graph_node,
    is_step,
    kinds_returned,
)


class SharedStates:
    """What functions take from and leave in the states that frameworks hand on.

    A graph's node sees what those that may lead to it left; a key that has no reducer holds what
    was written last. A function that is in no graph at hand shares one state with all like it, but
    for `helpers`, which others at hand give theirs.
    """

    def __init__(self, program: Program, memory: Memory) -> None:
        self.graph = program.graph
        self.flows = program.flows
        self.memory = memory
        self.overwritten = overwritten_keys(program.modules.values())
        named = {
            definition.node_name
            for module in program.modules.values()
            for definition in module.functions.values()
        }
        nodes = set(self.graph.functions.values()) if self.graph is not None else set()
        self.nodes = nodes & named
        given = functions_given_states(program.modules.values())
        self.helpers = {one for one in given if one.node_name not in self.nodes}
        self.parameters: dict[FunctionDefinition, str | None] = {}
        self.events: dict[FunctionDefinition, dict[str, list[str]]] = {}
        self.contexts: dict[FunctionDefinition, str | None] = {}
        self.heard: dict[FunctionDefinition, list[FunctionDefinition]] = {}
        self.event_classes = {
            definition.name: definition
            for module in program.modules.values()
            for definition in module.classes.values()
            if is_event(definition)
        }
        self.linked = program.linked
        tools = self.graph.tool_nodes if self.graph is not None else set()
        functions = self.graph.functions.items() if self.graph is not None else ()
        placed = {function for node, function in functions if node not in tools}
        self.is_whole = bool(nodes) and placed <= named | NO_FUNCTIONS
        self.ends = StateEnds(program.graph, memory, program.modules.values())

    def parameter(self, definition: FunctionDefinition) -> str | None:
        """The parameter that holds a state, looked for once."""
        if definition not in self.parameters:
            self.parameters[definition] = self.parameter_of(definition)
        return self.parameters[definition]

    def state_taken(self, definition: FunctionDefinition) -> str | None:
        """The parameter that holds a state, also of those that others give theirs."""
        is_helper = definition in self.helpers
        return state_parameter(definition) if is_helper else self.parameter(definition)

    def note_given(self, definition: FunctionDefinition) -> None:
        """Keep that a function is given a state by one at hand: it is none of a graph's own."""
        if definition.node_name not in self.nodes and definition.owner not in self.flows.bases:
            self.helpers.add(definition)

    def events_of(self, definition: FunctionDefinition) -> dict[str, list[str]]:
        """The parameters annotated as a workflow's events, looked for once."""
        if definition not in self.events:
            self.events[definition] = event_parameters(definition, self.event_classes)
        return self.events[definition]

    def context_parameter(self, definition: FunctionDefinition) -> str | None:
        """The parameter that holds what is shared beside a state, looked for once."""
        if definition not in self.contexts:
            self.contexts[definition] = context_parameter(definition)
        return self.contexts[definition]

    def heard_by(self, definition: FunctionDefinition) -> dict[str, Value]:
        """What a step of a flow is given: what those returned that it listens to, or sent it."""
        if self.linked and (handling := handling_of(definition)) is not None:
            sent = self.memory.shared_box(executor_of(definition)).fields
            found = [sent[kind] for kind in sorted(handling.taken) if kind in sent]
            found += [
                Value(box=Box("list", rest=sent[kind]), origins=sent[kind].all_origins())
                for kind in sorted(sent)
                if f"list[{kind}]" in handling.taken
            ]
            return {handling.parameter: found[0]} if found else {}
        if definition.owner in self.flows.bases:
            return self.handed_on(definition)
        if definition not in self.heard:
            self.heard[definition] = heard_steps(definition)
        steps = self.heard[definition]
        own = definition.parameters[1:2]
        returned = [self.memory.returned[step] for step in steps if step in self.memory.returned]
        if not own or not returned:
            return {}
        value = returned[0]
        for other in returned[1:]:
            value = join(value, other, own[0])
        return {own[0]: in_state(value)}

    def handed_on(self, definition: FunctionDefinition) -> dict[str, Value]:
        """What a method of a node is given of what those before it returned."""
        given = {
            name: self.memory.returned[method]
            for name, method in self.flows.handed_on(definition).items()
            if method in self.memory.returned
        }
        if not self.flows.is_batch(definition):
            return given
        return {name: any_member(value) for name, value in given.items()}

    def event_box(self, events: list[str]) -> Box:
        """What an event holds that may be of several kinds."""
        boxes = [self.memory.shared_box(event) for event in events]
        if len(boxes) == 1:
            return boxes[0]
        fields: dict[str, Value] = {}
        for box in boxes:
            fields |= {key: join(fields.get(key), held, key) for key, held in box.fields.items()}
        return Box("dict", fields=fields)

    def context(self) -> Box:
        """What the steps of a workflow share by `ctx.get` and `ctx.set`, or of its `store`, which
        agents keep a state of their own in."""
        box = self.memory.shared_box("context")
        box.fields.setdefault("store", Value(box=box))
        box.fields.setdefault("state", Value(box=self.memory.shared_box("context state")))
        return box

    def keep_returned(self, definition: FunctionDefinition, result: Value) -> None:
        """Keep what a step of a flow returned for those that listen to it; of a node that works on
        each member of a list, what it returned is a member of another."""
        if definition.owner is None:
            return
        if self.flows.is_batch(definition):
            result = Value(box=Box("list", [Element(result, maybe=True)]))
        is_handled = is_step(definition) or is_graph_node(definition)
        if self.flows.part_of(definition) or is_handled:
            self.memory.returned[definition] = result

    def parameter_of(self, definition: FunctionDefinition) -> str | None:
        """The parameter that holds a state: a node's first, the store that nodes share, or one that
        says so by name or annotation. What only hands it on to nodes has none of its own."""
        if self.graph is not None and definition in self.graph.handing_on:
            return None
        if definition.owner in self.flows.bases:
            return self.flows.store_parameter(definition)
        if definition.node_name in self.nodes:
            own = definition.parameters[1:] if definition.takes_self else definition.parameters
            return own[0] if own else None
        return None if definition in self.helpers else state_parameter(definition)

    def state_for(self, definition: FunctionDefinition) -> Box:
        """What a function's state holds where it starts."""
        if definition.owner in self.flows.bases:
            return self.memory.shared_box(f"store {self.flows.stores[definition.owner]}")
        if definition.node_name not in self.nodes:
            return self.memory.shared_box("state")
        box = self.state_at(definition.node_name)
        if self.is_whole and definition.node_name not in self.memory.sent:
            box.fields = {
                key: self.with_ends(definition.node_name, key, held)
                for key, held in box.fields.items()
            }
        return box

    def with_ends(self, node: str, key: str, held: Value) -> Value:
        """What a key holds where a node starts, with what is told of its first and last members."""
        ends = self.ends.ends_of(node, key, self.nodes) if held.box is None else None
        return held if ends is None else replace(held, types=held.types | {ends})

    def state_at(self, node: str) -> Box:
        """What the state of a graph holds where the function of that name starts."""
        if self.graph is None:
            return Box("dict")
        sent = self.memory.sent.get(node)
        if sent is not None:
            return Box("dict", fields=dict(sent.fields))
        fields: dict[str, Value] = {}
        for name in self.graph.before(node, self.nodes):
            left = self.memory.left.get(name)
            for key, value in left.fields.items() if left is not None else ():
                fields[key] = joined_in_state(fields.get(key), value, key)
        for key, held in fields.items():
            last = self.written_last(node, key)
            if last is not None:
                is_gone = key in self.overwritten
                told = held if holds_rows(held) else held.with_origins(last.all_origins())
                fields[key] = last if is_gone else told
        if not self.is_whole:
            fields = self.memory.shared_box(UNPLACED).fields | fields
        return Box("dict", fields=fields)

    def written_last(self, name: str, key: str, *, added: bool = False) -> Value | None:
        """What a key holds before a node by what was written last on the ways to it, through nodes
        that leave it as it is; `added`: what was added to it last alone."""
        assert self.graph is not None
        found: Value | None = None
        seen: set[str] = set()
        pending = self.graph.before(name, self.nodes)
        while pending:
            writer = pending.pop()
            if writer in seen:
                continue
            seen.add(writer)
            written = self.memory.written.get(writer, {}).get(key)
            begun = self.memory.left.get(writer) if writer not in self.nodes else None
            given = begun.fields.get(key) if begun is not None else None
            for value in (given, written.value if written is not None else None):
                found = joined_in_state(found, value, key) if value is not None else found
            if written is None or (written.maybe and not added):
                pending += self.graph.before(writer, self.nodes)
        return found

    def absorb(self, definition: FunctionDefinition, frame: Frame, result: Value) -> None:
        """A node's returned dict, or the `update` of its `Command`, becomes part of the state."""
        if self.parameter(definition) is None or definition.owner in self.flows.bases:
            return
        if definition in self.helpers:
            return
        if definition.node_name in self.nodes:
            self.leave(definition, frame, result)
        if result.box is None:
            return
        if definition.node_name in self.nodes or not self.is_whole:
            absorb_box(self.memory, result.box, "state")
        if definition.node_name not in self.nodes and not self.is_whole:
            absorb_box(self.memory, result.box, UNPLACED)

    def leave(self, definition: FunctionDefinition, frame: Frame, result: Value) -> None:
        """Keep what the state holds after a node: what it held before, with what was written."""
        after = self.state_at(definition.node_name)
        known = {key: value.all_origins() for key, value in after.fields.items()}
        held = frame.names.get(self.parameter(definition) or "")
        for key, value in held.box.fields.items() if held is not None and held.box else ():
            after.fields[key] = join(after.fields.get(key), in_state(value), key)
        if self.graph is not None and definition.node_name in self.graph.handing and not result.box:
            after.fields[WHOLE] = in_state(result)
        writes = self.memory.written[definition.node_name] = {}
        gone = self.overwritten | emptied_keys(definition, self.parameter(definition) or "")
        for box in updates_in(result.box) if result.box is not None else ():
            for key, value in box.fields.items():
                if key.isdigit():
                    continue
                self.memory.note_spoken(key, value)
                kept = after.fields.get(key)
                is_gone = key in gone and key in (frame.always or ())
                written = in_state(self.ends.reduced(key, value))
                after.fields[key] = written if is_gone else joined_in_state(kept, written, key)
                if written.all_origins() != known.get(key, NOTHING):
                    writes[key] = Element(written, maybe=not is_gone)
        self.memory.changes += 1
        self.memory.left[definition.node_name] = after
        self.memory.always[definition.node_name] = frame.always or frozenset()

    def leave_beside(self, node: str, others: dict[str, Value]) -> dict[str, Value]:
        """Let the state after a node hold what the same function left in another place as well;
        returns all that it holds."""
        after = self.memory.left.setdefault(node, Box("dict")).fields
        for key, value in others.items():
            after[key] = join(after.get(key), value, key)
        return after

    def send_message(self, definition: FunctionDefinition, message: Value) -> None:
        """`ctx.send_message(message)`: what the executors start with that edges lead to."""
        handling = handling_of(definition) if self.linked else None
        for source, target in self.linked if handling is not None else ():
            if handling is None or source != executor_of(definition):
                continue
            fields = self.memory.shared_box(target).fields
            for kind in sorted(handling.sent):
                fields[kind] = join(fields.get(kind), in_state(message), kind)
                self.memory.changes += 1

    def send_event(self, definition: FunctionDefinition, event: Value) -> None:
        """`ctx.send_event(event)` of one that isn't made at hand: what a model gave, of a kind that
        the step says it returns, may be in each of its fields."""
        if event.types or not event.all_origins():
            return
        for kind in sorted(kinds_returned(definition) & self.event_classes.keys()):
            fields = self.memory.shared_box(kind).fields
            for name in declared_fields(self.event_classes[kind].node):
                held = fields.get(name, UNKNOWN)
                if not event.all_origins() <= held.all_origins():
                    self.memory.changes += 1
                    fields[name] = held.with_origins(in_state(event).all_origins())

    def answered(self, node: str, key: str, answer: Value) -> None:
        """Keep what the state holds after a node that adds an answer to what is under a key."""
        after = self.state_at(node)
        self.memory.note_spoken(key, answer)
        written = in_state(answer)
        after.fields[key] = join(after.fields.get(key), written, key)
        self.memory.written[node] = {key: Element(written, maybe=True)}
        self.memory.always[node] = frozenset((key,))
        self.memory.changes += 1
        self.memory.left[node] = after

    def send(self, target: str, payload: Box) -> None:
        """`Send("node", {…})`: what the functions start with that the node leads into."""
        started = self.graph.started_by(target) if self.graph is not None else set()
        inside = self.graph.inside(target) if self.graph is not None else set()
        self.memory.beside |= dict.fromkeys(inside | started | {target}, "send")
        for function in started or {target}:
            box = self.memory.sent.setdefault(function, Box("dict"))
            for key, value in payload.fields.items():
                self.memory.changes += 1
                self.memory.note_spoken(key, value)
                box.fields[key] = join(box.fields.get(key), in_state(value), key)


WHOLE = ""
"""Under this name the state after a node holds all that it returned, where it hands that on."""

START = "StartEvent"
"""The event with which a workflow begins, which a run makes of what it is given."""

UNPLACED = "unplaced"
"""What functions leave in a state that may be nodes of a graph, though none is known to be."""

NO_FUNCTIONS = frozenset(("tools_condition", "tools", "ToolNode"))
"""What stands behind nodes of the framework's own."""


def updates_in(box: Box) -> list[Box]:
    """The dicts by which a node's result updates the state: its own, or those of its commands."""
    update = box.fields.get("update")
    if update is not None and update.box is not None:
        return [update.box]
    if box.kind == "list" and not box.fields:
        return [
            inner
            for element in box.items
            if element.value.box is not None and element.value.box.kind != "list"
            for inner in updates_in(element.value.box)
        ]
    return [box]


def absorb_box(memory: Memory, box: Box, name: str) -> None:
    """Add what a dict holds to what functions share under a name."""
    shared = memory.shared_box(name)
    for update in updates_in(box):
        if update is shared:
            continue
        for key, value in update.fields.items():
            if not key.isdigit():
                memory.changes += 1
                memory.note_spoken(key, value)
                shared.fields[key] = join(shared.fields.get(key), in_state(value), key)


def overwritten_keys(modules: Iterable[Module]) -> frozenset[str]:
    """The keys of states that are declared at hand, always without a reducer. Conversations are
    taken to grow, as the message lists of the frameworks' own states do."""
    plain: set[str] = set()
    reduced: set[str] = set()
    for module in modules:
        for definition in module.classes.values():
            for item in definition.node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    has_reducer = dotted_name(item.annotation).endswith("Annotated")
                    (reduced if has_reducer else plain).add(item.target.id)
    return frozenset(key for key in plain - reduced if TALK.isdisjoint(words_of(key)))


def emptied_keys(definition: FunctionDefinition, state: str) -> frozenset[str]:
    """The keys of a state from which a node removes every message, with LangGraph's
    `RemoveMessage`."""
    found: set[str] = set()
    for node in ast.walk(definition.node):
        if isinstance(node, ast.ListComp) and is_removal(node.elt):
            found |= {key_in(node.generators[0].iter, state)}
        elif is_removal(node) and "REMOVE_ALL_MESSAGES" in ast.unparse(node):
            found.add("messages")
    return frozenset(found)


def is_removal(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted_name(node.func).endswith("RemoveMessage")


def key_in(node: ast.expr, state: str) -> str:
    """The key of `state["key"]` or `state.key`; empty for anything else."""
    if isinstance(node, ast.Attribute) and dotted_name(node.value) == state:
        return node.attr
    if isinstance(node, ast.Subscript) and dotted_name(node.value) == state:
        return str(node.slice.value) if isinstance(node.slice, ast.Constant) else ""
    return ""


MAX_OBJECTS = 2
"""So deep the objects in a state are looked into."""


def in_state(value: Value, depth: int = 0) -> Value:
    """A value and its members after they went through a framework's state; the attributes of an
    object stay apart, and the parts of a tuple, also of those in a list."""
    value = moved(value, "state")
    if value.box is None:
        kinds = without_ends(value.types)
        return value if len(kinds) == len(value.types) else replace(value, types=kinds)
    if depth < MAX_OBJECTS and (holds_records(value.box) or is_row(value.box)):
        items = [replace(one, value=in_state(one.value, depth + 1)) for one in value.box.items]
        rest = in_state(value.box.rest, depth + 1) if value.box.rest is not None else None
        return replace(value, box=Box(value.box.kind, items, rest=rest))
    if (is_record(value.box) or value.box.kind == "object") and depth < MAX_OBJECTS:
        fields = {name: in_state(held, depth + 1) for name, held in value.box.fields.items()}
        return replace(value, box=Box(value.box.kind, fields=fields, rest=value.box.rest))
    origins = moved(Value(origins=value.all_origins()), "state").origins
    return Value(
        types=value.types,
        pieces=value.pieces,
        origins=value.origins | origins,
        constant=value.constant,
    )


def holds_records(box: Box) -> bool:
    """Whether a list holds objects with fields, or tuples, none of them a message."""
    held = [one.value.box for one in box.items]
    held += [box.rest.box] if box.rest is not None else []
    is_list = box.kind == "list" and bool(held)
    return is_list and all(
        one is not None and (is_row(one) or (one.fields and is_record(one))) for one in held
    )


def holds_rows(value: Value) -> bool:
    """Whether a value is a list of tuples, and nothing else is known of it."""
    box = value.box
    is_list = box is not None and box.kind == "list" and bool(box.items) and box.rest is None
    held = [one.value.box for one in box.items] if box is not None and is_list else []
    return bool(held) and all(one is not None and is_row(one) for one in held)


def is_row(box: Box) -> bool:
    """Whether a box is a tuple of several parts, but no message."""
    return box.kind == "tuple" and len(box.items) > 1 and not is_said_by(box)


def is_record(box: Box) -> bool:
    """Whether a box is an object or a dict, but no message."""
    return box.kind in ("object", "dict") and "role" not in box.fields


def joined_in_state(held: Value | None, written: Value, key: str) -> Value:
    """What a state holds of which a node leaves more: lists of records are left as they are in the
    states before."""
    if held is None or held.box is None or held.box.kind == "object":
        return join(held, written, key)
    return either(held, written)


def is_event(definition: ClassDefinition) -> bool:
    """Whether a class is that of a workflow's events, by its name or its base's."""
    return any(name.endswith("Event") for name in (definition.name, *definition.bases))


def called_by(definition: FunctionDefinition) -> set[str]:
    """The last names of a function's decorators."""
    return {name.rpartition(".")[2] for name in definition.decorators}


def context_parameter(definition: FunctionDefinition) -> str | None:
    """The parameter that holds what the steps of a workflow share, or the tools of its agents."""
    is_step = "step" in called_by(definition)
    spec = definition.node.args
    for arg in (*spec.posonlyargs, *spec.args):
        name = dotted_name(arg.annotation) if arg.annotation is not None else ""
        package = definition.module.imports.get(name, "").partition(".")[0]
        if name.endswith("Context") and (is_step or package in SHARING):
            return arg.arg
    return None


SHARING = ("llama_index", "workflows")
"""The packages of whose `Context` functions are given one that they share."""


def event_parameters(
    definition: FunctionDefinition, known: Collection[str]
) -> dict[str, list[str]]:
    """Parameters annotated as a workflow's events, with the classes of these; `known` are classes
    of events. The event that starts a run is its own workflow's."""
    spec = definition.node.args
    owner = definition.owner.name if definition.owner is not None else ""
    found = {}
    for arg in [*spec.posonlyargs, *spec.args]:
        if arg.annotation is None:
            continue
        names = [node.id for node in ast.walk(arg.annotation) if isinstance(node, ast.Name)]
        events = [name for name in names if name.endswith("Event") or name in known]
        if events:
            found[arg.arg] = [started_by(owner) if name == START else name for name in events]
    return found


def started_by(workflow: str) -> str:
    """Under what name the event is kept that starts runs of a workflow of that class."""
    return f"{START} {workflow}"
