"""State graphs: the order of nodes, what leads to each, and their cycles.

A node's key is its name after that of the graph's builder: `builder/plan`. Routers, the functions
behind conditional edges, are nodes of their own between a node and those it may lead to.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from charter_engine.parser.flows.ways import led_to
from charter_engine.parser.graphs.graph_builders import Builders
from charter_engine.parser.source.symbols import FunctionDefinition

START = frozenset(("START", "__start__"))
END = frozenset(("END", "__end__"))


@dataclass(slots=True)
class StateGraph:
    """`functions` maps a node to the function behind it; `after` maps a node to those it may lead
    to, `joined` to those it always leads to, all together; `inner` maps a node to the graph that it
    is, `standing` one to the graph that it may be. Over the ways in `apart`, a function's into the
    graph that it runs, no state goes of itself. The functions in `handing` hand on what they return
    as a whole, those `handing_on` the state, to the function behind a node. `at_hand` are the names
    of functions, `tool_nodes` the nodes that run the tools that a model asks for.
    """

    at_hand: frozenset[str] = frozenset()
    functions: dict[str, str] = field(default_factory=dict)
    after: dict[str, set[str]] = field(default_factory=dict)
    joined: dict[str, set[str]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    inner: dict[str, str] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    apart: set[tuple[str, str]] = field(default_factory=set)
    builders: Builders = field(default_factory=lambda: Builders((), lambda *_: None))
    handing: set[str] = field(default_factory=set)
    handing_on: set[FunctionDefinition] = field(default_factory=set)
    tool_nodes: set[str] = field(default_factory=set)

    def lead(self, source: str, target: str) -> None:
        self.after.setdefault(source, set()).add(target)

    def line_of(self, function: str) -> int:
        """Where the node behind a function is declared."""
        return next(
            (self.lines.get(node, 0) for node, name in self.functions.items() if name == function),
            0,
        )

    def started_by(self, name: str) -> set[str]:
        """The functions that start where a node of that name does: its own, or the first of the
        graph that it is."""
        pending = [node for node in (*self.functions, *self.inner) if named(node) == name]
        found: set[str] = set()
        seen: set[str] = set()
        while pending:
            node = pending.pop()
            if node in self.functions:
                found.add(self.functions[node])
            elif node not in seen:
                seen.add(node)
                pending += self.after.get(node, ())
        return found

    def nodes_in(self, builder: str) -> set[str]:
        """The nodes that are declared in a graph, without its routers."""
        nodes = {*self.functions, *self.inner}
        return {node for node in nodes if node.partition("/")[0] == builder and "?" not in node}

    def inside(self, name: str) -> set[str]:
        """The functions of the graphs that a node of that name is, or whose function runs, and of
        those within them."""
        return self.inside_of([one for node, one in self.led_into() if named(node) == name])

    def led_into(self) -> list[tuple[str, str]]:
        """The nodes that lead into a graph, each with that: those that are one, and those whose
        function runs it."""
        running = [one for one in self.apart if named(one[1]) == "START"]
        return [*self.inner.items(), *((node, to.partition("/")[0]) for node, to in running)]

    def inside_of(self, starts: Iterable[str]) -> set[str]:
        """The functions of graphs, and of those within them."""
        within: dict[str, set[str]] = {}
        for node, inner in self.led_into():
            within.setdefault(node.partition("/")[0], set()).add(inner)
        builders = {one for start in starts for one in (start, *led_to(within, start))}
        return {
            function
            for node, function in self.functions.items()
            if node.partition("/")[0] in builders
        }

    def nodes_of(self, function: str) -> list[str]:
        return [node for node, name in self.functions.items() if name == function]

    def rank(self) -> dict[str, int]:
        """The functions in the order of a run."""
        order: dict[str, int] = {}
        for node in self.in_turn():
            if node in self.functions:
                order.setdefault(self.functions[node], len(order))
        return order

    def in_turn(self) -> list[str]:
        """The nodes in the order of a run: each after all that may lead to it, but for what leads
        back to where a cycle was entered."""
        waiting = sorted(self.nodes(), key=lambda node: (self.lines.get(node, 0), node))
        reach = {node: led_to(self.after, node) for node in waiting}
        following: set[str] = set()
        order: list[str] = []
        while waiting:
            ready = [
                node
                for node in waiting
                if all(node not in reach[other] or other in reach[node] for other in waiting)
            ]
            node = next((one for one in ready if one in following), ready[0])
            waiting.remove(node)
            following |= self.after.get(node, set())
            order.append(node)
            if node in reach[node]:
                after = {one: self.after.get(one, set()).intersection(waiting) for one in waiting}
                reach = {one: led_to(after, one) for one in waiting}
        return order

    def nodes(self) -> set[str]:
        targets = {target for following in self.after.values() for target in following}
        return {*self.functions, *self.after, *targets}

    def before(self, function: str, at_hand: Collection[str]) -> list[str]:
        """The functions at hand whose state reaches a function, through nodes that are none, and
        the starts of graphs that do; by name, as what they leave is joined in that order."""
        return sorted(self.before_nodes(self.nodes_of(function), at_hand))

    def ending(self, builder: str, at_hand: Collection[str]) -> set[str]:
        """The functions at hand, and the starts, whose state a graph ends with."""
        return self.before_nodes([f"{builder}/END", *last_nodes(self, builder)], at_hand) | {
            self.functions[node] for node in last_nodes(self, builder)
        }

    def before_nodes(self, nodes: Iterable[str], at_hand: Collection[str]) -> set[str]:
        found: set[str] = set()
        seen: set[str] = set()
        pending = list(nodes)
        while pending:
            node = pending.pop()
            for source, targets in self.after.items():
                if node in targets and source not in seen and (source, node) not in self.apart:
                    seen.add(source)
                    if named(source) == "START":
                        found.add(source)
                    if self.functions.get(source) in at_hand and not is_router(source):
                        found.add(self.functions[source])
                    else:
                        pending.append(source)
        return found

    def leads(self) -> dict[str, set[str]]:
        """The functions that a function may lead to."""
        found: dict[str, set[str]] = {}
        for node, function in self.functions.items():
            ahead = led_to(self.after, node)
            reached = {self.functions[one] for one in ahead if one in self.functions}
            found[function] = found.get(function, set()) | reached
        return found

    def cyclic(self) -> set[frozenset[str]]:
        """Groups of functions that a run may go round in."""
        reach = {node: led_to(self.after, node) for node in self.functions}
        groups: set[frozenset[str]] = set()
        for node, reached in reach.items():
            if node in reached:
                group = {other for other in reached if node in reach.get(other, set())}
                groups.add(
                    frozenset(
                        self.functions[other] for other in group | {node} if other in self.functions
                    )
                )
        return groups


def named(node: str) -> str:
    """A node's name in its graph."""
    return node.partition("/")[2]


def is_router(node: str) -> bool:
    return "?" in node


def key_of(builder: str, name: str) -> str:
    """A node's key; a graph's ends have one name."""
    name = "START" if name in START else "END" if name in END else name
    return f"{builder}/{name}"


def last_nodes(graph: StateGraph, builder: str) -> list[str]:
    """The nodes of a graph that lead to no other: a run ends after them."""
    return [
        node
        for node in graph.functions
        if node.partition("/")[0] == builder and not graph.after.get(node)
    ]


def name_of(node: ast.expr) -> str:
    """The name of a node or of the function behind one: through `partial(…)` and `lambda`."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Lambda) and isinstance(node.body, ast.Call):
        return name_of(node.body.func)
    if isinstance(node, ast.Call):
        return next((name for name in map(name_of, node.args) if name), "")
    return node.id if isinstance(node, ast.Name) else ""
