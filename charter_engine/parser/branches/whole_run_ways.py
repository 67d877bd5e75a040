"""Ways that a constant decides for the whole run: `if USES_AZURE:` in two places. What is asked on
one of them reaches none of the other, in a later turn either."""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from charter_engine.parser.branches.settings import path_to
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.source.symbols import Module, walk
from charter_engine.parser.source.syntax import leaves, names_stored
from charter_engine.parser.source.told_once import told_once

if TYPE_CHECKING:
    from charter_engine.parser.model_calls.findings import Site

Facts = dict[str, bool]
"""What tests of constants came out as where something stands."""

LEAVING = (ast.Return, ast.Raise, ast.Break, ast.Continue)


class WholeRunWays:
    """Tells which calls stand on ways of which a run takes one alone."""

    def __init__(self) -> None:
        self.facts: dict[int, Facts] = {}

    def exclude(self, one: Site, other: Site) -> bool:
        """Whether a constant decides between two calls."""
        mine, theirs = self.facts_of(one), self.facts_of(other)
        return any(theirs.get(test, truth) is not truth for test, truth in mine.items())

    def facts_of(self, site: Site) -> Facts:
        if site.number not in self.facts:
            self.facts[site.number] = dict(facts_at(site))
        return self.facts[site.number]


def facts_at(site: Site) -> Iterator[tuple[str, bool]]:
    """The tests of constants that lead to a call in its function, each with its outcome."""
    scope = site.function.node if site.function is not None else site.module.tree
    path = path_to(scope, site.node)
    tests = [one for step in itertools.pairwise(path) for one in decided(*step)]
    changing = changing_at(site) if tests else frozenset[str]()
    for test, truth in tests:
        told, outcome = without_negation(test, truth)
        named = constant_in(told, site.module, changing)
        if named is not None:
            yield named, outcome


def decided(around: ast.AST, child: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """What tests came out as where a node leads to another that it holds: its own, and those of
    statements before that leave otherwise."""
    if isinstance(around, ast.If | ast.IfExp) and child is not around.test:
        is_body = child is around.body if isinstance(around, ast.IfExp) else child in around.body
        yield around.test, is_body
    blocks = (getattr(around, name, None) for name in ("body", "orelse", "finalbody"))
    block = next((held for held in blocks if isinstance(held, list) and child in held), [])
    for before in block[: block.index(child)] if block else ():
        if isinstance(before, ast.If) and leaves(before.body, LEAVING):
            yield before.test, False


def without_negation(test: ast.expr, truth: bool) -> tuple[ast.expr, bool]:
    """What a test asks, and how it came out, without `not`."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, truth = test.operand, not truth
    return test, truth


def constant_in(test: ast.expr, module: Module, changing: Set[str]) -> str | None:
    """A test of a constant, with the constant's full name; None of any other test."""
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=value)]):
            named = constant_in(left, module, changing)
            return named and f"{named} == {value!r}"
        case ast.Name(id=name) if name.isupper() and name not in changing:
            return module.imports.get(name, f"{module.name}.{name}")
        case ast.Attribute(value=ast.Name(id=holder), attr=name) if holder in module.imports:
            is_setting = name.isupper() or not SETTINGS.isdisjoint(words_of(holder)[-1:])
            is_constant = is_setting and changing.isdisjoint((holder, f"{holder}.{name}"))
            return f"{module.imports[holder]}.{name}" if is_constant else None
    return None


SETTINGS = frozenset(("settings", "config"))
"""Last words of the names of what holds a program's settings."""


def changing_at(site: Site) -> Set[str]:
    """The names and attributes that may be something else whenever a run comes to a call."""
    if site.function is not None:
        return names_stored(site.function.node) | set_by_functions(site.module)
    stored = Counter(
        node.id
        for node in walk(site.module.tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    twice = {name for name, count in stored.items() if count > 1}
    return twice | set_by_functions(site.module)


@told_once
def set_by_functions(module: Module) -> frozenset[str]:
    """The globals that a module's functions set, and the attributes that are set in it."""
    nodes = walk(module.tree)
    names = (name for one in nodes if isinstance(one, ast.Global) for name in one.names)
    attributes = (
        ast.unparse(one)
        for one in nodes
        if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store)
    )
    return frozenset((*names, *attributes))
