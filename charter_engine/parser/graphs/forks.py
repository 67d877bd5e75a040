"""Where a state graph forks without a condition: the nodes behind a fork run side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from charter_engine.parser.graphs.routed_forks import NOTHING_KNOWN, Known, known_at
from charter_engine.parser.graphs.state_graphs import StateGraph
from charter_engine.parser.source.symbols import Module

ALWAYS: tuple[Known, ...] = ({},)
"""A function runs beside others whatever its state holds."""


def forked(graph: StateGraph, modules: Collection[Module]) -> dict[str, tuple[Known, ...]]:
    """The functions behind nodes to which one node leads together, by `add_edge`, those of graphs
    that are such nodes with them, and what is known of the state behind each such node."""
    named = {
        definition.node_name: definition
        for module in modules
        for definition in module.functions.values()
    }
    found: dict[str, list[Known]] = defaultdict(list)
    for source, targets in graph.joined.items():
        if len(targets & (graph.functions.keys() | graph.inner.keys())) < 2:
            continue
        for node in sorted(targets):
            if node in graph.functions:
                found[graph.functions[node]].append(known_at(graph, source, named))
            for function in graph.inside_of([graph.inner[node]]) if node in graph.inner else ():
                found[function].append(NOTHING_KNOWN)
    return {function: tuple(known) for function, known in found.items()}
