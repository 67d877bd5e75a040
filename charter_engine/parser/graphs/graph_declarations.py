"""State graphs as they are declared by `add_node`, `add_edge` and the like."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from charter_engine.parser.graphs.graph_builders import Builders, called
from charter_engine.parser.graphs.graph_texts import GraphTexts, Turn, in_turn
from charter_engine.parser.graphs.graph_ways import (
    follow_commands,
    goes_anywhere_by,
    lead_anywhere,
    names_in,
)
from charter_engine.parser.graphs.inner_graphs import enter_inner, enter_run
from charter_engine.parser.graphs.node_functions import (
    ClassNamed,
    MethodOf,
    ModuleMeant,
    NodeFunctions,
)
from charter_engine.parser.graphs.state_graphs import END, StateGraph, key_of, name_of, named
from charter_engine.parser.interpreting.made_functions import (
    functions_handing_back,
    functions_made,
    functions_wrapping,
    given_to_unseen,
    is_configured,
    makers_of_tool_nodes,
)
from charter_engine.parser.source.symbols import FunctionDefinition, Module, lambda_name
from charter_engine.parser.source.syntax import last_name

PARAMETERS = {
    "add_node": ("node", "action"),
    "add_edge": ("start_key", "end_key"),
    "add_conditional_edges": ("source", "path|condition", "path_map|conditional_edge_mapping"),
    "add_sequence": ("nodes",),
    "set_entry_point": ("key",),
    "set_finish_point": ("key",),
    "set_conditional_entry_point": ("path|condition", "path_map|conditional_edge_mapping"),
}
"""The methods by which a graph is declared, with what they take, in its order, by the names that it
has had."""


@dataclass(frozen=True, slots=True)
class Declaring:
    """What is known where graphs are put together: their `builders`, the `functions` behind nodes,
    those that others have `made`, by these the parameters whose function what they make hands the
    state to, and those whose function they hand back, what makes nodes that run tools, the routers
    that tell themselves where they lead, the places of those of which it isn't told, and the
    `texts` by which nodes are named, with those of a loop's `turn`."""

    builders: Builders
    functions: NodeFunctions
    made: dict[str, str]
    wrapping: dict[str, tuple[FunctionDefinition, int, str]]
    handing_back: dict[str, tuple[int, str]]
    tool_makers: Collection[str]
    texts: GraphTexts
    turn: Turn = field(default_factory=dict)
    routers: dict[str, list[str]] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)

    def named(self, module: Module, node: ast.expr) -> str:
        """The name that an expression gives a node."""
        return self.texts.text(module, node, self.turn) or name_of(in_turn(node, self.turn))

    def wrapped(self, module: Module, node: ast.expr, place: ast.Call) -> ast.expr:
        """The function at hand that stands in another: `logged("plan", plan)`,
        `RunnableLambda(plan).with_config(tags=tags)`."""
        inner = self.given_to(node)
        inner = self.wrapped(module, inner, place) if inner is not None else None
        if inner is None or self.functions.behind(module, inner, place) is None:
            return node
        if isinstance(node, ast.Call) and last_name(node.func) in self.wrapping:
            self.functions.handing_on.add(self.wrapping[last_name(node.func)][0])
        return inner

    def given_to(self, node: ast.expr) -> ast.expr | None:
        """What a call is given that makes another function of it."""
        if not isinstance(node, ast.Call):
            return None
        called = last_name(node.func)
        if called in self.wrapping:
            _, number, name = self.wrapping[called]
        elif called in self.handing_back:
            number, name = self.handing_back[called]
        else:
            return given_to_unseen(node, self.functions.times)
        given = {item.arg: item.value for item in node.keywords}
        return node.args[number] if number < len(node.args) else given.get(name)

    def name_made(self, node: ast.expr) -> str:
        """The name of the function that another one makes; empty for any other."""
        return self.made.get(
            last_name(node.func) if isinstance(node, ast.Call) else name_of(node), ""
        )

    def runs_tools(self, module: Module, node: ast.expr) -> bool:
        """Whether an expression is, or names, what runs tools: `ToolNode(tools)`."""
        if not isinstance(node, ast.Call):
            name = last_name(node)
            calls = [
                call
                for kept, call in self.builders.assigned[module.path]
                if last_name(kept) == name
            ]
            return any(self.runs_tools(module, call) for call in calls)
        while isinstance(node, ast.Call) and is_configured(node.func):
            node = node.func.value
        return isinstance(node, ast.Call) and last_name(node.func) in self.tool_makers

    def name_behind(self, module: Module, node: ast.expr, place: ast.Call) -> str:
        """The name of the function that an expression in a call names."""
        found = self.functions.behind(module, node, place)
        return name_of(node) if found is None else found.node_name


def graph_of(
    modules: Iterable[Module],
    class_named: ClassNamed,
    module_meant: ModuleMeant,
    method_of: MethodOf,
) -> StateGraph | None:
    """The state graphs that the modules declare, as one; None without any."""
    modules = list(modules)
    declaring = [
        (module, call)
        for module in modules
        for call in module.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in PARAMETERS
    ]
    if not declaring:
        return None
    definitions = [one for module in modules for one in module.functions.values()]
    graph = StateGraph(frozenset(one.name for one in definitions))
    graph.builders = Builders(modules, module_meant)
    functions = NodeFunctions(definitions, class_named, module_meant, method_of)
    wrapping = functions_wrapping(definitions)
    handing_back = functions_handing_back(definitions)
    made = functions_made(modules)
    texts = GraphTexts(module_meant)
    makers = makers_of_tool_nodes(definitions)
    known = Declaring(graph.builders, functions, made, wrapping, handing_back, makers, texts)
    for module, call in declaring:
        for turn in texts.turns(module, call):
            declare(graph, module, call, replace(known, turn=turn))
    if not graph.functions:
        return None
    graph.handing_on = functions.handing_on
    for definition in definitions:
        if not isinstance(definition.node, ast.Lambda):
            follow_commands(graph, definition, known)
    for place in known.untold:
        lead_anywhere(graph, place)
    enter_inner(graph)
    enter_run(graph, definitions)
    graph.handing = {
        name
        for node, name in graph.functions.items()
        if node.partition("/")[0] in graph.builders.handing
    }
    add_named_nodes(graph, definitions)
    return graph


def taken_by(call: ast.Call) -> list[ast.expr | None]:
    """What a declaration is given, by place or by name, in the order of what it takes."""
    names = PARAMETERS[called(call)]
    named = {item.arg: item.value for item in call.keywords if item.arg}
    return [
        call.args[place]
        if place < len(call.args)
        else next((named[one] for one in name.split("|") if one in named), None)
        for place, name in enumerate(names)
    ]


def declare(graph: StateGraph, module: Module, call: ast.Call, known: Declaring) -> None:
    assert isinstance(call.func, ast.Attribute)
    builder = known.builders.key(module, call.func.value)
    kind = call.func.attr
    first, *others = taken_by(call)
    if kind == "set_conditional_entry_point":
        declare_choices(graph, module, call, f"{builder}/START", [first, *others], known)
        return
    if first is None:
        return
    name = key_of(builder, known.named(module, first))
    if kind == "add_node":
        declare_node(graph, module, call, builder, known)
    elif kind == "add_sequence":
        declare_sequence(graph, module, call, builder, known)
    elif kind == "add_edge" and others[0] is not None:
        target = key_of(builder, known.named(module, others[0]))
        for source in first.elts if isinstance(first, ast.List) else ():
            graph.lead(key_of(builder, known.named(module, source)), target)
        if not isinstance(first, ast.List):
            graph.lead(name, target)
            graph.joined.setdefault(name, set()).add(target)
    elif kind == "set_entry_point":
        graph.lead(f"{builder}/START", name)
    elif kind == "set_finish_point":
        graph.lead(name, f"{builder}/END")
    elif kind == "add_conditional_edges":
        declare_choices(graph, module, call, name, others, known)


def declare_node(
    graph: StateGraph, module: Module, call: ast.Call, builder: str, known: Declaring
) -> None:
    first, action = taken_by(call)
    assert first is not None
    given = action if action is not None else first
    given = in_turn(given, known.turn) if known.turn else given
    node = key_of(builder, known.named(module, first))
    graph.lines.setdefault(node, call.lineno)
    if isinstance(given, ast.Call) and called(given) == "compile":
        graph.inner[node] = known.builders.key(module, given)
        return
    maker = last_name(given.func) if isinstance(given, ast.Call) else name_of(given)
    graph.standing[node] = known.builders.compiled_as(module, maker)
    if known.runs_tools(module, given):
        graph.tool_nodes.add(node)
    given = known.wrapped(module, given, call)
    name = known.name_behind(module, given, call) or known.named(module, first)
    if isinstance(given, ast.Lambda) and not calls_one_of(graph.at_hand, given):
        name = lambda_name(given)
    graph.functions[node] = known.name_made(given) or name


def calls_one_of(names: Collection[str], node: ast.Lambda) -> bool:
    """Whether all that a lambda does is to call a function of one of the names."""
    return isinstance(node.body, ast.Call) and name_of(node) in names


def declare_sequence(
    graph: StateGraph, module: Module, call: ast.Call, builder: str, known: Declaring
) -> None:
    """`add_sequence([first, second])`, members perhaps with a name: `("first", first)`."""
    keys = []
    (listed,) = taken_by(call)
    for item in listed.elts if isinstance(listed, ast.List) else ():
        parts = item.elts if isinstance(item, ast.Tuple) and item.elts else [item]
        node = key_of(builder, name_of(parts[0]))
        graph.functions[node] = known.name_behind(module, parts[-1], call)
        graph.lines.setdefault(node, item.lineno)
        keys.append(node)
    for source, target in pairwise(keys):
        graph.lead(source, target)


def declare_choices(
    graph: StateGraph,
    module: Module,
    call: ast.Call,
    source: str,
    given: Sequence[ast.expr | None],
    known: Declaring,
) -> None:
    """The nodes that a router may lead to, where they are listed; its routers keep the others."""
    builder = source.partition("/")[0]
    router, choices = given
    router = known.wrapped(module, router, call) if router is not None else None
    name = known.name_behind(module, router, call) if router is not None else ""
    name = (known.name_made(router) if router is not None else "") or name
    if isinstance(router, ast.Lambda):
        name = lambda_name(router) if sends(router) else ""
    place = source
    if name:
        place = f"{source}?{name}"
        graph.functions[place] = name
        graph.lines[place] = call.lineno
        graph.lead(source, place)
    told = known.texts.values(module, choices) if choices is not None else []
    if told:
        targets = [known.named(module, value) for value in told]
    elif isinstance(router, ast.Lambda):
        targets = sorted(names_in(router.body) - END)
        if goes_anywhere_by(router.body):
            known.untold.add(place)
    else:
        known.routers.setdefault(name, []).append(place)
        targets = ["tools"] if name == "tools_condition" else []
    for target in targets:
        graph.lead(place, key_of(builder, target))


def sends(router: ast.Lambda) -> bool:
    """Whether a lambda starts tasks with a state of their own."""
    calls = (node for node in ast.walk(router) if isinstance(node, ast.Call))
    return any(last_name(call.func) == "Send" for call in calls)


def add_named_nodes(graph: StateGraph, definitions: Iterable[FunctionDefinition]) -> None:
    """Nodes that are joined by name, though it isn't seen how they are declared: the functions of
    their names stand behind them."""
    names = {definition.node_name for definition in definitions}
    for node in graph.nodes() - graph.functions.keys() - graph.inner.keys():
        if named(node) in names:
            graph.functions[node] = named(node)
