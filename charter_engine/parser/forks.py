"""Where a state graph forks without a condition: the nodes behind a fork run side by side."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable

from charter_engine.parser.state_graphs import StateGraph, key_of, name_of
from charter_engine.parser.symbols import Module


def forked(graph: StateGraph, modules: Iterable[Module]) -> set[str]:
    """The functions behind nodes to which one node leads together, by `add_edge`."""
    found: set[str] = set()
    for module in modules:
        for targets in joined(graph, module):
            functions = [graph.functions[node] for node in targets if node in graph.functions]
            if len(functions) > 1:
                found.update(functions)
    return found


def joined(graph: StateGraph, module: Module) -> Iterable[set[str]]:
    """The nodes that each node is joined with by the edges of its graph."""
    after: dict[str, set[str]] = defaultdict(set)
    for call in module.calls:
        given = call.args + [item.value for item in call.keywords]
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "add_edge":
            continue
        if len(given) == 2 and not isinstance(given[0], ast.List):
            builder = graph.builders.key(module, call.func.value)
            after[key_of(builder, name_of(given[0]))].add(key_of(builder, name_of(given[1])))
    return after.values()
