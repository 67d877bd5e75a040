"""The first and the last member of a list in a graph's state to which nodes add: what a node finds
by `state["messages"][0]` and `state["messages"][-1]`."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from charter_engine.parser.flows.memory import Memory
from charter_engine.parser.graphs.reducers import adding_at_hand
from charter_engine.parser.graphs.state_graphs import StateGraph, is_router, named
from charter_engine.parser.source.symbols import Module, dotted_name
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.joining import is_empty_list
from charter_engine.parser.values.origins import NOTHING, Origins
from charter_engine.parser.values.values import ListEnds, Value

ADDING = frozenset(("add_messages", "add"))
"""Reducers that put what a node returns behind what was there."""

MESSAGE_STATES = frozenset(("MessagesState", "AgentState"))
"""LangGraph's own states, which keep `messages` so."""

REMOVING = "RemoveMessage"


class StateEnds:
    """Tells the ends of the lists in a graph's state; nothing where messages are taken out of
    any."""

    def __init__(self, graph: StateGraph | None, memory: Memory, modules: Iterable[Module]) -> None:
        self.graph = graph
        self.memory = memory
        modules = list(modules) if graph is not None else []
        removes = any(REMOVING in module.imports for module in modules)
        adding = adding_at_hand(modules)
        self.growing = frozenset[str]() if removes else growing_keys(modules, ADDING)
        self.renewed = frozenset[str]() if removes else growing_keys(modules, adding) - self.growing
        self.taken = {
            key: name
            for reducer, name in adding.items()
            for key in (growing_keys(modules, (reducer,)) & self.renewed if name else ())
        }

    def ends_of(self, function: str, key: str, at_hand: Collection[str]) -> ListEnds | None:
        """The ends of what a key holds where a function starts; None where they aren't told."""
        if self.graph is None or key not in self.growing | self.renewed:
            return None
        nodes = self.graph.nodes_of(function)
        first = self.first_of(nodes, key) if key in self.growing else None
        return ListEnds(first, self.last_before(nodes, key, at_hand))

    def reduced(self, key: str, written: Value) -> Value:
        """What a node writes as the reducer of a key takes it: out of a dict that says to begin
        anew, what it begins with."""
        name = self.taken.get(key, "")
        is_dict = written.box is not None and written.box.kind == "dict"
        return written.box.fields.get(name, written) if written.box and is_dict else written

    def first_of(self, nodes: Iterable[str], key: str) -> Origins | None:
        """What the graphs of nodes are given first under a key; None where that isn't told."""
        starts = {f"{node.partition('/')[0]}/START" for node in nodes}
        given = [self.given_at(start, key) for start in starts]
        told = [origins for origins in given if origins is not None]
        return NOTHING.union(*told) if len(told) == len(given) else None

    def given_at(self, start: str, key: str) -> Origins | None:
        """What a graph is given first under a key: a list that begins with an input, where its runs
        aren't at hand; None where others begin that."""
        assert self.graph is not None
        if any(start in targets for targets in self.graph.after.values()):
            return None
        given = self.memory.begun.get(start)
        if given is None:
            return NOTHING
        value = given.get(key)
        return None if value is None or is_empty_list(value) else value.all_origins()

    def last_before(self, nodes: Iterable[str], key: str, at_hand: Collection[str]) -> Origins:
        """What was added last on the ways to nodes. What a tool found is nothing that a model
        wrote."""
        assert self.graph is not None
        found: Origins = NOTHING
        seen: set[str] = set()
        pending = self.before(nodes)
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            function = self.graph.functions.get(node, "")
            if named(node) == "START":
                given = self.memory.begun.get(node, {}).get(key, Value())
                found |= given.all_origins()
            elif function in at_hand and not is_router(node):
                written = self.memory.written.get(function, {}).get(key)
                found |= written.value.all_origins() if written is not None else NOTHING
                if written is not None and key in self.memory.always.get(function, ()):
                    continue
            elif node in self.graph.tool_nodes:
                continue
            pending += self.before([node])
        return found

    def before(self, nodes: Iterable[str]) -> list[str]:
        """The nodes that lead to others at once with the same state."""
        assert self.graph is not None
        wanted = set(nodes)
        return sorted(
            source
            for source, targets in self.graph.after.items()
            if any((source, target) not in self.graph.apart for target in targets & wanted)
        )


def growing_keys(modules: Iterable[Module], adding: Collection[str]) -> frozenset[str]:
    """The keys of states whose reducer is one of those that put what is new last."""
    found: set[str] = set()
    for module in modules:
        if any(last in MESSAGE_STATES for last in map(last_part, module.imports.values())):
            found.add("messages")
        for definition in module.classes.values():
            for item in definition.node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    found |= {item.target.id} if is_added_to(item.annotation, adding) else set()
    return frozenset(found)


def last_part(dotted: str) -> str:
    return dotted.rpartition(".")[2]


def is_added_to(annotation: ast.expr, adding: Collection[str]) -> bool:
    """Whether an annotation names such a reducer: `Annotated[list, add_messages]`."""
    if not isinstance(annotation, ast.Subscript) or last_name(annotation.value) != "Annotated":
        return False
    told = annotation.slice
    parts = told.elts if isinstance(told, ast.Tuple) else []
    return any(last_part(dotted_name(part)) in adding for part in parts[1:])
