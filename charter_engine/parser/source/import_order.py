"""In which order Python runs modules that import each other: what one imports has run before it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from charter_engine.parser.source.symbols import Module, absolute_base
from charter_engine.parser.source.syntax import BLOCKS, last_name

MeansModule = Callable[[Module, str], Module | None]
"""The module at hand that another one means by a dotted name, or has it from."""

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def in_turn(modules: Iterable[Module], meant: MeansModule) -> list[Module]:
    """Modules in the order in which Python runs them; of those that import each other, the one that
    stands first is begun first."""
    found: dict[str, Module] = {}
    begun: set[str] = set()
    pending = [(module, False) for module in reversed([*modules])]
    while pending:
        module, is_done = pending.pop()
        if is_done:
            found[module.path] = module
        elif module.path not in begun:
            begun.add(module.path)
            imported = [meant(module, dotted) for dotted in imported_at_once(module)]
            pending.append((module, True))
            pending += [(one, False) for one in reversed(imported) if one is not None]
    return [*found.values()]


def imported_at_once(module: Module) -> Iterator[str]:
    """The dotted names that a module's top level imports, in the order of the source, each after
    the packages that it stands in."""
    for statement in run_at_once(module.tree):
        names: list[str] = []
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            base = absolute_base(statement, module)
            names = [f"{base}.{alias.name}".lstrip(".") for alias in statement.names]
        for name in names:
            yield from accumulate(name.split("."), "{}.{}".format)


def run_at_once(scope: ast.AST) -> Iterator[ast.AST]:
    """The statements of a module that run when it is imported, without those for type checkers."""
    for block in BLOCKS[type(scope)]:
        for statement in getattr(scope, block):
            is_left_out = isinstance(statement, DEFINITIONS) or is_for_checkers(statement)
            if not is_left_out:
                yield statement
                yield from run_at_once(statement)


def is_for_checkers(statement: ast.AST) -> bool:
    return isinstance(statement, ast.If) and last_name(statement.test) == "TYPE_CHECKING"
