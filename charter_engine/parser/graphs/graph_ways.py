"""Where a node or a router of a state graph leads by what its function names: `Command(goto=…)`,
`Send(…)`, `return "node"`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from charter_engine.parser.graphs.graph_texts import NO_TURN
from charter_engine.parser.graphs.state_graphs import END, StateGraph, key_of
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.source.syntax import last_name

if TYPE_CHECKING:
    from charter_engine.parser.graphs.graph_declarations import Declaring


def follow_commands(graph: StateGraph, definition: FunctionDefinition, known: Declaring) -> None:
    """Where a node or router names others itself: `Command(goto=…)`, `Send(…)`, `return "node"`."""
    name, routers = definition.node_name, known.routers
    places = routers.get(name) or graph.nodes_of(name)
    if not places:
        return
    written = {text: text for text in names_in(definition.node)}
    written |= constants_in(definition, known)
    for place in places:
        builder = place.partition("/")[0]
        found = set()
        for spelt, text in written.items():
            target = key_of(builder, text)
            is_known = target in graph.functions or target in graph.inner or text in END
            if is_known and (name in routers or goes_there(definition.node, spelt)):
                found.add(target)
        for target in found:
            graph.lead(place, target)
        if found <= {f"{builder}/END"} and goes_anywhere(definition.node, name in routers):
            lead_anywhere(graph, place)


def constants_in(definition: FunctionDefinition, known: Declaring) -> dict[str, str]:
    """The texts of the constants that a function names."""
    names = {node.id: node for node in ast.walk(definition.node) if isinstance(node, ast.Name)}
    texts = {
        name: known.texts.text(definition.module, node, NO_TURN) for name, node in names.items()
    }
    return {name: text for name, text in texts.items() if text}


def lead_anywhere(graph: StateGraph, place: str) -> None:
    """Lead from a node or router to all others of its graph."""
    own = {place, place.partition("?")[0]}
    for node in graph.nodes_in(place.partition("/")[0]) - own:
        graph.lead(place, node)


def goes_anywhere(function: ast.AST, is_router: bool) -> bool:
    """Whether it is only known when a node or router runs where it leads: `goto=answer["next"]`,
    `return state["next"]`."""
    if is_router:
        ways = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    else:
        ways = [
            node.value
            for node in ast.walk(function)
            if isinstance(node, ast.keyword) and node.arg == "goto"
        ]
    return any(goes_anywhere_by(way) for way in ways if way is not None)


def goes_anywhere_by(way: ast.expr) -> bool:
    """Whether an expression names a node that only the running program knows."""
    parts = ast.walk(way)
    return any(isinstance(part, ast.Name | ast.Subscript | ast.Attribute) for part in parts)


def names_in(function: ast.AST) -> set[str]:
    """What a function may name a node by: END and the texts in it, but for keys that it reads and
    those of what `Send` gives."""
    keys = {id(key) for node in ast.walk(function) for key in keys_in(node)}
    texts = {
        node.value if isinstance(node, ast.Constant) else node.id
        for node in ast.walk(function)
        if (isinstance(node, ast.Constant) and id(node) not in keys)
        or (isinstance(node, ast.Name) and node.id in END)
    }
    return {text for text in texts if isinstance(text, str)}


def keys_in(node: ast.AST) -> Iterator[ast.AST | None]:
    """The keys that an expression reads: `state["plan"]`, `state.get("plan")`; or gives a task."""
    if isinstance(node, ast.Subscript):
        yield node.slice
    elif isinstance(node, ast.Call) and last_name(node.func) == "get":
        yield from node.args[:1]
    elif isinstance(node, ast.Call) and last_name(node.func) == "Send":
        for given in (*node.args[1:], *(item.value for item in node.keywords)):
            yield from given.keys if isinstance(given, ast.Dict) else ()


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
