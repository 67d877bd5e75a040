"""Which of a prompt's variables are the same in every turn of a call."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from charter_engine.contracts.graph import Segment
from charter_engine.parser.interpreting.defaults import reads_environment
from charter_engine.parser.model_calls.findings import Site
from charter_engine.parser.source.symbols import FunctionDefinition, walk
from charter_engine.parser.source.syntax import last_name, names_stored

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
    calls = (node for node in ast.walk(expression) if isinstance(node, ast.Call | ast.Await))
    return reads(expression, names) or not all(map(reads_environment, calls))


def reads(expression: ast.expr, names: frozenset[str]) -> bool:
    """Whether an expression reads one of the names."""
    return any(
        (isinstance(node, ast.Name) and node.id in names)
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in names)
        for node in ast.walk(expression)
    )


def tries_again(site: Site, segments: Iterable[Segment]) -> bool:
    """Whether the loop around a call only sends the same prompt again, until it is answered."""
    if not site.retries or any(carried == "loop" for _, carried in site.edges):
        return False
    varying = (one for one in segments if one.kind != "static")
    return all(one.fixed for one in varying) or gives_same(site.node, site.turning)


def gives_same(call: ast.expr, loop: ast.AST | None) -> bool:
    """Whether a call gives what no turn of the loop around it changes."""
    if loop is None or not isinstance(call, ast.Call):
        return False
    names = changed_in(loop)
    given = (*call.args, *(word.value for word in call.keywords))
    return not any(reads(argument, names) for argument in given)


PUTTING_TOGETHER = frozenset("format join replace strip".split())
"""Methods that make of the same texts the same text."""


@lru_cache(maxsize=1024)
def changed_in(loop: ast.AST) -> frozenset[str]:
    """The names that may stand for something else in each turn of a loop: what it adds to, and what
    it assigns, but for what it puts together anew of the same."""
    added = added_to(loop)
    names = names_stored(loop) | added
    made = {name: value for name, value in made_once(loop).items() if name not in added}
    while same := {name for name, value in made.items() if puts_together(value, names)} & names:
        names -= same
    return names


def made_once(loop: ast.AST) -> dict[str, ast.expr]:
    """What one assignment alone gives a name in a loop."""
    stored = Counter(
        one.id for one in walk(loop) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    )
    return {
        one.targets[0].id: one.value
        for one in walk(loop)
        if isinstance(one, ast.Assign)
        and isinstance(one.targets[0], ast.Name)
        and stored[one.targets[0].id] == 1
    }


def puts_together(value: ast.expr, names: frozenset[str]) -> bool:
    """Whether an expression makes the same of what none of the names stands for: a text, or an
    object of a class."""
    calls = (one.func for one in walk(value) if isinstance(one, ast.Call))
    made = map(last_name, calls)
    is_plain = all(name in PUTTING_TOGETHER or name[:1].isupper() for name in made)
    return is_plain and not reads(value, names)


@lru_cache(maxsize=1024)
def added_to(loop: ast.AST) -> frozenset[str]:
    """The names of what a loop adds to: `messages.append(error)`; what it makes of a class of a
    module adds to none."""
    called = (one.func for one in walk(loop) if isinstance(one, ast.Call))
    methods = (one for one in called if isinstance(one, ast.Attribute))
    receivers = (one.value for one in methods if not one.attr[:1].isupper())
    named = (one for one in receivers if isinstance(one, ast.Name | ast.Attribute))
    return frozenset(map(ast.unparse, named))


def lines_of(node: ast.AST) -> Lines:
    first: int = getattr(node, "lineno", 0)
    return first, getattr(node, "end_lineno", None) or first
