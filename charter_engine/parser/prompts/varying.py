"""Which of a prompt's variables are the same in every turn of a call."""

from __future__ import annotations

import ast

from charter_engine.parser.interpreting.defaults import reads_environment
from charter_engine.parser.model_calls.findings import Site
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.source.syntax import names_stored

Lines = tuple[int, int]


class Turning:
    """What changes from one turn of a call to the next: what its loop assigns, or where it has
    none, what its function is given or assigns."""

    def __init__(self, site: Site) -> None:
        self.function = site.function
        self.functions = list(site.module.functions.values())
        self.region = lines_of(site.turning) if site.turning is not None else None
        self.names = names_stored(site.turning) if site.turning is not None else frozenset()

    def fixes(self, expression: ast.expr | str, line: int) -> bool:
        """Whether what fills a hole in a line is the same in every turn. What another function
        than a constructor writes may be written anew."""
        around = self.function_at(line)
        if around is not self.function:
            return around is None or around.name == "__init__"
        if self.region is None:
            return False
        if not self.region[0] <= line <= self.region[1]:
            return True
        return not changes(expression, self.names)

    def function_at(self, line: int) -> FunctionDefinition | None:
        found = [
            definition
            for definition in self.functions
            if definition.node.lineno <= line <= (definition.node.end_lineno or 0)
            and not isinstance(definition.node, ast.Lambda)
        ]
        return max(found, key=lambda definition: definition.node.lineno, default=None)


def changes(expression: ast.expr | str, names: frozenset[str]) -> bool:
    """Whether an expression calls something, or reads one of the names. A variable of the
    environment stays as it is."""
    if isinstance(expression, str):
        try:
            expression = ast.parse(expression, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return True
    return any(
        (isinstance(node, ast.Call | ast.Await) and not reads_environment(node))
        or (isinstance(node, ast.Name) and node.id in names)
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in names)
        for node in ast.walk(expression)
    )


def lines_of(node: ast.AST) -> Lines:
    first: int = getattr(node, "lineno", 0)
    return first, getattr(node, "end_lineno", None) or first
