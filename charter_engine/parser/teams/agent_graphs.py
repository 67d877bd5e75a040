"""Graphs of agents: their nodes, and the edges that lead from one to another.

They are drawn by calls of a builder (`graph.add_edge(a, b)`), or written in what a workflow is made
with (`edges=[(START, a, b)]`). A node may ask no model: answers go through it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise, permutations
from typing import NamedTuple

from charter_engine.parser.flows.ways import led_to
from charter_engine.parser.model_calls.recognise import CallShape, named_in
from charter_engine.parser.teams.team_parts import name_of
from charter_engine.parser.values.candidates import in_order, made_in, members_in, place_of
from charter_engine.parser.values.methods import CONNECTED
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Element,
    Function,
    Instance,
    Made,
    Value,
)

Node = Made | str
"""An agent or a team; what asks no model, by what it is called."""

STARTING = "starting"
"""Under this name a graph keeps the nodes that it begins with."""

NAMING = frozenset(("add_node", "register_agent", "register_executor"))
"""Methods of builders that are given a node with a name."""

BEGINNING = frozenset(
    (
        "set_start_executor",
        "set_entry_point",
        "set_entry_points",
        "with_start_agent",
        "set_coordinator",
    )
)
"""Methods of builders that name a node to begin with."""

HANDING = frozenset(("add", "add_many", "add_handoff"))
"""Methods that tell who may hand on to whom."""

CHOOSING = HANDING | {"add_switch_case_edge_group", "add_multi_selection_edge_group"}
"""Methods of builders that draw edges of which only some are followed."""

OWN = (Function, Instance)
"""What the program itself gives as a node."""

SPREADING = CHOOSING | {
    "add_fan_out_edges",
    "add_fan_in_edges",
    "add_edges_from_source",
    "add_edges_to_target",
    "add_parallel_chain",
}
"""Methods of builders that draw edges from or to several nodes."""


class Edge(NamedTuple):
    """An edge of a graph of agents."""

    source: Node
    target: Node
    is_conditional: bool


def draw(box: Box, shape: CallShape) -> None:
    """`graph.add_node(agent, "name")`, `graph.add_edge(agent, other, condition)` and their like:
    keep the nodes of a graph of agents, and its edges; one with a condition has a third member."""
    given = shape.given
    if not given:
        return
    if shape.verb in ("add_node", "add_edge"):
        given = taken_apart(given)
    if shape.verb in NAMING:
        name = named_in(shape).get("name", given[1] if len(given) > 1 else UNKNOWN).static_text()
        box.fields.setdefault(name or f"node {len(box.fields)}", given[0])
    for member in members_in(given[0]) if shape.verb == "add_nodes" else ():
        box.fields.setdefault(f"node {len(box.fields)}", member)
    for member in members_in(given[0]) if shape.verb in BEGINNING else ():
        keep(box, STARTING, member)
    draw_edges(box, shape.verb, given)


def draw_edges(box: Box, verb: str, given: list[Value]) -> None:
    if verb == "add_chain":
        for pair in pairwise(members_in(given[0])):
            keep(box, CONNECTED, tuple_of(pair))
    elif len(given) > 1 and verb == "add_edge":
        keep(box, CONNECTED, tuple_of(given))
    elif len(given) > 1 and verb in SPREADING:
        condition = (UNKNOWN,) if verb in CHOOSING else ()
        for source in members_in(given[0]):
            for target in targets_in(given[1]):
                keep(box, CONNECTED, tuple_of((source, case_target(target), *condition)))


def taken_apart(given: list[Value]) -> list[Value]:
    """What `Node(id="find", agent=finder)` or `Edge(source="find", target="write")` holds, in the
    order in which it is given without such an object."""
    first = given[0]
    is_object = first.box is not None and first.box.kind == "object" and not any(made_in(first))
    fields = first.box.fields if first.box is not None and is_object else {}
    for names in (("agent", "id"), ("source", "target")):
        if fields.keys() >= set(names):
            return [fields[name] for name in names]
    return given


def keep(box: Box, name: str, value: Value) -> None:
    kept = box.fields.setdefault(name, Value(box=Box("list"))).box
    if kept is not None:
        kept.items.append(Element(value))


def tuple_of(members: Iterable[Value]) -> Value:
    return Value(box=Box("tuple", [Element(member) for member in members]))


def targets_in(given: Value) -> list[Value]:
    """The members of a list, or those that a dict describes by their names."""
    if given.box is not None and given.box.kind == "dict":
        return [static(name) for name in given.box.fields]
    return members_in(given)


def case_target(value: Value) -> Value:
    """The node of `Case(condition, target)` or `Default(target)`; of anything else, the value
    itself."""
    is_case = value.box is not None and value.box.kind == "object" and not any(made_in(value))
    fields = value.box.fields if value.box is not None and is_case else {}
    return next((fields[name] for name in ("target", "1", "0") if name in fields), value)


class AgentGraph:
    """The graph that a builder or a workflow holds; `is_meshed`: where no edges are drawn, any of
    its agents may hand on to any other. `executors` are the classes and functions of the program's
    own that stand in it, by what the nodes are called."""

    def __init__(self, made: Made, *, is_meshed: bool = False) -> None:
        drawn = made.box.fields.get("handoffs", UNKNOWN).box
        self.fields = made.box.fields | (drawn.fields if drawn is not None else {})
        self.is_meshed = is_meshed
        self.executors: dict[str, str] = {}
        held = (one for value in self.fields.values() for one in made_in(value))
        self.named = {name: one for one in held if (name := name_of(one))}
        self.edges = [*self.drawn(), *self.written()]
        self.nodes = list(dict.fromkeys(self.all_nodes()))
        self.agents = [node for node in self.nodes if isinstance(node, Made)]
        if is_meshed and not self.edges:
            pairs = permutations(self.agents, 2)
            self.edges = [Edge(source, target, True) for source, target in pairs]

    def asks_nobody(self) -> bool:
        """Whether all that the graph leads to is the program's own, which may ask by itself."""
        ends = [end.value for value in kept_in(self.fields, CONNECTED) for end in parts_of(value)]
        ends += [leaf for value in kept_in(self.fields, "edges") for leaf in leaves(value)]
        ends += kept_in(self.fields, STARTING)
        is_own = any(isinstance(kind, OWN) for end in ends for kind in self.meant(end).types)
        return is_own and not self.agents

    def all_nodes(self) -> Iterator[Node]:
        for name, value in self.fields.items():
            if name not in (CONNECTED, STARTING):
                yield from made_in(value)
        for edge in self.edges:
            yield from (edge.source, edge.target)

    def drawn(self) -> Iterator[Edge]:
        """The edges that calls of a builder draw."""
        for value in kept_in(self.fields, CONNECTED):
            ends = [part.value for part in parts_of(value)]
            for source in self.at(ends[0]):
                yield from (Edge(source, target, len(ends) > 2) for target in self.at(ends[1]))

    def written(self) -> Iterator[Edge]:
        """The edges of `edges=[(START, a, (b, c)), (c, {"word": d}), Edge(from_node=d, …)]`."""
        for value in kept_in(self.fields, "edges"):
            fields = value.box.fields if value.box is not None else {}
            if "from_node" in fields and "to_node" in fields:
                for source in self.at(fields["from_node"]):
                    for target in self.at(fields["to_node"]):
                        yield Edge(source, target, "route" in fields)
            elif value.box is not None:
                yield from self.along([item.value for item in value.box.items])

    def along(self, chain: list[Value]) -> Iterator[Edge]:
        """The edges of a chain: each of its elements leads to the next, to all of a tuple, or to
        those that a dict chooses from."""
        for before, after in pairwise(chain):
            is_chosen = after.box is not None and after.box.kind == "dict"
            sources = [node for member in leaves(before) for node in self.at(member)]
            targets = [node for member in leaves(after) for node in self.at(member)]
            yield from (Edge(one, other, is_chosen) for one in sources for other in targets)

    def at(self, end: Value) -> list[Node]:
        """The nodes at an end of an edge: by themselves, or by their name."""
        value, text = self.meant(end), end.static_text()
        agents = [*made_in(value)] or [self.named[one] for one in (text,) if one in self.named]
        if agents:
            return [*agents]
        name = called(value) or text or ""
        own = [kind.definition.name for kind in in_order(value.types) if isinstance(kind, OWN)]
        self.executors |= {name: own[0]} if own else {}
        return [name]

    def meant(self, end: Value) -> Value:
        """What stands in the graph under a name; of what is none, the value itself."""
        text = end.static_text()
        return self.fields.get(text, end) if text is not None else end

    def starts(self) -> list[Node]:
        """The nodes that the graph begins with: those that it names, or else those that none leads
        to."""
        named = kept_in(self.fields, STARTING)
        named += [self.fields["start_executor"]] if "start_executor" in self.fields else []
        found = [node for value in named for node in self.at(value)]
        if not found and self.is_meshed:
            return [*self.agents[:1]]
        led_to = {edge.target for edge in self.edges}
        return found or [node for node in self.nodes if node not in led_to] or self.nodes[:1]

    def reached_from(self, node: Node, asking: Collection[str] = ()) -> dict[Made, bool]:
        """The agents that a node leads to, nearest first, each with whether it is always run then.
        What executors that are `asking` a model lead to hears these."""
        found: dict[Made, bool] = {}
        seen: set[Node] = set()
        pending = [(edge.target, not edge.is_conditional) for edge in self.from_node(node)]
        while pending:
            target, is_always = pending.pop(0)
            if isinstance(target, Made):
                found[target] = found.get(target, False) or is_always
            elif target not in seen and self.executors.get(target) not in asking:
                seen.add(target)
                pending += [
                    (edge.target, is_always and not edge.is_conditional)
                    for edge in self.from_node(target)
                ]
        return found

    def in_turn(self) -> list[Node]:
        """The nodes in the order in which they may come to run first."""
        found = self.starts()
        for node in found:
            found += [one for edge in self.from_node(node) if (one := edge.target) not in found]
        return found

    def is_ahead(self, node: Node, other: Node) -> bool:
        """Whether a node comes to run before another."""
        order = self.in_turn()
        return node in order and other in order and order.index(node) < order.index(other)

    def leads_back(self, node: Node, other: Node) -> bool:
        """Whether a node leads to another on any way."""
        after = {one: [edge.target for edge in self.from_node(one)] for one in self.nodes}
        return other in led_to(after, node)

    def from_node(self, node: Node) -> list[Edge]:
        return [edge for edge in self.edges if edge.source == node]


def parts_of(value: Value) -> list[Element]:
    return value.box.items if value.box is not None else []


def kept_in(fields: dict[str, Value], name: str) -> list[Value]:
    box = fields.get(name, UNKNOWN).box
    return [item.value for item in box.items] if box is not None else []


def leaves(value: Value) -> list[Value]:
    """The members of a tuple or a dict, also of tuples in them; of anything else, the value
    itself."""
    if value.box is None or value.box.kind == "object" or any(type(k) is Made for k in value.types):
        return [value]
    return [leaf for member in members_in(value) for leaf in leaves(member)]


def called(value: Value) -> str:
    """What a node is called that asks no model."""
    own = [kind for kind in in_order(value.types) if isinstance(kind, OWN)]
    if own:
        return own[0].definition.qualname + place_of(own[0])
    return value.static_text() or (ast.unparse(value.source) if value.source is not None else "")
