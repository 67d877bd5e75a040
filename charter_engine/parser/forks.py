"""Where a state graph forks without a condition: the nodes behind a fork run side by side."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from charter_engine.parser.state_graphs import StateGraph, builder_of, key_of, name_of
from charter_engine.parser.symbols import Module
from charter_engine.parser.syntax import last_name

GRAPHS = frozenset(("StateGraph", "MessageGraph", "Graph"))


def forked(graph: StateGraph, modules: Iterable[Module]) -> set[str]:
    """The functions behind nodes to which one node leads together, by `add_edge`."""
    found: set[str] = set()
    for module in modules:
        for targets in joined(module):
            functions = {graph.functions[node] for node in targets if node in graph.functions}
            if len(functions) > 1:
                found |= functions
    return found


def joined(module: Module) -> Iterator[set[str]]:
    """The nodes that each node is joined with by the edges of one graph: of several that a file
    makes under one name, the edges written after each belong to it."""
    made = sorted(call.lineno for call in module.calls if last_name(call.func) in GRAPHS)
    after: dict[tuple[int, str], set[str]] = defaultdict(set)
    for call in module.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_edge":
            place = max((line for line in made if line <= call.lineno), default=0)
            for source, target in ends_of(call, call.func.value):
                after[place, source].add(target)
    yield from after.values()


def ends_of(call: ast.Call, graph: ast.expr) -> Iterator[tuple[str, str]]:
    """What `graph.add_edge(source, target)` joins, by the keys of the nodes."""
    given = call.args + [item.value for item in call.keywords]
    if len(given) == 2 and not isinstance(given[0], ast.List):
        builder = builder_of(graph)
        yield key_of(builder, name_of(given[0])), key_of(builder, name_of(given[1]))
