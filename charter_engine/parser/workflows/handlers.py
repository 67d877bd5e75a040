"""Methods that frameworks call when something happens: which lead to which, and their circles.

A step of a workflow leads to those that take the events it makes; a step of a flow to those that
listen to it, or to a word that it returns; a node of a graph to those that it makes. Frameworks:
LlamaIndex' `step`, CrewAI's `start`, `listen` and `router`,
pydantic-graph's `BaseNode`, the executors of Microsoft's Agent Framework, and MetaGPT's roles.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from itertools import product

from charter_engine.parser.flows.ways import reached_by
from charter_engine.parser.graphs.state_graphs import StateGraph
from charter_engine.parser.source.called_names import names_called
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.teams.watched_roles import WatchedRoles
from charter_engine.parser.workflows.executors import Handling, executor_of, handling_of

HANDLERS = frozenset(("step",))
ROUTED = frozenset(("message_handler", "event", "rpc"))
"""Decorators of the handlers of AutoGen's agents, which are followed message by message."""

POSTING = frozenset(
    "register register_closure add_subscription publish_message send_message".split()
)
"""Methods by which these agents are made known, and messages given to them."""

STEPS = frozenset("start listen router".split())
ENDING = frozenset(("StopEvent", "StartEvent", "Union", "Optional"))


def handler_graph(
    modules: Iterable[Module], linked: Iterable[tuple[str, str]], roles: WatchedRoles
) -> StateGraph | None:
    """The handlers as a graph, each under its own place; None without any. `linked` are the
    executors that edges of a workflow link, `roles` those that watch each other."""
    modules, linked = list(modules), list(linked)
    graph = StateGraph()
    takes: dict[str, set[str]] = {}
    gives: dict[str, set[str]] = {}
    for module in modules:
        for definition in module.functions.values():
            node = handler_node(definition)
            taken = taken_by(definition)
            if taken is None:
                continue
            graph.functions[node] = handler_name(definition)
            graph.lines[node] = definition.node.lineno
            takes[node] = taken
            gives[node] = given_by(definition)
    for source, given in gives.items():
        for target, taken in takes.items():
            if given & taken:
                graph.lead(source, target)
    if linked:
        enter_executors(graph, modules, linked)
    enter_roles(graph, roles)
    return graph if graph.functions else None


def enter_executors(
    graph: StateGraph, modules: list[Module], linked: list[tuple[str, str]]
) -> None:
    """The handlers of executors, each leading to those of the executors that an edge links it
    with."""
    handlers: dict[str, dict[str, Handling]] = {}
    for module in modules:
        for definition in module.functions.values():
            if (handling := handling_of(definition)) is not None:
                node = handler_node(definition)
                graph.functions[node] = definition.name
                graph.lines[node] = definition.node.lineno
                handlers.setdefault(executor_of(definition), {})[node] = handling
    for source, sending in handlers.items():
        for target in reached_by(linked, source, handlers):
            for one, other in product(sending, handlers[target]):
                is_direct = (source, target) in linked
                if not is_direct or sending[one].may_reach(handlers[target][other]):
                    graph.lead(one, other)


def enter_roles(graph: StateGraph, roles: WatchedRoles) -> None:
    """The functions by which roles act, each leading to those of the roles that watch it."""
    for function in roles.turns:
        node = handler_node(function)
        graph.functions[node] = function.qualname
        graph.lines[node] = function.node.lineno
    for source, target in roles.leads():
        graph.lead(handler_node(source), handler_node(target))


def is_handler(method: FunctionDefinition) -> bool:
    """Whether a method handles messages that agents of AutoGen's send each other."""
    return any(name.rpartition(".")[2] in ROUTED for name in method.decorators)


def is_step(definition: FunctionDefinition) -> bool:
    """Whether a method is a step of a flow or of a workflow."""
    return any(name.rpartition(".")[2] in STEPS | HANDLERS for name in definition.decorators)


def handler_node(definition: FunctionDefinition) -> str:
    """What a handler is called in their graph."""
    return f"{definition.module.path}/{definition.qualname}"


def handler_name(definition: FunctionDefinition) -> str:
    """What tells a handler from others: its name, or for a node of a graph, whose handlers are all
    called `run`, that of its class as well."""
    return definition.qualname if is_graph_node(definition) else definition.name


def is_graph_node(definition: FunctionDefinition) -> bool:
    """Whether a function is what a node of pydantic-graph runs."""
    owner = definition.owner
    return definition.name == "run" and owner is not None and is_node_class(owner)


def is_node_class(definition: ClassDefinition) -> bool:
    """Whether a class is one of pydantic-graph's nodes, each of which makes the next."""
    return any(base.endswith("BaseNode") for base in definition.bases)


def spread_handlers(modules: Iterable[Module]) -> set[str]:
    """The handlers of kinds that a step sends in a loop: they run side by side."""
    definitions = [one for module in modules for one in module.functions.values()]
    sent = {kind for definition in definitions for kind in sent_in_loops(definition)}
    return {
        definition.name
        for definition in definitions
        if sent and not sent.isdisjoint(taken_by(definition) or ())
    }


def sent_in_loops(definition: FunctionDefinition) -> set[str]:
    """The kinds of events that a function sends in a loop: those that it makes there, or of what it
    only hands on, those that it says it returns."""
    if "send_event" not in names_called(definition):
        return set()
    sent = [
        event
        for loop in ast.walk(definition.node)
        if isinstance(loop, ast.For | ast.AsyncFor | ast.While | ast.ListComp)
        for call in ast.walk(loop)
        if isinstance(call, ast.Call) and last_name(call.func) == "send_event"
        for event in call.args
    ]
    made = {last_name(event.func) for event in sent if isinstance(event, ast.Call)}
    is_handed_on = any(isinstance(event, ast.Name) for event in sent)
    return made | (kinds_returned(definition) if is_handed_on else set())


def kinds_returned(definition: FunctionDefinition) -> set[str]:
    """The kinds of events that a step says it returns, which are those that it sends as well."""
    returns = getattr(definition.node, "returns", None)
    if returns is None:
        return set()
    return {
        last_name(node)
        for node in ast.walk(returns)
        if isinstance(node, ast.Name | ast.Attribute) and last_name(node) not in ENDING
    }


def heard_steps(definition: FunctionDefinition) -> list[FunctionDefinition]:
    """The steps of the same flow whose results a step is given."""
    if definition.owner is None or isinstance(definition.node, ast.Lambda):
        return []
    heard = {
        name
        for decorator in definition.node.decorator_list
        if isinstance(decorator, ast.Call) and last_name(decorator.func) in ("listen", "router")
        for name in named_in(decorator.args)
    }
    return [method for name, method in definition.owner.methods.items() if name in heard]


def taken_by(definition: FunctionDefinition) -> set[str] | None:
    """What a handler is called for: kinds of messages, or names of steps and words; None: it is
    none."""
    if isinstance(definition.node, ast.Lambda):
        return None
    if is_graph_node(definition) and definition.owner is not None:
        return {definition.owner.name}
    taken: set[str] | None = None
    for decorator in definition.node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = last_name(call.func if call is not None else decorator)
        if name in HANDLERS:
            taken = (taken or set()) | annotated(definition)
        elif name in STEPS and definition.owner is not None:
            taken = (taken or set()) | (named_in(call.args) if call is not None else set())
    return taken


def given_by(definition: FunctionDefinition) -> set[str]:
    """What a handler leads to by: its own name, the kinds it makes, the words it returns."""
    made = set(names_called(definition))
    words = {
        part.value
        for node in ast.walk(definition.node)
        if isinstance(node, ast.Return) and node.value is not None
        for part in ast.walk(node.value)
        if isinstance(part, ast.Constant)
    }
    sends = "send_event" in made
    told = kinds_returned(definition) if sends else set()
    return {definition.name, *made, *told, *(word for word in words if isinstance(word, str))}


def annotated(definition: FunctionDefinition) -> set[str]:
    """The names in the annotations of a handler's parameters."""
    spec = definition.node.args
    return {
        last_name(node)
        for arg in (*spec.posonlyargs, *spec.args)
        if arg.annotation is not None
        for node in ast.walk(arg.annotation)
        if isinstance(node, ast.Name | ast.Attribute)
    } - {"MessageContext", "Context"}


def named_in(nodes: list[ast.expr]) -> set[str]:
    """The steps and words that a decorator names, also within `or_(…)` and `and_(…)`."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Call):
            found |= named_in(node.args)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        else:
            found.add(last_name(node))
    return found - {""}
