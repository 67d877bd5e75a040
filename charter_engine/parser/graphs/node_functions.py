"""Which function at hand stands behind a node of a state graph: `planner.run` of a module,
`self.write` of a class, an object that can be called."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module
from charter_engine.parser.source.syntax import last_name, statements

ClassNamed = Callable[[Module, str], ClassDefinition | None]
"""The class at hand that a module means by a name."""

ModuleMeant = Callable[[Module, str], Module | None]
"""The module at hand that another one means by a dotted name."""

MethodOf = Callable[[ClassDefinition, str], FunctionDefinition | None]
"""The method that objects of a class have by a name."""


BINDING = "partial"
"""What binds arguments of a function before it is called."""


class NodeFunctions:
    """Finds functions by how they are named where a graph is put together. Those `handing_on` give
    the state to the function that stands behind the node."""

    def __init__(
        self,
        definitions: Iterable[FunctionDefinition],
        class_named: ClassNamed,
        module_meant: ModuleMeant,
        method_of: MethodOf,
    ) -> None:
        self.class_named = class_named
        self.module_meant = module_meant
        self.method_of = method_of
        self.times = Counter(definition.name for definition in definitions)
        self.made: dict[str, dict[str, str]] = {}
        self.bound: dict[str, dict[str, ast.expr]] = {}
        self.handing_on: set[FunctionDefinition] = set()

    def behind(self, module: Module, node: ast.expr, place: ast.Call) -> FunctionDefinition | None:
        """The function that an expression in a call names, if that is told. Of several functions of
        one name it is known to graphs by its module and class as well."""
        found = self.found(module, node, place)
        if found is not None and self.times[found.name] > 1:
            found.node_name = f"{found.module.name}.{found.qualname}"
        return found

    def found(self, module: Module, node: ast.expr, place: ast.Call) -> FunctionDefinition | None:
        if isinstance(node, ast.Call) and last_name(node.func) == BINDING and node.args:
            return self.found(module, node.args[0], place)
        if isinstance(node, ast.Lambda) and isinstance(node.body, ast.Call):
            return self.found(module, node.body.func, place)
        if isinstance(node, ast.Name):
            return (
                self.named(module, node.id)
                or self.bound_as(module, node.id, place)
                or self.called_by(self.object_of(module, node, place))
            )
        if isinstance(node, ast.Attribute):
            owner = self.object_of(module, node.value, place)
            if owner is not None:
                return self.method_of(owner, node.attr) or self.called_by(
                    self.object_of(module, node, place)
                )
            source = self.meant(module, node.value)
            return self.named(source, node.attr) if source is not None else None
        return self.called_by(self.object_of(module, node, place))

    def named(self, module: Module, name: str) -> FunctionDefinition | None:
        """The function outside of classes that a module means by a name."""
        own = [
            one
            for one in module.functions.values()
            if one.name == name and one.owner is None and one.outer is None
        ]
        if own or name not in module.imports:
            return own[-1] if own else None
        base, _, last = module.imports[name].rpartition(".")
        source = self.module_meant(module, base)
        return self.named(source, last) if source is not None and source is not module else None

    def bound_as(self, module: Module, name: str, place: ast.Call) -> FunctionDefinition | None:
        """The function of which a module means, by a name, that with arguments bound before:
        `code = partial(work, agent=coder)`."""
        if module.path not in self.bound:
            self.bound[module.path] = dict(bound_in(module))
        if name in self.bound[module.path]:
            return self.found(module, self.bound[module.path][name], place)
        base, _, last = module.imports.get(name, "").rpartition(".")
        source = self.module_meant(module, base) if base else None
        is_other = source is not None and source is not module
        return self.bound_as(source, last, place) if source is not None and is_other else None

    def meant(self, module: Module, node: ast.expr) -> Module | None:
        """The module that an expression names."""
        if isinstance(node, ast.Name) and node.id in module.imports:
            return self.module_meant(module, module.imports[node.id])
        return None

    def object_of(self, module: Module, node: ast.expr, place: ast.Call) -> ClassDefinition | None:
        """The class of the object that an expression names."""
        if isinstance(node, ast.Name) and node.id in ("self", "cls"):
            return owner_at(module, place)
        if isinstance(node, ast.Call):
            return self.class_named(module, last_name(node.func))
        name = last_name(node)
        made = self.made_by(module).get(name, "")
        if made:
            return self.class_named(module, made)
        if isinstance(node, ast.Name) and name in module.imports:
            base, _, last = module.imports[name].rpartition(".")
            source = self.module_meant(module, base)
            made = self.made_by(source).get(last, "") if source is not None else ""
            return self.class_named(source, made) if source is not None and made else None
        return None

    def made_by(self, module: Module) -> dict[str, str]:
        """The names that a module gives what it makes, each with the class's."""
        if module.path not in self.made:
            self.made[module.path] = dict(made_in(module))
        return self.made[module.path]

    def called_by(self, owner: ClassDefinition | None) -> FunctionDefinition | None:
        """What is run when an object of a class is called: of a base's `__call__` that hands the
        state on, the method of the class that takes it."""
        called = self.method_of(owner, "__call__") if owner is not None else None
        if owner is None or called is None or called.owner is owner:
            return called
        taking = (self.method_of(owner, name) for name in taking_first(called))
        own = [one for one in taking if one is not None and one.owner is not called.owner]
        if not own:
            return called
        self.handing_on.add(called)
        return own[0]


def taking_first(method: FunctionDefinition) -> Iterator[str]:
    """The names of the methods of its object that a method hands its first parameter to."""
    own, *given = method.parameters
    for call in method.calls:
        function, first = call.func, call.args[0] if call.args else None
        is_own = isinstance(function, ast.Attribute) and last_name(function.value) == own
        if is_own and given and isinstance(first, ast.Name) and first.id == given[0]:
            yield last_name(function)


def made_in(module: Module) -> Iterator[tuple[str, str]]:
    """The names that a module gives what it makes, with the names of what makes it."""
    for statement in statements(module.tree):
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            made = last_name(statement.value.func)
            if made[:1].isupper():
                for target in statement.targets:
                    yield last_name(target), made


def bound_in(module: Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module gives functions with arguments bound before, with these functions."""
    for statement in statements(module.tree):
        value = statement.value if isinstance(statement, ast.Assign) else None
        if isinstance(value, ast.Call) and last_name(value.func) == BINDING and value.args:
            assert isinstance(statement, ast.Assign)
            for target in statement.targets:
                yield last_name(target), value.args[0]


def owner_at(module: Module, place: ast.Call) -> ClassDefinition | None:
    """The class in whose method a call stands."""
    for definition in module.functions.values():
        if definition.owner is not None and place in definition.calls:
            return definition.owner
    return None
