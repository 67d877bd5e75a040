"""Which functions take the state of a graph, and which of them are given it by others at hand:
these are no nodes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from charter_engine.parser.source.symbols import FunctionDefinition, Module, dotted_name


def functions_given_states(modules: Iterable[Module]) -> Iterator[FunctionDefinition]:
    """The functions that another one of their module, or of their class, hands its state."""
    for module in modules:
        taking = {one: name for one in module.functions.values() if (name := state_parameter(one))}
        called = {
            (owner, name)
            for giver, state in taking.items()
            for owner, name in called_with(giver, state)
        }
        yield from (one for one in taking if (one.owner, one.name) in called)


def called_with(definition: FunctionDefinition, name: str) -> Iterator[tuple[object, str]]:
    """What a function calls with what one of its names stands for: functions of its module, and
    methods of its own object, each with their class."""
    for call in definition.calls:
        given = (*call.args, *(word.value for word in call.keywords))
        if not any(isinstance(one, ast.Name) and one.id == name for one in given):
            continue
        if isinstance(call.func, ast.Name):
            yield None, call.func.id
        elif isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            is_own = call.func.value.id == definition.own_name
            yield from [(definition.owner, call.func.attr)] if is_own else []


def state_parameter(definition: FunctionDefinition) -> str | None:
    """The parameter that holds a graph's state, by its name or annotation."""
    spec = definition.node.args
    for arg in [*spec.posonlyargs, *spec.args][:3]:
        named = dotted_name(arg.annotation).rpartition(".")[2] if arg.annotation is not None else ""
        if isinstance(arg.annotation, ast.Constant) and isinstance(arg.annotation.value, str):
            named = arg.annotation.value
        if named.endswith("State"):
            return arg.arg
        if (
            (arg.arg == "state" or arg.arg.endswith("_state"))
            and named != "str"
            and looked_into(definition, arg.arg)
        ):
            return arg.arg
    return None


def looked_into(definition: FunctionDefinition, name: str) -> bool:
    """Whether a function takes parts of what a name holds."""
    return any(
        isinstance(node, ast.Subscript | ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        for node in ast.walk(definition.node)
    )
