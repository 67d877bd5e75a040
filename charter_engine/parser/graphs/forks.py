"""Where a state graph forks without a condition: the nodes behind a fork run side by side."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection

from charter_engine.parser.graphs.routed_forks import Known, known_at
from charter_engine.parser.graphs.state_graphs import StateGraph, key_of, name_of
from charter_engine.parser.source.symbols import Module

ALWAYS: tuple[Known, ...] = ({},)
"""A function runs beside others whatever its state holds."""


def forked(graph: StateGraph, modules: Collection[Module]) -> dict[str, tuple[Known, ...]]:
    """The functions behind nodes to which one node leads together, by `add_edge`, and what is known
    of the state behind each such node."""
    named = {
        definition.node_name: definition
        for module in modules
        for definition in module.functions.values()
    }
    found: dict[str, list[Known]] = defaultdict(list)
    for module in modules:
        for source, targets in joined(graph, module).items():
            functions = [graph.functions[node] for node in targets if node in graph.functions]
            for function in functions if len(functions) > 1 else ():
                found[function].append(known_at(graph, source, named))
    return {function: tuple(known) for function, known in found.items()}


def joined(graph: StateGraph, module: Module) -> dict[str, set[str]]:
    """The nodes that each node is joined with by the edges of its graph."""
    after: dict[str, set[str]] = defaultdict(set)
    for call in module.calls:
        given = call.args + [item.value for item in call.keywords]
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "add_edge":
            continue
        if len(given) == 2 and not isinstance(given[0], ast.List):
            builder = graph.builders.key(module, call.func.value)
            after[key_of(builder, name_of(given[0]))].add(key_of(builder, name_of(given[1])))
    return after
