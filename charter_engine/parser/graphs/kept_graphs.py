"""State graphs whose conversations a checkpointer keeps from one run to the next."""

from __future__ import annotations

import ast
from collections.abc import Collection

from charter_engine.parser.graphs.graph_builders import MAKING, called
from charter_engine.parser.graphs.inner_graphs import builder_run
from charter_engine.parser.graphs.spoken import TALK
from charter_engine.parser.graphs.state_graphs import StateGraph
from charter_engine.parser.graphs.threads import assigned_in
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.source.symbols import FunctionDefinition, Module, dotted_name
from charter_engine.parser.source.syntax import last_name

LOOPS = (ast.For, ast.AsyncFor, ast.While)


def kept_between_runs(graph: StateGraph, modules: Collection[Module]) -> list[str]:
    """The graphs, by key, that are compiled with a checkpointer and run more than once."""
    compiled = {
        graph.builders.key(module, call)
        for module in modules
        for call in module.calls
        if called(call) == "compile" and is_given_checkpointer(call, module, modules)
    }
    runs: dict[str, list[bool]] = {}
    for module in modules if compiled else ():
        for call in module.calls:
            if builder := builder_run(graph, module, call):
                runs.setdefault(builder, []).append(goes_on(module, call))
    return sorted(key for key in compiled if is_run_again(runs.get(key, [])))


def keys_given(graph: StateGraph, modules: Collection[Module], builder: str) -> set[str]:
    """The keys of its state that the runs of a graph set; none where that isn't written out."""
    given = [
        state_given(module, call)
        for module in modules
        for call in module.calls
        if builder_run(graph, module, call) == builder
    ]
    states = [state for state in given if not isinstance(state, ast.Call)]
    if not all(isinstance(state, ast.Dict) for state in states):
        return set()
    keys = [key for state in states if isinstance(state, ast.Dict) for key in state.keys]
    return {str(key.value) for key in keys if isinstance(key, ast.Constant)}


def state_given(module: Module, call: ast.Call) -> ast.expr | None:
    """What a graph is run with, as it is written; None where that isn't told."""
    named = [item.value for item in call.keywords if item.arg == "input"]
    given = next(iter([*call.args, *named]), None)
    if not isinstance(given, ast.Name):
        return given
    function = function_around(module, call)
    made = assigned_in(function or module).get(given.id, [])
    return made[0] if len(made) == 1 else None


def is_run_again(runs: list[bool]) -> bool:
    """Whether a graph is run again, by whether each of its runs goes on with one before; what isn't
    run at hand, others run."""
    return len(runs) != 1 or runs[0]


def is_given_checkpointer(call: ast.Call, module: Module, modules: Collection[Module]) -> bool:
    """Whether a graph is compiled with a checkpointer, perhaps by what a function is given."""
    value = next((item.value for item in call.keywords if item.arg == "checkpointer"), None)
    if value is None or is_none(value):
        return False
    function = function_around(module, call)
    if function is None or not isinstance(value, ast.Name) or value.id not in function.parameters:
        return True
    place = function.parameters.index(value.id) - function.takes_self
    return any(
        len(other.args) > place
        or any(item.arg == value.id and not is_none(item.value) for item in other.keywords)
        for one in modules
        for other in one.calls
        if last_name(other.func) == function.name
    )


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def function_around(module: Module, call: ast.Call) -> FunctionDefinition | None:
    """The function that a call stands in."""
    return next((one for one in module.functions.values() if call in one.calls), None)


def goes_on(module: Module, call: ast.Call) -> bool:
    """Whether a run may go on with what was said in one before: it stands in a loop, or in a
    function that may be called again and makes no new thread for it."""
    function = function_around(module, call)
    if is_in_loop(module, call):
        return True
    return function is not None and function.name != "main" and not makes_thread(function.node)


def is_in_loop(module: Module, call: ast.Call) -> bool:
    loops = (node for node in ast.walk(module.tree) if isinstance(node, LOOPS))
    return any(part is call for loop in loops for part in ast.walk(loop))


def makes_thread(function: ast.AST) -> bool:
    """Whether a function makes a thread of its own: `{"thread_id": str(uuid4())}`."""
    return any(
        isinstance(key, ast.Constant)
        and key.value == "thread_id"
        and isinstance(value, ast.Call)
        and any(isinstance(part, ast.Call) and is_new(part) for part in ast.walk(value))
        for node in ast.walk(function)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
    )


def is_new(call: ast.Call) -> bool:
    return last_name(call.func) in ("uuid4", "uuid1")


def begun_anew(modules: Collection[Module]) -> frozenset[str]:
    """The conversations that a graph's state declares without a reducer: what a run is given
    replaces them."""
    states = {
        last_name(given)
        for module in modules
        for call in module.calls
        if last_name(call.func) in MAKING
        for given in [*call.args[:1], *(item.value for item in call.keywords)]
    }
    return frozenset(
        item.target.id
        for module in modules
        for definition in module.classes.values()
        if definition.name in states
        for item in definition.node.body
        if isinstance(item, ast.AnnAssign)
        and isinstance(item.target, ast.Name)
        and not dotted_name(item.annotation).endswith("Annotated")
    )


def is_conversation(key: str) -> bool:
    return not TALK.isdisjoint(words_of(key))
