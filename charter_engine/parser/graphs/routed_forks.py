"""What a graph's state holds behind its forks, by the routers that lead to them: a branch of a node
that asks for anything else doesn't run there."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping

from charter_engine.parser.graphs.state_graphs import END, StateGraph, is_router, named
from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.source.syntax import last_name

Known = Mapping[str, frozenset[str]]
"""Keys of a state, and the values that each may have."""

NOTHING_KNOWN: Known = {}

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Under these names statements hold others."""


def known_at(graph: StateGraph, node: str, functions: Mapping[str, FunctionDefinition]) -> Known:
    """What the state holds behind a node that only routers lead to; `functions` are those at hand,
    by the names that nodes have them by."""
    ways: list[Known] = []
    for source in [one for one, targets in graph.after.items() if node in targets]:
        router = functions.get(graph.functions.get(source, "")) if is_router(source) else None
        if router is None:
            return NOTHING_KNOWN
        ways += ways_to(router, named(node)) or [NOTHING_KNOWN]
    written = functions.get(graph.functions.get(node, ""))
    keys = set[str]().union(*ways) - (texts_in(written.node) if written is not None else set())
    return {
        key: frozenset[str]().union(*(way[key] for way in ways))
        for key in sorted(keys)
        if all(key in way for way in ways)
    }


def ways_to(router: FunctionDefinition, node: str) -> list[Known]:
    """What the state holds by each way on which a router may lead to a node."""
    return [
        wanted_by(router, tests)
        for statement, tests in guarded(body_of(router))
        if isinstance(statement, ast.Return)
        and (node in texts_in(statement) or names_by_value(statement))
    ]


def names_by_value(way: ast.Return) -> bool:
    """Whether it is only known when a router runs what it returns there."""
    held = (part for part in ast.walk(way) if isinstance(part, ast.Name | ast.Attribute))
    return any(not isinstance(part, ast.Name) or part.id not in END for part in held)


def is_shut_out(function: FunctionDefinition | None, call: ast.Call, known: Known) -> bool:
    """Whether a call stands in a branch that asks a key for what it doesn't hold."""
    if function is None:
        return False
    for statement, tests in guarded(body_of(function)) if known else ():
        if any(part is call for part in ast.walk(statement)):
            wanted = wanted_by(function, tests)
            return any(wanted[key].isdisjoint(known[key]) for key in wanted.keys() & known.keys())
    return False


def guarded(
    body: Iterable[ast.stmt], tests: tuple[ast.expr, ...] = ()
) -> Iterator[tuple[ast.stmt, tuple[ast.expr, ...]]]:
    """The statements that hold no others, each with the tests that let it be reached."""
    for statement in body:
        inner = [getattr(statement, name, []) for name in BLOCKS if hasattr(statement, name)]
        for block in inner:
            if isinstance(statement, ast.If) and block is statement.body:
                yield from guarded(block, (*tests, statement.test))
            else:
                yield from guarded(block, tests)
        if not inner:
            yield statement, tests


def wanted_by(
    function: FunctionDefinition, tests: Collection[ast.expr]
) -> dict[str, frozenset[str]]:
    """The values of the state's keys that let all tests of a function hold."""
    wanted: dict[str, frozenset[str]] = {}
    pending = list(tests)
    while pending:
        test = pending.pop()
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            pending += test.values
        elif isinstance(test, ast.Compare) and len(test.ops) == 1:
            key = key_read(function, test.left)
            values = values_of(function.module, test.ops[0], test.comparators[0])
            if key and values is not None:
                wanted[key] = wanted.get(key, values) & values
    return wanted


def key_read(function: FunctionDefinition, node: ast.expr) -> str:
    """The key of the state that an expression reads, perhaps by a name that was given it before:
    `state["topic"]`, `state.get("topic")`; empty for anything else."""
    if isinstance(node, ast.Name):
        given = given_to(node.id, function.node)
        return key_read(function, given) if given is not None else ""
    own = function.parameters[1:] if function.takes_self else function.parameters
    is_asked = isinstance(node, ast.Call) and last_name(node.func) == "get" and node.args
    if is_asked and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        held, key = node.func.value, node.args[0]
    elif isinstance(node, ast.Subscript):
        held, key = node.value, node.slice
    else:
        return ""
    is_state = isinstance(held, ast.Name) and held.id in own[:1]
    return str(key.value) if is_state and isinstance(key, ast.Constant) else ""


def given_to(name: str, scope: ast.AST) -> ast.expr | None:
    """What a name is given that nothing else is stored in; None for a further name."""
    parts = list(ast.walk(scope))
    stores = [one for one in parts if isinstance(one, ast.Name) and one.id == name]
    given = [
        one.value
        for one in parts
        if isinstance(one, ast.Assign) and any(target in stores for target in one.targets)
    ]
    times = sum(isinstance(one.ctx, ast.Store) for one in stores)
    return given[0] if times == 1 and given and not isinstance(given[0], ast.Name) else None


def values_of(module: Module, asked: ast.cmpop, node: ast.expr) -> frozenset[str] | None:
    """The texts that `== "text"` or `in NAMES` lets through; None for anything else."""
    if isinstance(asked, ast.Eq):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        return frozenset(texts_in(node)) if is_text else None
    if isinstance(node, ast.Name):
        node = given_to(node.id, module.tree) or node
    is_listed = isinstance(node, ast.Set | ast.List | ast.Tuple) and all(
        isinstance(one, ast.Constant) for one in node.elts
    )
    return frozenset(texts_in(node)) if isinstance(asked, ast.In) and is_listed else None


def texts_in(node: ast.AST) -> set[str]:
    constants = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
    return {text for text in constants if isinstance(text, str)}


def body_of(function: FunctionDefinition) -> list[ast.stmt]:
    return [] if isinstance(function.node, ast.Lambda) else function.node.body
