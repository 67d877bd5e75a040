"""State graphs as they are declared by `add_node`, `add_edge` and the like: the order of nodes, and
their cycles."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from charter_engine.parser.symbols import Module

DECLARING = frozenset("add_node add_edge add_conditional_edges set_entry_point".split())


@dataclass(slots=True)
class StateGraph:
    """`functions` maps a node's name to the function behind it; `after` maps a node to those it may
    lead to."""

    functions: dict[str, str] = field(default_factory=dict)
    after: dict[str, set[str]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def lead(self, source: str, target: str) -> None:
        self.after.setdefault(source, set()).add(target)

    def line_of(self, function: str) -> int:
        """Where the node behind a function is declared."""
        return next(
            (self.lines.get(node, 0) for node, name in self.functions.items() if name == function),
            0,
        )

    def rank(self) -> dict[str, int]:
        """The functions in the order in which a run first reaches them."""
        order: dict[str, int] = {}
        declared = sorted(self.functions, key=lambda node: self.lines.get(node, 0))
        led_to = {target for targets in self.after.values() for target in targets}
        pending = ["START", "__start__", *(node for node in declared if node not in led_to)]
        seen: set[str] = set()
        while pending:
            node = pending.pop(0)
            if node in seen:
                continue
            seen.add(node)
            if node in self.functions:
                order.setdefault(self.functions[node], len(order))
            pending += sorted(self.after.get(node, ()), key=lambda name: self.lines.get(name, 0))
        for node in declared:
            order.setdefault(self.functions[node], len(order))
        return order

    def cyclic(self) -> set[frozenset[str]]:
        """Groups of functions that a run may go round in."""
        reach = {node: self.reachable(node) for node in self.functions}
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

    def reachable(self, node: str) -> set[str]:
        found: set[str] = set()
        pending = list(self.after.get(node, ()))
        while pending:
            current = pending.pop()
            if current not in found:
                found.add(current)
                pending += self.after.get(current, ())
        return found


def graph_of(modules: Iterable[Module]) -> StateGraph | None:
    """The state graph that the modules declare, None without one. Several graphs are taken as
    one."""
    graph = StateGraph()
    routers: list[tuple[str, str]] = []
    for module in modules:
        for function in module.calls:
            if isinstance(function.func, ast.Attribute) and function.func.attr in DECLARING:
                declare(graph, function, routers)
    if not graph.functions:
        return None
    for module in modules:
        follow_commands(graph, module, dict(routers))
    return graph


def declare(graph: StateGraph, call: ast.Call, routers: list[tuple[str, str]]) -> None:
    assert isinstance(call.func, ast.Attribute)
    names = [name_of(argument) for argument in call.args]
    kind = call.func.attr
    if kind == "add_node" and names:
        given = (
            call.args[1]
            if len(call.args) > 1
            else next(
                (item.value for item in call.keywords if item.arg in ("action", "node")),
                call.args[0],
            )
        )
        graph.functions[names[0]] = name_of(given) or names[0]
        graph.lines.setdefault(names[0], call.lineno)
    elif kind == "add_edge" and len(names) > 1:
        sources = (
            [name_of(item) for item in call.args[0].elts]
            if isinstance(call.args[0], ast.List)
            else [names[0]]
        )
        for source in sources:
            graph.lead(source, names[1])
    elif kind == "set_entry_point" and names:
        graph.lead("START", names[0])
    elif kind == "add_conditional_edges" and names:
        declare_choices(graph, call, names, routers)


def declare_choices(
    graph: StateGraph, call: ast.Call, names: list[str], routers: list[tuple[str, str]]
) -> None:
    choices = (
        call.args[2]
        if len(call.args) > 2
        else next(
            (
                item.value
                for item in call.keywords
                if item.arg in ("path_map", "conditional_edge_mapping")
            ),
            None,
        )
    )
    if isinstance(choices, ast.Dict):
        targets = [name_of(value) for value in choices.values]
    elif isinstance(choices, ast.List | ast.Tuple):
        targets = [name_of(value) for value in choices.elts]
    elif len(call.args) > 1 and isinstance(call.args[1], ast.Lambda):
        written = [
            node.value for node in ast.walk(call.args[1].body) if isinstance(node, ast.Constant)
        ]
        targets = [name for name in written if isinstance(name, str)]
    else:
        targets = []
        router = names[1] if len(names) > 1 else ""
        routers.append((router, names[0]))
        if router == "tools_condition":
            targets = ["tools"]
    for target in targets:
        graph.lead(names[0], target)


def follow_commands(graph: StateGraph, module: Module, routers: dict[str, str]) -> None:
    """Where a node or router names others itself: `Command(goto=…)`, `Send(…)`, `return "node"`."""
    behind = {function: node for node, function in graph.functions.items()}
    for definition in module.functions.values():
        source = routers.get(definition.name) or behind.get(definition.name)
        if source is None or isinstance(definition.node, ast.Lambda):
            continue
        for node in ast.walk(definition.node):
            named = (
                node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            )
            if named in graph.functions and (
                definition.name in routers or goes_there(definition.node, named)
            ):
                graph.lead(source, named)


def goes_there(function: ast.AST, target: str) -> bool:
    """Whether a function's annotation or a `goto` names a node."""
    for node in ast.walk(function):
        if (
            isinstance(node, ast.keyword)
            and node.arg == "goto"
            and target in ast.unparse(node.value)
        ):
            return True
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.returns is not None
            and target in ast.unparse(node.returns)
        ):
            return True
    return False


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return next((name for name in map(name_of, node.args) if name), "")
    return node.id if isinstance(node, ast.Name) else ""
