"""Which way a function goes by what its caller gives it: `if client is None` of a parameter that a
call leaves out, or of an attribute that keeps one."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from charter_engine.parser.branches.flags import truth_of
from charter_engine.parser.branches.given_functions import holds_function
from charter_engine.parser.branches.narrowing import compared
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import (
    ClassDefinition,
    FunctionDefinition,
    assignments_in,
    nodes_of,
    walk,
)
from charter_engine.parser.source.syntax import last_name, outcome_of, parts_joined
from charter_engine.parser.source.told_once import told_once
from charter_engine.parser.values.values import Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class GivenWays:
    """Settles tests on what calls give. A function is interpreted on its own as well, with all its
    ways: what asks a model on another one is a call all the same."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.evaluator = evaluator
        self.made_up: dict[ClassDefinition, frozenset[str]] = {}
        self.about_given: dict[int, bool] = {}

    def settled(self, frame: Frame, node: ast.If) -> bool | None:
        """Which way a function goes that a call at hand leads to, where that decides whether a
        model is asked or what is returned: the other way may ask one, or either of them leaves the
        function. So does a test that fills in what the call leaves out (`if system is None: system
        = RULES`), or adds it to the messages (`if system: messages.append(…)`). None where that is
        open, as in what a framework calls; before all wrappers are known also where the other way
        does more than leave or add."""
        if not frame.is_called or not self.is_about_given(frame.function, node.test):
            return None
        way = outcome_of(node.test, partial(self.way, frame))
        if way is None:
            return None
        taken, other = (node.body, node.orelse) if way else (node.orelse, node.body)
        asks = self.evaluator.flags.may_ask(other)
        if not self.findings.are_judged:
            return way if not asks and (leaves(other) or puts_together(node)) else None
        is_telling = asks or puts_together(node) or leaves(taken) or leaves(other)
        return way if is_telling else None

    def chosen(self, frame: Frame, node: ast.IfExp) -> bool | None:
        """Which of two values a function takes that a call at hand leads to; None where that is
        open, or where the other one asks a model."""
        is_about = frame.is_called and self.is_about_given(frame.function, node.test)
        if not is_about or not self.findings.are_judged:
            return None
        way = outcome_of(node.test, partial(self.way, frame))
        other = node.orelse if way else node.body
        return None if way is None or self.evaluator.flags.may_ask([other]) else way

    def is_about_given(self, definition: FunctionDefinition | None, test: ast.expr) -> bool:
        """Whether a test of a function is about what calls give it, found out once."""
        known = self.about_given.get(id(test))
        if known is None:
            known = self.about_given[id(test)] = definition is not None and any(
                self.may_be_given(definition, part.left if isinstance(part, ast.Compare) else part)
                for part in parts_joined(test)
            )
        return known

    def way(self, frame: Frame, test: ast.expr) -> bool | None:
        """How a part of a test comes out; None where that is open."""
        match test:
            case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=None)]):
                value = self.given(frame, test.left)
                is_none = None if value is None else is_nothing(value)
                if is_none is None and self.is_function(frame, test.left):
                    is_none = False
                return None if is_none is None else is_none is isinstance(test.ops[0], ast.Is)
            case ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn() as operator]):
                value = self.given(frame, test.left)
                text = value.static_text() if value is not None else None
                if text is None:
                    return None
                return compared(
                    text, operator, test.comparators[0], partial(self.written_text, frame)
                )
            case ast.Name() | ast.Attribute():
                value = self.given(frame, test)
                is_true = None if value is None else truth_of(value)
                return True if is_true is None and self.is_function(frame, test) else is_true
        return None

    def is_function(self, frame: Frame, node: ast.expr) -> bool:
        """Whether an expression is a parameter that holds a function which a call at hand names."""
        is_given = isinstance(node, ast.Name) and self.given(frame, node) is not None
        return is_given and isinstance(node, ast.Name) and holds_function(frame, node.id)

    def written_text(self, frame: Frame, node: ast.expr) -> str | None:
        return self.evaluator.evaluate(frame, node).static_text()

    def given(self, frame: Frame, node: ast.expr) -> Value | None:
        """What a call gave of which an expression reads all: a parameter, unless a loop may have
        assigned it, or an attribute of its object that keeps one; None for any other."""
        definition = frame.function
        if definition is None or not self.may_be_given(definition, node):
            return None
        if isinstance(node, ast.Name):
            is_set = bool(frame.loops) and node.id in set_by(definition)
            is_open = is_set or node.id in frame.open_flags
            return None if is_open else frame.names.get(node.id)
        stored = frame.names.get(self.program.source_of(node))
        return stored if self.evaluator.evaluate(frame, node) is stored else None

    def may_be_given(self, definition: FunctionDefinition, node: ast.expr) -> bool:
        """Whether an expression in a function is a parameter, or an attribute of its object that
        keeps one."""
        match node:
            case ast.Name(id=name):
                return name in definition.parameters
            case ast.Attribute(value=ast.Name(id=holder), attr=name):
                return holder == definition.own_name and self.keeps_given(definition.owner, name)
        return False

    def keeps_given(self, owner: ClassDefinition | None, name: str) -> bool:
        """Whether all that a class and its bases store in an attribute is `None` or a
        parameter."""
        if owner is None:
            return False
        known = self.made_up.get(owner)
        if known is None:
            stored = (
                made_up_in(method)
                for one in self.program.lineage(owner)
                for method in one.methods.values()
            )
            known = self.made_up[owner] = frozenset[str]().union(*stored)
        return name not in known


@told_once
def set_by(definition: FunctionDefinition) -> frozenset[str]:
    """The names that a function assigns."""
    return frozenset(
        node.id
        for node in walk(definition.node)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )


def leaves(body: list[ast.stmt]) -> bool:
    """Whether statements end with leaving the function."""
    return bool(body) and isinstance(body[-1], ast.Return | ast.Raise)


def puts_together(node: ast.stmt) -> bool:
    """Whether a statement, or branches, do nothing but give names other values or add to lists."""
    match node:
        case ast.If():
            return all(map(puts_together, (*node.body, *node.orelse)))
        case ast.Assign(targets=targets):
            return all(isinstance(target, ast.Name) for target in targets)
        case ast.AugAssign(target=target):
            return isinstance(target, ast.Name)
        case ast.Expr(value=ast.Call(func=function)):
            return last_name(function) in ADDING
    return False


ADDING = frozenset(("append", "extend", "insert"))


def made_up_in(method: FunctionDefinition) -> set[str]:
    """The attributes in which a method stores something else than `None` or a parameter of its
    own."""
    plain = {
        id(target)
        for node in assignments_in(method)
        if node.value is None or is_given_or_none(node.value, method)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    return {node.attr for node in nodes_of(method, ast.Attribute) if id(node) not in plain}


def is_given_or_none(value: ast.expr, method: FunctionDefinition) -> bool:
    is_none = isinstance(value, ast.Constant) and value.value is None
    return is_none or (isinstance(value, ast.Name) and value.id in method.parameters)


def is_nothing(value: Value) -> bool | None:
    """Whether a value is `None`; None where it may be."""
    if value.constant is not None:
        return value.constant[0] is None
    return False if truth_of(value) else None
