"""Classes of which a program takes one for its whole run, as a setting says: `if vendor == "near":
agent = Near()`, `else: agent = Far()`. What an agent of one says reaches none of the other."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from charter_engine.parser.branches.settings import SourcePlace, WholeRunTests
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module, walk
from charter_engine.parser.source.syntax import last_name

if TYPE_CHECKING:
    from charter_engine.parser.source.program import Program


class ExclusiveClasses:
    """Tells which classes exclude each other."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.settings = WholeRunTests(program)
        self.places: dict[str, list[SourcePlace]] | None = None
        self.known: dict[tuple[ClassDefinition, ClassDefinition], bool] = {}

    def exclude(self, first: FunctionDefinition | None, second: FunctionDefinition | None) -> bool:
        """Whether two functions are methods of classes of which a run takes one alone."""
        one = first.owner if first is not None else None
        other = second.owner if second is not None else None
        if one is None or other is None or one is other:
            return False
        if (one, other) not in self.known:
            found = self.stand_for_each_other(one, other) and all(
                itertools.starmap(
                    self.are_apart, itertools.product(self.made(one), self.made(other))
                )
            )
            self.known[one, other] = self.known[other, one] = found
        return self.known[one, other]

    def stand_for_each_other(self, one: ClassDefinition, other: ClassDefinition) -> bool:
        """Whether objects of either class are asked by methods of the same name, and no object is
        of both."""
        shared = one.methods.keys() & other.methods.keys()
        are_of_both = {one, *self.program.made_from(one)} & {other, *self.program.made_from(other)}
        return not are_of_both and any(not name.startswith("_") for name in shared)

    def made(self, owner: ClassDefinition) -> list[ClassDefinition]:
        """The classes of the objects that have the methods of a class, as far as some are made."""
        if self.places is None:
            self.places = self.places_of_classes()
        heirs = [one for one in self.program.made_from(owner) if one.name in self.places]
        return [owner, *heirs] if owner.name in self.places or not heirs else heirs

    def are_apart(self, one: ClassDefinition, other: ClassDefinition) -> bool:
        """Whether each place that names one class excludes each that names the other."""
        assert self.places is not None
        pairs = itertools.product(self.places.get(one.name, ()), self.places.get(other.name, ()))
        outcomes = [self.are_ways(*pair) for pair in pairs]
        return bool(outcomes) and all(outcomes)

    def places_of_classes(self) -> dict[str, list[SourcePlace]]:
        names = {
            owner.name
            for module in self.program.modules.values()
            for owner in module.classes.values()
            if self.program.may_ask(owner)
        }
        found: dict[str, list[SourcePlace]] = {}
        for module in self.program.modules.values():
            for name, path in named_in(module.tree, names):
                inside = [number for number, one in enumerate(path) if id(one) in module.functions]
                start = inside[-1] if inside else 0
                function = module.functions[id(path[start])] if inside else None
                place = SourcePlace(module, function, path[start:])
                found.setdefault(name, []).append(place)
        return found

    def are_ways(self, one: SourcePlace, other: SourcePlace) -> bool:
        """Whether two places stand on ways of one function that a setting decides between."""
        if one.path[0] is not other.path[0]:
            return False
        depth = next(
            (
                number
                for number, (mine, theirs) in enumerate(zip(one.path, other.path, strict=False))
                if mine is not theirs
            ),
            0,
        )
        if not depth:
            return False
        fork, mine, theirs = one.path[depth - 1], one.path[depth], other.path[depth]
        test = deciding(fork, mine, theirs) or deciding_before(mine, theirs, one.path[depth + 1 :])
        test = test or deciding_before(theirs, mine, other.path[depth + 1 :])
        if test is None:
            return isinstance(fork, ast.Dict) and self.is_looked_up_once(one.path[:depth])
        return self.settings.is_setting(test, one._replace(path=one.path[:depth]))

    def is_looked_up_once(self, path: tuple[ast.AST, ...]) -> bool:
        """Whether a table is looked up in one place alone, by a setting: `TABLE[vendor](name)`."""
        match path[-2]:
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                table = last_name(target)
            case _:
                return False
        found = [
            (key, place)
            for module in self.program.modules.values()
            for key, place in self.looked_up(module, table)
        ]
        return len(found) == 1 and self.settings.is_setting(*found[0])

    def looked_up(self, module: Module, table: str) -> Iterator[tuple[ast.expr, SourcePlace]]:
        """The keys by which a module looks something up in a table, each with its place."""
        for node in walk(module.tree):
            match node:
                case ast.Subscript(value=holder, slice=key, ctx=ast.Load()):
                    pass
                case ast.Call(func=ast.Attribute(value=holder, attr="get"), args=[key, *_]):
                    pass
                case _:
                    continue
            if last_name(holder) == table:
                yield key, self.settings.place_of(module, node)


def deciding(fork: ast.AST, one: ast.AST, other: ast.AST) -> ast.expr | None:
    """The test by which a statement goes one of two ways, or the other."""
    match fork:
        case ast.If(test=test, body=body, orelse=orelse):
            is_between = (one in body and other in orelse) or (other in body and one in orelse)
            return test if is_between else None
        case ast.IfExp(test=test) if test not in (one, other):
            return test
        case ast.Match(subject=subject):
            return subject
    return None


def deciding_before(one: ast.AST, other: ast.AST, inner: tuple[ast.AST, ...]) -> ast.expr | None:
    """The test of a branch that leaves the function before another statement."""
    if not isinstance(one, ast.If) or not isinstance(other, ast.stmt) or not inner:
        return None
    is_left = inner[0] in one.body and isinstance(one.body[-1], ast.Return | ast.Raise)
    return one.test if is_left and other.lineno > one.lineno else None


def named_in(tree: ast.AST, names: set[str]) -> Iterator[tuple[str, tuple[ast.AST, ...]]]:
    """Where some names are read, but for what is said of types, each with the nodes that lead
    there."""
    pending: list[tuple[ast.AST, ...]] = [(tree,)]
    while pending:
        path = pending.pop()
        node = path[-1]
        name = getattr(node, "id", None) or getattr(node, "attr", None)
        if name in names and isinstance(node, ast.Name | ast.Attribute):
            yield name, path
        elif not is_test_of_class(node):
            pending += [
                (*path, child)
                for field, held in ast.iter_fields(node)
                if field not in SAYING_TYPES
                for child in (held if isinstance(held, list) else [held])
                if isinstance(child, ast.AST)
            ]


SAYING_TYPES = frozenset("annotation returns bases decorator_list type_params ctx".split())


def is_test_of_class(node: ast.AST) -> bool:
    """Whether a node asks of which class an object is."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("isinstance", "issubclass", "cast")
    )
