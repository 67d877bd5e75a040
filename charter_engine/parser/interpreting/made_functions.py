"""Functions that other functions make: those that a maker returns, and those that stand around one
that they are given."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import TypeGuard

from charter_engine.parser.graphs.graph_builders import returned
from charter_engine.parser.graphs.state_graphs import name_of
from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.source.syntax import last_name, output_name


def functions_made(modules: Iterable[Module]) -> dict[str, str]:
    """The functions that others make and return, by what these are called and by the names that
    their results are given: `bull = create_bull(llm)`."""
    modules = list(modules)
    inner = [
        definition
        for module in modules
        for definition in module.functions.values()
        if definition.outer is not None and returns(definition.outer.node, definition.name)
    ]
    times = Counter(definition.name for definition in inner)
    for definition in inner:
        if times[definition.name] > 1:
            definition.node_name = f"{definition.module.name}.{definition.qualname}"
    made = {one.outer.name: one.node_name for one in inner if one.outer is not None}
    kept = {
        name: made[last_name(call.func)]
        for module in modules
        for call in module.calls
        if last_name(call.func) in made and (name := output_name(module.parents, call)) is not None
    }
    return made | kept


def functions_wrapping(
    definitions: Iterable[FunctionDefinition],
) -> dict[str, tuple[FunctionDefinition, int, str]]:
    """The functions that make another one of one that they are given, by their names: what they
    make, which calls that one with its own first argument, and the parameter's place and name."""
    return {
        outer.name: (definition, outer.parameters.index(name) - outer.takes_self, name)
        for definition in definitions
        if (outer := definition.outer) is not None
        and returns(outer.node, definition.name)
        and definition.parameters
        for name in calling_with(definition, definition.parameters[0])
        if name in outer.parameters
    }


def functions_handing_back(
    definitions: Collection[FunctionDefinition],
) -> dict[str, tuple[int, str]]:
    """The functions that return one that they are given as code that isn't at hand makes it
    (`return RunnableLambda(work).with_config(tags=tags)`), by their names: the parameter's place
    and name."""
    at_hand = {definition.name for definition in definitions}
    found: dict[str, tuple[int, str]] = {}
    for definition in definitions:
        made = returned(definition.node)
        given = given_to_unseen(made, at_hand) if made is not None else None
        if isinstance(given, ast.Name) and given.id in definition.parameters:
            place = definition.parameters.index(given.id) - definition.takes_self
            found[definition.name] = place, given.id
    return found


TOOL_NODE = "ToolNode"
"""LangGraph's node that runs the tools that a model asks for."""


def makers_of_tool_nodes(definitions: Iterable[FunctionDefinition]) -> set[str]:
    """What is called to make a node that runs tools: the class, and functions that return one."""
    found = {TOOL_NODE}
    for definition in definitions:
        made = returned(definition.node)
        while isinstance(made, ast.Call) and is_configured(made.func):
            made = made.func.value
        if isinstance(made, ast.Call) and last_name(made.func) == TOOL_NODE:
            found.add(definition.name)
    return found


def given_to_unseen(node: ast.expr, at_hand: Collection[str]) -> ast.expr | None:
    """What code that isn't at hand is given to make a runnable of: `RunnableLambda(plan,
    name="plan").with_config(tags=tags)`."""
    while isinstance(node, ast.Call) and is_configured(node.func):
        node = node.func.value
    if not isinstance(node, ast.Call) or last_name(node.func) in at_hand:
        return None
    named = [item.value for item in node.keywords if item.arg in ("func", "afunc")]
    return next((one for one in (*node.args[:1], *named)), None)


def is_configured(function: ast.expr) -> TypeGuard[ast.Attribute]:
    """Whether a method gives a runnable as it is, with settings: `with_config`, `with_retry`."""
    return isinstance(function, ast.Attribute) and function.attr.startswith("with_")


def calling_with(definition: FunctionDefinition, first: str) -> Iterator[str]:
    """The names of what a function calls with a name as the first argument."""
    for call in definition.calls:
        if call.args and isinstance(call.func, ast.Name) and name_of(call.args[0]) == first:
            yield call.func.id


def returns(function: ast.AST, name: str) -> bool:
    """Whether a function ends with returning what a name stands for."""
    last = function.body[-1] if isinstance(function, ast.FunctionDef) else None
    return (
        isinstance(last, ast.Return) and isinstance(last.value, ast.Name) and last.value.id == name
    )
