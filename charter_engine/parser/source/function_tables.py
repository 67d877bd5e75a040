"""Functions that stand in tables: who looks one up there may call any of them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet

from charter_engine.parser.source.symbols import FunctionDefinition, Module, lambda_name, walk
from charter_engine.parser.source.syntax import BLOCKS, last_name

ASSIGNING = (ast.Assign, ast.AnnAssign)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TABLES = (ast.Dict, ast.List, ast.Tuple)
NAMED = (ast.Name, ast.Attribute)


def tables_holding(modules: Collection[Module]) -> dict[str, set[str]]:
    """The names of the tables that hold a function, by its name: literals that list it, and what it
    is put into under a key, itself or by a function that registers it. A lambda is also held by the
    name that it is given."""
    defined = {one.name for module in modules for one in module.functions.values()}
    found: dict[str, set[str]] = {}
    registering: dict[str, set[str]] = {}
    for module in modules:
        for function, statement in assigned_in(module):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if isinstance(statement.value, ast.Lambda):
                found.setdefault(lambda_name(statement.value), set()).add(last_name(target))
            elif isinstance(statement.value, TABLES):
                is_passing = function is not None and isinstance(target, ast.Name)
                for name in listed_in(statement.value, with_methods=not is_passing):
                    found.setdefault(name, set()).add(last_name(target))
            elif isinstance(target, ast.Subscript) and isinstance(statement.value, ast.Name):
                kept, table = statement.value.id, last_name(target.value)
                found.setdefault(kept, set()).add(table)
                giver = given_to(function, kept)
                if giver is not None:
                    registering.setdefault(giver.name, set()).add(table)
    for module in modules if registering else ():
        for registered, by in registered_in(module):
            if by in registering:
                found.setdefault(registered, set()).update(registering[by])
    return {
        name: tables.union(*(found.get(table, ()) for table in tables))
        for name, tables in found.items()
        if name in defined
    }


def assigned_in(
    module: Module,
) -> Iterator[tuple[FunctionDefinition | None, ast.Assign | ast.AnnAssign]]:
    """The assignments of a module, with the function that each stands in."""
    scopes = [(None, module.tree), *((one, one.node) for one in module.functions.values())]
    for function, scope in scopes:
        for statement in () if isinstance(scope, ast.Lambda) else own_statements(scope):
            if isinstance(statement, ASSIGNING):
                yield function, statement


def own_statements(scope: ast.AST) -> list[ast.AST]:
    """A file or function and all statements in it, without those of the functions in it."""
    found = [scope]
    for node in found:
        for block in BLOCKS[type(node)]:
            inner = getattr(node, block)
            found += [one for one in inner if not isinstance(one, FUNCTIONS)]
    return found


def listed_in(member: ast.expr, *, with_methods: bool) -> Iterator[str]:
    """The functions that a literal names, also in literals within it and among what its members are
    made with; `with_methods`: also those of objects, which a function that lists them for itself
    chooses from its own."""
    if isinstance(member, ast.Name):
        yield member.id
    elif isinstance(member, ast.Lambda):
        yield lambda_name(member)
    elif isinstance(member, ast.Attribute):
        yield from [member.attr] if with_methods else []
    else:
        for one in members_of(member):
            yield from listed_in(one, with_methods=with_methods)


def members_of(node: ast.expr) -> list[ast.expr]:
    """The members of a literal, or what a call is given."""
    if isinstance(node, ast.Call):
        return [*node.args, *(item.value for item in node.keywords)]
    if isinstance(node, ast.Dict):
        return node.values
    return node.elts if isinstance(node, ast.List | ast.Tuple) else []


def given_to(function: FunctionDefinition | None, name: str) -> FunctionDefinition | None:
    """The outermost of a function and those around it where the name is one of a parameter's."""
    found = None
    while function is not None:
        found = function if found or name in function.parameters else None
        function = function.outer
    return found


def registered_in(module: Module) -> Iterator[tuple[str, str]]:
    """The functions that a module decorates, or gives a call by name, with the names of what
    decorates or is called."""
    for defined in module.functions.values():
        for decorator in getattr(defined.node, "decorator_list", ()):
            by = decorator.func if isinstance(decorator, ast.Call) else decorator
            yield defined.name, last_name(by)
    for call in module.calls:
        for given in members_of(call):
            if isinstance(given, ast.Name | ast.Attribute):
                yield last_name(given), last_name(call.func)


def looked_up_in(definition: FunctionDefinition, tables: AbstractSet[str]) -> set[str]:
    """The tables that a function names which calls something that it has looked up."""
    names = {last_name(node) for node in walk(definition.node) if isinstance(node, NAMED)}
    return names & tables
