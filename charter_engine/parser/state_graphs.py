"""State graphs as they are declared by `add_node`, `add_edge` and the like: the order of nodes,
what leads to each, and their cycles.

A node's key is its name after that of the graph's builder: `builder/plan`. Routers, the functions
behind conditional edges, are nodes of their own between a node and those it may lead to.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from charter_engine.parser.graph_builders import Builders, called
from charter_engine.parser.graph_texts import NO_TEXTS, GraphTexts, Texts
from charter_engine.parser.node_functions import ClassNamed, MethodOf, ModuleMeant, NodeFunctions
from charter_engine.parser.symbols import FunctionDefinition, Module, lambda_name
from charter_engine.parser.syntax import last_name, output_name

DECLARING = frozenset(
    "add_node add_edge add_conditional_edges set_entry_point set_conditional_entry_point "
    "set_finish_point add_sequence".split()
)
START = frozenset(("START", "__start__"))
END = frozenset(("END", "__end__"))


@dataclass(slots=True)
class StateGraph:
    """`functions` maps a node to the function behind it; `after` maps a node to those it may lead
    to; `inner` maps a node to the graph that it is, `standing` one to the graph that it may be.
    Over the ways in `apart`, a function's into the graph that it runs, no state
    goes of itself. The functions in `handing` hand on what they return as a whole, those
    `handing_on` the state, to the function behind a node. `at_hand` are the names of functions.
    """

    at_hand: frozenset[str] = frozenset()
    functions: dict[str, str] = field(default_factory=dict)
    after: dict[str, set[str]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    inner: dict[str, str] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    apart: set[tuple[str, str]] = field(default_factory=set)
    builders: Builders = field(default_factory=lambda: Builders((), lambda *_: None))
    handing: set[str] = field(default_factory=set)
    handing_on: set[FunctionDefinition] = field(default_factory=set)

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
        led_into = [(node, builder) for node, builder in self.inner.items()]
        led_into += [
            (node, target.partition("/")[0])
            for node, target in self.apart
            if named(target) == "START"
        ]
        pending = [builder for node, builder in led_into if named(node) == name]
        builders: set[str] = set()
        while pending:
            builder = pending.pop()
            if builder not in builders:
                builders.add(builder)
                pending += [
                    inner for node, inner in led_into if node.partition("/")[0] == builder != inner
                ]
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
        reach = {node: self.reachable(node) for node in waiting}
        led_to: set[str] = set()
        order: list[str] = []
        while waiting:
            ready = [
                node
                for node in waiting
                if all(node not in reach[other] or other in reach[node] for other in waiting)
            ]
            node = next((one for one in ready if one in led_to), ready[0])
            waiting.remove(node)
            led_to |= self.after.get(node, set())
            order.append(node)
            if node in reach[node]:
                reach = {one: self.reachable(one, waiting) for one in waiting}
        return order

    def nodes(self) -> set[str]:
        targets = {target for led_to in self.after.values() for target in led_to}
        return {*self.functions, *self.after, *targets}

    def before(self, function: str, at_hand: Collection[str]) -> set[str]:
        """The functions at hand whose state reaches a function, through nodes that are none, and
        the starts of graphs that do."""
        return self.before_nodes(self.nodes_of(function), at_hand)

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
            reached = {self.functions[one] for one in self.reachable(node) if one in self.functions}
            found[function] = found.get(function, set()) | reached
        return found

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

    def reachable(self, node: str, among: Collection[str] | None = None) -> set[str]:
        """The nodes that a node may lead to, on ways through `among` only."""
        found: set[str] = set()
        pending = list(self.after.get(node, ()))
        while pending:
            current = pending.pop()
            if current not in found and (among is None or current in among):
                found.add(current)
                pending += self.after.get(current, ())
        return found


def named(node: str) -> str:
    """A node's name in its graph."""
    return node.partition("/")[2]


def is_router(node: str) -> bool:
    return "?" in node


@dataclass(frozen=True, slots=True)
class Declaring:
    """What is known where graphs are put together: their `builders`, the `functions` behind nodes,
    those that others have `made`, by these the parameters whose function what they make hands the
    state to, the routers that tell themselves where they lead, the places of those of which it
    isn't told, and the `texts` by which nodes are named, with those of a loop's `turn`."""

    builders: Builders
    functions: NodeFunctions
    made: dict[str, str]
    wrapping: dict[str, tuple[FunctionDefinition, int, str]]
    texts: GraphTexts
    turn: Texts = field(default_factory=dict)
    routers: dict[str, list[str]] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)

    def named(self, module: Module, node: ast.expr) -> str:
        """The name that an expression gives a node."""
        return self.texts.text(module, node, self.turn) or name_of(node)

    def wrapped(self, module: Module, node: ast.expr, place: ast.Call) -> ast.expr:
        """The function at hand that stands in another: `logged("plan", plan)`."""
        if not isinstance(node, ast.Call) or last_name(node.func) not in self.wrapping:
            return node
        made, number, name = self.wrapping[last_name(node.func)]
        given = {item.arg: item.value for item in node.keywords}
        inner = node.args[number] if number < len(node.args) else given.get(name)
        inner = self.wrapped(module, inner, place) if inner is not None else None
        if inner is None or self.functions.behind(module, inner, place) is None:
            return node
        self.functions.handing_on.add(made)
        return inner

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
        if isinstance(call.func, ast.Attribute) and call.func.attr in DECLARING
    ]
    if not declaring:
        return None
    definitions = [one for module in modules for one in module.functions.values()]
    graph = StateGraph(frozenset(one.name for one in definitions))
    graph.builders = Builders(modules, module_meant)
    functions = NodeFunctions(definitions, class_named, module_meant, method_of)
    wrapping = functions_wrapping(definitions)
    texts = GraphTexts(module_meant)
    known = Declaring(graph.builders, functions, functions_made(modules), wrapping, texts)
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


def declare(graph: StateGraph, module: Module, call: ast.Call, known: Declaring) -> None:
    assert isinstance(call.func, ast.Attribute)
    builder = known.builders.key(module, call.func.value)
    names = [key_of(builder, known.named(module, argument)) for argument in call.args]
    kind = call.func.attr
    if kind == "add_node" and call.args:
        declare_node(graph, module, call, builder, known)
    elif kind == "add_sequence" and call.args:
        declare_sequence(graph, module, call, builder, known)
    elif kind == "add_edge" and len(names) > 1:
        sources = (
            [key_of(builder, known.named(module, item)) for item in call.args[0].elts]
            if isinstance(call.args[0], ast.List)
            else [names[0]]
        )
        for source in sources:
            graph.lead(source, names[1])
    elif kind == "set_entry_point" and names:
        graph.lead(f"{builder}/START", names[0])
    elif kind == "set_finish_point" and names:
        graph.lead(names[0], f"{builder}/END")
    elif kind == "set_conditional_entry_point":
        declare_choices(graph, module, call, f"{builder}/START", known)
    elif kind == "add_conditional_edges" and names:
        declare_choices(graph, module, call, names[0], known)


def key_of(builder: str, name: str) -> str:
    """A node's key; a graph's ends have one name."""
    name = "START" if name in START else "END" if name in END else name
    return f"{builder}/{name}"


def declare_node(
    graph: StateGraph, module: Module, call: ast.Call, builder: str, known: Declaring
) -> None:
    given = next(
        (item.value for item in call.keywords if item.arg in ("action", "node")),
        call.args[1] if len(call.args) > 1 else call.args[0],
    )
    node = key_of(builder, known.named(module, call.args[0]))
    graph.lines.setdefault(node, call.lineno)
    if isinstance(given, ast.Call) and called(given) == "compile":
        graph.inner[node] = known.builders.key(module, given)
        return
    maker = last_name(given.func) if isinstance(given, ast.Call) else name_of(given)
    graph.standing[node] = known.builders.compiled_as(module, maker)
    given = known.wrapped(module, given, call)
    maker = last_name(given.func) if isinstance(given, ast.Call) else name_of(given)
    name = known.name_behind(module, given, call) or name_of(call.args[0])
    if isinstance(given, ast.Lambda) and not calls_one_of(graph.at_hand, given):
        name = lambda_name(given)
    graph.functions[node] = known.made.get(maker, name)


def calls_one_of(names: Collection[str], node: ast.Lambda) -> bool:
    """Whether all that a lambda does is to call a function of one of the names."""
    return isinstance(node.body, ast.Call) and name_of(node) in names


def declare_sequence(
    graph: StateGraph, module: Module, call: ast.Call, builder: str, known: Declaring
) -> None:
    """`add_sequence([first, second])`, members perhaps with a name: `("first", first)`."""
    keys = []
    for item in call.args[0].elts if isinstance(call.args[0], ast.List) else ():
        parts = item.elts if isinstance(item, ast.Tuple) and item.elts else [item]
        node = key_of(builder, name_of(parts[0]))
        graph.functions[node] = known.name_behind(module, parts[-1], call)
        graph.lines.setdefault(node, item.lineno)
        keys.append(node)
    for source, target in pairwise(keys):
        graph.lead(source, target)


def declare_choices(
    graph: StateGraph, module: Module, call: ast.Call, source: str, known: Declaring
) -> None:
    """The nodes that a router may lead to, where they are listed; its routers keep the others."""
    builder = source.partition("/")[0]
    given = {item.arg: item.value for item in call.keywords}
    by_place = call.args if source.endswith("/START") and len(call.args) < 2 else call.args[1:]
    router = by_place[0] if by_place else given.get("path", given.get("condition"))
    choices = given.get("path_map", given.get("conditional_edge_mapping"))
    choices = by_place[1] if len(by_place) > 1 else choices
    name = known.name_behind(module, router, call) if router is not None else ""
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


def constants_in(definition: FunctionDefinition, known: Declaring) -> Texts:
    """The texts of the constants that a function names."""
    names = {node.id: node for node in ast.walk(definition.node) if isinstance(node, ast.Name)}
    texts = {
        name: known.texts.text(definition.module, node, NO_TEXTS) for name, node in names.items()
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
    if called(call) not in RUNNING or not isinstance(call.func, ast.Attribute):
        return ""
    held = call.func.value
    name = last_name(held.func if isinstance(held, ast.Call) else held)
    return graph.builders.compiled_as(module, name)


RUNNING = frozenset("invoke ainvoke stream astream".split())


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


def add_named_nodes(graph: StateGraph, definitions: Iterable[FunctionDefinition]) -> None:
    """Nodes that are joined by name, though it isn't seen how they are declared: the functions of
    their names stand behind them."""
    names = {definition.node_name for definition in definitions}
    for node in graph.nodes() - graph.functions.keys() - graph.inner.keys():
        if named(node) in names:
            graph.functions[node] = named(node)


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
