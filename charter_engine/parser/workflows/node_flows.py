"""Flows of nodes that share a store, as PocketFlow runs them.

A node takes what it needs out of the store (`prep`), works on that alone (`exec`) and puts what it
made into the store (`post`). Flows join nodes by `first >> second` and `first - "word" >> second`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.workflows.class_graphs import ClassGraph, Resolve, derived_from

NODES = frozenset(
    f"pocketflow.{way}{name}"
    for way in ("", "Async", "AsyncParallel")
    for name in ("BaseNode", "Node", "BatchNode")
)
TAKING, WORKING, KEEPING = "prep", "exec", "post"


@dataclass(slots=True)
class NodeFlows(ClassGraph):
    """Nodes, and how flows join them. `bases` tells what each node at hand is made from, `stores`
    the number of the store that it shares with the nodes that it is joined to; `order` is that of a
    run."""

    bases: dict[ClassDefinition, str] = field(default_factory=dict)
    stores: dict[ClassDefinition, int] = field(default_factory=dict)
    order: dict[ClassDefinition, int] = field(default_factory=dict)

    def part_of(self, definition: FunctionDefinition) -> str:
        """Which part of a node a method is: `prep`, `exec` or `post`; empty: none."""
        if definition.owner not in self.bases:
            return ""
        name = definition.name.removesuffix("_async")
        return name if name in (TAKING, WORKING, KEEPING) else ""

    def store_parameter(self, definition: FunctionDefinition) -> str | None:
        """The parameter that holds the store."""
        takes_store = self.part_of(definition) in (TAKING, KEEPING)
        return definition.parameters[1] if takes_store and len(definition.parameters) > 1 else None

    def handed_on(self, definition: FunctionDefinition) -> dict[str, FunctionDefinition]:
        """The methods whose results a node's method is given, by its parameters."""
        part = self.part_of(definition)
        given = {WORKING: (TAKING,), KEEPING: (TAKING, WORKING)}.get(part, ())
        names = definition.parameters[2 if part == KEEPING else 1 :]
        owner = definition.owner
        methods = owner.methods if owner is not None else {}
        found = [methods.get(name) or methods.get(f"{name}_async") for name in given]
        return {name: one for name, one in zip(names, found, strict=False) if one is not None}

    def is_batch(self, definition: FunctionDefinition) -> bool:
        """Whether a node works on each member of what it took by itself."""
        base = self.bases.get(definition.owner, "") if definition.owner is not None else ""
        return self.part_of(definition) == WORKING and base.endswith("BatchNode")

    def is_parallel(self, definition: FunctionDefinition) -> bool:
        """Whether it works on all of them at once."""
        owner = definition.owner
        return self.is_batch(definition) and owner is not None and "Parallel" in self.bases[owner]


def flows_of(modules: Iterable[Module], resolve: Resolve) -> NodeFlows:
    """The nodes that the modules define, and how their flows join them."""
    modules = list(modules)
    is_used = any(name in NODES for module in modules for name in module.imports.values())
    found = NodeFlows(bases=derived_from(NODES.__contains__, modules, resolve) if is_used else {})
    if not found.bases:
        return found
    for module in modules:
        join(found, FlowNames(module, resolve))
    number_stores(found)
    found.order = found.ranked(found.bases)
    return found


class FlowNames:
    """What a module calls its nodes and flows."""

    def __init__(self, module: Module, resolve: Resolve) -> None:
        self.module = module
        self.resolve = resolve
        self.made = {
            last_name(target): statement.value
            for statement in ast.walk(module.tree)
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
            for target in statement.targets
        }

    def is_flow(self, name: str) -> bool:
        return name in self.made and is_flow(self.made[name])

    def node(self, name: str) -> ClassDefinition | None:
        """The node of a name, or the first of the flow of that name."""
        made = self.made.get(name)
        if made is not None and is_flow(made):
            name = start_of(made)
            made = self.made.get(name)
        return self.resolve(self.module, last_name(made.func)) if made is not None else None


def join(flows: NodeFlows, names: FlowNames) -> None:
    """Add what the flows of a module begin with and join."""
    begun = [names.node(start_of(call)) for call in names.module.calls if is_flow(call)]
    flows.starts += [node for node in begun if node is not None and node in flows.bases]
    for first, second in joined_in(names.module):
        following = names.node(second)
        for source in ends_of(flows, names, first):
            if following is not None and following in flows.bases:
                flows.after.setdefault(source, set()).add(following)


def ends_of(flows: NodeFlows, names: FlowNames, name: str) -> list[ClassDefinition]:
    """The node of a name, or the last nodes of the flow of that name."""
    node = names.node(name)
    if node is None or node not in flows.bases:
        return []
    if not names.is_flow(name):
        return [node]
    reached = flows.led_to(node) | {node}
    return [one for one in flows.bases if one in reached and not flows.after.get(one)]


def is_flow(call: ast.Call) -> bool:
    return last_name(call.func).endswith("Flow")


def start_of(flow: ast.Call) -> str:
    """The name of the node that a flow begins with."""
    given = [item.value for item in flow.keywords if item.arg == "start"]
    return last_name((*given, *flow.args)[0]) if given or flow.args else ""


def joined_in(module: Module) -> Iterator[tuple[str, str]]:
    """The names on both sides of `>>`, of which a chain is read from the left."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
            before = node.left
            if isinstance(before, ast.BinOp):
                before = before.left if isinstance(before.op, ast.Sub) else before.right
            yield last_name(before), last_name(node.right)


def number_stores(flows: NodeFlows) -> None:
    """Give those that are joined, and those of one file, the same store."""
    for number, node in enumerate(flows.bases):
        flows.stores[node] = number
    pairs = [(one, other) for one, others in flows.after.items() for other in others]
    first: dict[str, ClassDefinition] = {}
    pairs += [(first.setdefault(node.module.path, node), node) for node in flows.bases]
    for one, other in pairs:
        kept, gone = flows.stores[one], flows.stores[other]
        for node, number in flows.stores.items():
            if number == gone:
                flows.stores[node] = kept
