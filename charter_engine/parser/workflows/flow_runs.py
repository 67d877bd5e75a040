"""Runs of flows whose steps are methods or nodes at hand: what comes out at their end.

A framework runs the steps. The analysis follows each of them on its own, after what runs them: at
the end of a run a program finds what the steps left when they were followed last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from charter_engine.parser.flows.edges import value_in_round
from charter_engine.parser.graphs.frameworks import absorb_box, in_state, started_by
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.values import UNKNOWN, Box, Instance, Value
from charter_engine.parser.workflows.handlers import (
    handler_node,
    is_graph_node,
    is_node_class,
    is_step,
)

if TYPE_CHECKING:
    from charter_engine.parser.state import Analysis

KICKING_OFF = frozenset("kickoff kickoff_async akickoff".split())
RUNNING = frozenset("run run_async run_sync arun".split())
"""Methods by which flows, workflows and graphs are run."""

STATE = "state"
"""The attribute in which a flow keeps what its steps share."""


class FlowRuns:
    """Tells what runs of flows give."""

    def __init__(self, analysis: Analysis) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.progress = analysis.progress

    def called(self, shape: CallShape) -> Value | None:
        """What a call gives that runs a flow; None for any other."""
        if self.program.flows.bases and shape.verb in RUNNING:
            self.share_store(shape)
        if self.program.handlers is None or shape.verb not in RUNNING | KICKING_OFF:
            return None
        owners = [kind.definition for kind in shape.receiver if isinstance(kind, Instance)]
        for owner in owners:
            steps = [one for one in self.methods_of(owner) if is_step(one)]
            if steps:
                self.start(owner, shape)
                return self.ended(steps, kicked_off=shape.verb in KICKING_OFF) or UNKNOWN
        return self.end_of_graph() if begins_with_node(shape) else None

    def methods_of(self, owner: ClassDefinition) -> list[FunctionDefinition]:
        lineage = self.program.lineage(owner)
        return [method for one in lineage for method in one.methods.values()]

    def start(self, owner: ClassDefinition, shape: CallShape) -> None:
        """Let the steps with which a run begins find what that is given: a workflow's in their
        event, a flow's in its state."""
        given = Box("dict", fields={name: value for name, _, value in shape.keywords})
        if shape.verb in RUNNING:
            for one in self.program.lineage(owner):
                absorb_box(self.memory, given, started_by(one.name))
            return
        inputs = shape.argument(0, "inputs")
        fields = self.memory.object_of(owner).fields
        state = fields.setdefault(STATE, Value(box=Box("object"))).box
        if inputs is None or inputs.box is None or state is None:
            return
        for name, value in inputs.box.fields.items():
            held = state.fields.get(name)
            self.memory.changes += held is None or not value.all_origins() <= held.all_origins()
            state.fields[name] = join(held, in_state(value), name)

    def ended(self, steps: list[FunctionDefinition], *, kicked_off: bool) -> Value | None:
        """What the last steps returned, or the result of the event that ends a workflow."""
        if kicked_off:
            after = self.program.handlers.after if self.program.handlers is not None else {}
            last = [one for one in steps if not after.get(handler_node(one))]
            return self.joined(self.returned_by(last or steps))
        boxes = [value.box for value in self.returned_by(steps) if value.box is not None]
        return self.joined(box.fields["result"] for box in boxes if "result" in box.fields)

    def end_of_graph(self) -> Value | None:
        """What the nodes of a graph end with: `return End(text)`."""
        nodes = [one for one in self.memory.returned if is_graph_node(one)]
        boxes = [value.box for value in self.returned_by(nodes) if value.box is not None]
        found = self.joined(box.fields["0"] for box in boxes if "0" in box.fields)
        return Value(box=Box("object", fields={"output": found})) if found is not None else None

    def returned_by(self, steps: Iterable[FunctionDefinition]) -> list[Value]:
        return [self.memory.returned[one] for one in steps if one in self.memory.returned]

    def joined(self, values: Iterable[Value]) -> Value | None:
        found: Value | None = None
        for value in values:
            found = join(found, value_in_round(value, self.progress.round), "result")
        return found

    def state_of(self, frame: Frame, owner: ClassDefinition, name: str) -> Value | None:
        """What a program finds in the state of a flow that it has run; None for any other
        attribute, and for the flow's own steps."""
        if name != STATE or self.program.handlers is None or frame.own_types:
            return None
        if not any(is_step(one) for one in self.methods_of(owner)):
            return None
        held = self.memory.object_of(owner).fields.get(STATE, UNKNOWN)
        return value_in_round(held, self.progress.round)

    def share_store(self, shape: CallShape) -> None:
        """Let the store of a flow of nodes hold what a run is given, and what that was taken from
        hold at its end what the nodes left."""
        stores = set(self.program.flows.stores.values())
        given = shape.given[0].box if shape.given else None
        if len(stores) != 1 or given is None or given.kind != "dict":
            return
        store = self.memory.shared_box(f"store {stores.pop()}")
        for key, value in list(given.fields.items()):
            before = store.fields.get(key)
            if not value.all_origins() <= (before or UNKNOWN).all_origins():
                self.memory.changes += 1
                store.fields[key] = join(before, in_state(value), key)
        for key, value in store.fields.items():
            given.fields[key] = value_in_round(value, self.progress.round)


def begins_with_node(shape: CallShape) -> bool:
    """Whether a run is given the node of a graph that it begins with."""
    return any(
        isinstance(kind, Instance) and is_node_class(kind.definition)
        for value in shape.given[:1]
        for kind in value.types
    )
