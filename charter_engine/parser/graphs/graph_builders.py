"""The state graphs that modules put together: what their builders are called, where several have
one name, and under which names they are compiled."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from charter_engine.parser.graphs.node_functions import ModuleMeant
from charter_engine.parser.source.symbols import Module, dotted_name
from charter_engine.parser.source.syntax import last_name, statements

HANDING = frozenset(("Graph", "MessageGraph"))
"""Classes of graphs whose nodes are given what those before them return."""

MAKING = HANDING | {"StateGraph"}


class Builders:
    """The keys of graphs: the names of their builders, with a number where several have one name.

    `keys` are those of all graphs that are made, `handing` of those whose nodes hand on what they
    return. Compiled graphs are kept by their names, or by those of functions that return one.
    """

    def __init__(self, modules: Iterable[Module], module_meant: ModuleMeant) -> None:
        modules = list(modules)
        self.module_meant = module_meant
        self.assigned = {module.path: list(assigned_calls(module)) for module in modules}
        made = [(module, *one) for module in modules for one in self.made_in(module)]
        times = Counter(name for _, name, _, _ in made)
        self.places: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        self.keys: set[str] = set()
        self.handing: set[str] = set()
        for number, (module, name, line, kind) in enumerate(made):
            key = name if times[name] == 1 else f"{name}@{number}"
            self.places[module.path, name].append((line, key))
            self.keys.add(key)
            if kind in HANDING:
                self.handing.add(key)
        self.compiled: dict[tuple[str, str], str] = {}
        self.unique: dict[str, str] = {}
        self.returning: dict[tuple[str, str], str] = {}
        for module in modules:
            self.add_returning(module)
        for module in modules:
            self.add_compiled(module)
        for module in modules if self.keys else ():
            self.add_handed(module)
        by_name: dict[str, set[str]] = defaultdict(set)
        for (_, name), key in self.compiled.items():
            by_name[name].add(key)
        self.unique = {name: next(iter(keys)) for name, keys in by_name.items() if len(keys) == 1}

    def made_in(self, module: Module) -> Iterator[tuple[str, int, str]]:
        """The graphs that a module makes: the name of each, its line and its class."""
        named = {
            id(value): dotted_name(target).rpartition(".")[2]
            for target, value in self.assigned[module.path]
        }
        for call in sorted(module.calls, key=lambda call: call.lineno):
            kind = last_name(call.func)
            if kind in MAKING:
                yield named.get(id(call), kind), call.lineno, kind

    def key(self, module: Module, node: ast.expr) -> str:
        """The graph that an expression names or makes, by which a part of it is declared."""
        while isinstance(node, ast.Call) and last_name(node.func) not in MAKING:
            node = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        name = dotted_name(node).rpartition(".")[2]
        made = self.places.get((module.path, name), [])
        before = [key for line, key in made if line <= node.lineno]
        if made:
            return (before or [made[0][1]])[-1]
        return self.returning.get((module.path, name), name)

    def add_returning(self, module: Module) -> None:
        """Functions that return a graph as it is, or compiled."""
        for definition in module.functions.values():
            value = returned(definition.node)
            if isinstance(value, ast.Call) and called(value) == "compile":
                key = self.key(module, value)
                self.compiled[module.path, definition.name] = key
            elif isinstance(value, ast.Name | ast.Attribute):
                name = last_name(value)
                if (module.path, name) in self.places:
                    self.returning[module.path, definition.name] = self.key(module, value)

    def add_compiled(self, module: Module) -> None:
        """The names that compiled graphs are given: `team = inner.compile()`."""
        for target, value in self.assigned[module.path]:
            name = dotted_name(target).rpartition(".")[2]
            if called(value) == "compile":
                self.compiled[module.path, name] = self.key(module, value)
            elif (module.path, last_name(value.func)) in self.compiled:
                key = self.compiled[module.path, last_name(value.func)]
                self.compiled.setdefault((module.path, name), key)

    def add_handed(self, module: Module) -> None:
        """The parameters of a module's functions that are given compiled graphs there:
        `runner("plan", graphs["plan"])`."""
        makers = {definition.name: definition for definition in module.functions.values()}
        given: dict[str, set[str]] = defaultdict(set)
        for call in module.calls:
            maker = makers.get(last_name(call.func))
            if maker is None:
                continue
            placed = zip(maker.parameters[maker.takes_self :], call.args, strict=False)
            named = ((item.arg, item.value) for item in call.keywords if item.arg)
            for name, value in (*placed, *named):
                given[name].add(self.compiled_in(module, value))
        for name, keys in given.items():
            if len(keys) == 1 and "" not in keys:
                self.compiled.setdefault((module.path, name), next(iter(keys)))

    def compiled_in(self, module: Module, node: ast.expr) -> str:
        """The compiled graph that an expression is, or a member of what is filled with runs of one
        function that puts it together; empty: none is known."""
        if isinstance(node, ast.Subscript):
            node = self.filled_with(module, last_name(node.value)) or node
        if isinstance(node, ast.Call) and called(node) == "compile":
            return self.key(module, node)
        name = last_name(node.func if isinstance(node, ast.Call) else node)
        return self.compiled_as(module, name) if name else ""

    def filled_with(self, module: Module, name: str) -> ast.expr | None:
        """What a comprehension that is assigned to a name makes its members of."""
        for statement in statements(module.tree):
            if isinstance(statement, ast.Assign) and last_name(statement.targets[0]) == name:
                if isinstance(statement.value, ast.DictComp):
                    return statement.value.value
                if isinstance(statement.value, ast.ListComp):
                    return statement.value.elt
        return None

    def compiled_as(self, module: Module, name: str) -> str:
        """The graph that a module means by the name of a compiled one, or of a function that
        returns one; empty: none is known."""
        own = self.compiled.get((module.path, name))
        if own is not None:
            return own
        if name in module.imports:
            base, _, last = module.imports[name].rpartition(".")
            source = self.module_meant(module, base)
            if source is not None and (source.path, last) in self.compiled:
                return self.compiled[source.path, last]
        return self.unique.get(name, "")


def assigned_calls(module: Module) -> Iterator[tuple[ast.expr, ast.Call]]:
    """What is assigned the result of a call, and that call."""
    for statement in statements(module.tree):
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            yield statement.targets[0], statement.value
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Call):
            yield statement.target, statement.value


def returned(function: ast.AST) -> ast.expr | None:
    """What a function ends with returning."""
    body = function.body if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) else []
    last = body[-1] if body else None
    return last.value if isinstance(last, ast.Return) else None


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""
