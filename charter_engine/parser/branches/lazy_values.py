"""What a function makes once, where there is nothing yet, and hands out from then on: `if self.text
is None: self.text = load()`, `if self.text: return self.text`."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import FunctionDefinition, walk
from charter_engine.parser.source.told_once import told_once
from charter_engine.parser.values.values import Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.source.program import Program


class LazyTest(NamedTuple):
    """A test for what a function makes once: an attribute of its object, or a global of its module,
    and whether its branch makes that."""

    kept: ast.Name | ast.Attribute
    makes: bool


class LazyValues:
    """Settles tests for a text that nothing but the function itself makes, as where it is made:
    what is handed out from then on is the same."""

    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self.program = program
        self.evaluator = evaluator
        self.tests: dict[int, LazyTest | None] = {}

    def makes(self, frame: Frame, node: ast.If) -> bool | None:
        """Whether a branch is taken to make what isn't there yet, rather than left since it hands
        out what is; None for any other."""
        if frame.function is None:
            return None
        if id(node) not in self.tests:
            self.tests[id(node)] = self.test_in(frame.function, node)
        test = self.tests[id(node)]
        is_made = test is None or may_be_made(self.evaluator.evaluate(frame, test.kept))
        return None if test is None or not is_made else test.makes

    def test_in(self, definition: FunctionDefinition, node: ast.If) -> LazyTest | None:
        test = None if node.orelse else lazy_test(node)
        return test if test is not None and self.is_own(definition, test.kept) else None

    def is_own(self, definition: FunctionDefinition, kept: ast.Name | ast.Attribute) -> bool:
        """Whether a function makes what it keeps in an attribute of its object or a global, and
        nothing else does."""
        if isinstance(kept, ast.Name):
            name, beside = kept.id, definition.module.tree.body
            around = list(definition.module.functions.values()) if definition.sets_globals else []
        elif definition.owner is not None and ast.unparse(kept.value) == definition.own_name:
            lineage = self.program.lineage(definition.owner)
            name, beside = ast.unparse(kept), [part for one in lineage for part in one.node.body]
            around = [method for one in lineage for method in one.methods.values()]
        else:
            return False
        makers = [one for one in around if name in made_in(one)]
        is_set_beside = name.rpartition(".")[2] in made_by(beside)
        return makers == [definition] and not is_set_beside


@told_once
def made_in(definition: FunctionDefinition) -> frozenset[str]:
    """The names and attributes to which a function gives something."""
    return made_by(walk(definition.node))


def made_by(statements: Iterable[ast.AST]) -> frozenset[str]:
    """The names and attributes to which statements give something, rather than nothing."""
    return frozenset(
        ast.unparse(target)
        for one in statements
        if isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr)
        and one.value is not None
        and not (isinstance(one.value, ast.Constant) and not one.value.value)
        for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
        if isinstance(target, ast.Name | ast.Attribute)
    )


def may_be_made(value: Value) -> bool:
    """Whether what is kept holds nothing yet, or a text that no model has a part in."""
    return value.box is None and not value.types and not value.all_origins()


def lazy_test(node: ast.If) -> LazyTest | None:
    """What a branch makes where it isn't there, or hands out where it is."""
    test, is_there = node.test, True
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, is_there = test.operand, False
    match test:
        case ast.Compare(
            left=left,
            ops=[ast.Is() | ast.IsNot() as operator],
            comparators=[ast.Constant(value=None)],
        ):
            test, is_there = left, is_there is isinstance(operator, ast.IsNot)
    if not isinstance(test, ast.Name | ast.Attribute):
        return None
    written = ast.unparse(test)
    if not is_there:
        return LazyTest(test, makes=True) if written in made_by(node.body) else None
    match node.body:
        case [ast.Return(value=ast.Name() | ast.Attribute() as value)]:
            return LazyTest(test, makes=False) if ast.unparse(value) == written else None
    return None
