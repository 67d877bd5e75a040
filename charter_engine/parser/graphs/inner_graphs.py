"""State graphs within others: those that stand as nodes, and those that a node's function runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from charter_engine.parser.graphs.graph_builders import called
from charter_engine.parser.graphs.state_graphs import StateGraph, last_nodes, named
from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.source.syntax import last_name

INVOKING = frozenset("invoke ainvoke stream astream".split())
"""Methods by which LangChain's runnables are run, and LangGraph's graphs."""


def enter_run(graph: StateGraph, definitions: Iterable[FunctionDefinition]) -> None:
    """Lead through the graphs that a node's function runs, each with a state of its own: in where
    the function stands, out to where it leads."""
    for definition in definitions:
        nodes = graph.nodes_of(definition.node_name)
        for call in definition.calls if nodes else ():
            builder = builder_run(graph, definition.module, call)
            if builder:
                lead_through(graph, nodes, builder)


def builder_run(graph: StateGraph, module: Module, call: ast.Call) -> str:
    """The graph that a call runs, by its key; empty for any other call."""
    if called(call) not in INVOKING or not isinstance(call.func, ast.Attribute):
        return ""
    held = call.func.value
    name = last_name(held.func if isinstance(held, ast.Call) else held)
    return graph.builders.compiled_as(module, name)


def lead_through(graph: StateGraph, nodes: Iterable[str], builder: str) -> None:
    for node in nodes:
        if node.partition("/")[0] == builder:
            continue
        ways = [(f"{builder}/END", target) for target in graph.after.get(node, ())]
        for source, target in [(node, f"{builder}/START"), *ways]:
            graph.lead(source, target)
            graph.apart.add((source, target))
        for last in last_nodes(graph, builder):
            graph.lead(last, f"{builder}/END")


def enter_inner(graph: StateGraph) -> None:
    """Lead through the graphs that stand as nodes in others: in at their start, out at their
    end."""
    builders = {node.partition("/")[0] for node in graph.functions}
    for node, builder in graph.standing.items():
        if builder in builders and builder != node.partition("/")[0]:
            del graph.functions[node]
            graph.inner[node] = builder
    for node, builder in graph.inner.items():
        if builder not in builders:
            continue
        for target in graph.after.pop(node, set()):
            graph.lead(f"{builder}/END", target)
        graph.lead(node, f"{builder}/START")
        for last in last_nodes(graph, builder):
            graph.lead(last, f"{builder}/END")


def with_runs(
    functions: Sequence[FunctionDefinition], graph: StateGraph
) -> list[FunctionDefinition]:
    """Functions in the order of a run, in which one that runs a graph comes again behind what that
    leads through: it goes on with what is left there."""
    order = list(functions)
    run = {
        graph.functions[node]: graph.inside(named(node))
        for node, target in graph.apart
        if named(target) == "START" and node in graph.functions
    }
    for name in sorted(run, key=lambda one: (len(run[one]), one)):
        last = max(
            (place for place, one in enumerate(order) if one.node_name in run[name]), default=0
        )
        before = [one for one in order[:last] if one.node_name == name]
        order[last + 1 : last + 1] = before[-1:]
    return order
