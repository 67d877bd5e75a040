"""In which order the methods of an agent's own class run its agents: as their branches and loops
have it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from charter_engine.parser.flows.ways import led_to
from charter_engine.parser.source.symbols import SCOPES, FunctionDefinition
from charter_engine.parser.source.syntax import is_endless

Before = dict[ast.Call | None, None]
"""The runs that may have come last before a place, in order; None: there may have been none."""

NEVER: Before = {}
"""Before a place that nothing leads to."""


@dataclass(slots=True)
class Course:
    """The calls that run agents, in the order in which they stand.

    `first` may come first, `last` may end it. `after` are those that may follow one, `again` those
    that follow it only in a later turn of a loop. `loops` are the lines of the loops around them,
    the innermost of each. `unheard` are those of which no event is handed on, `each` those that run
    one agent of a list after the other, with the loop that goes through it.
    """

    runs: list[ast.Call] = field(default_factory=list)
    first: list[ast.Call] = field(default_factory=list)
    last: list[ast.Call] = field(default_factory=list)
    after: dict[ast.Call, list[ast.Call]] = field(default_factory=dict)
    again: dict[ast.Call, list[ast.Call]] = field(default_factory=dict)
    loops: dict[ast.Call, int] = field(default_factory=dict)
    unheard: set[ast.Call] = field(default_factory=set)
    each: dict[ast.Call, ast.For] = field(default_factory=dict)

    def following(self) -> dict[ast.Call, list[ast.Call]]:
        """The runs that may follow each, also those that do only in a later turn of a loop."""
        return {run: [*self.after.get(run, ()), *self.again.get(run, ())] for run in self.runs}

    def in_one_pass(self, run: ast.Call) -> set[ast.Call]:
        """The runs that may come after one before any loop begins its next turn."""
        return led_to(self.after, run)

    def reached_from(self, run: ast.Call) -> set[ast.Call]:
        """The runs that may come after one at some time."""
        return led_to(self.following(), run)


def course_of(
    method: FunctionDefinition,
    methods: Mapping[str, FunctionDefinition],
    is_run: Callable[[ast.Call], bool],
) -> Course:
    """The course of a method, with the other methods of its class that it calls."""
    walker = CourseWalker(methods, is_run)
    ended = walker.called(method, {None: None})
    walker.course.last = [run for run in ended if run is not None]
    return walker.course


def methods_called(
    method: FunctionDefinition, methods: Mapping[str, FunctionDefinition]
) -> set[FunctionDefinition]:
    """A method and those of its own object that it leads to."""
    called = {
        one: [other for call in one.calls if (other := own_method(call, one, methods)) is not None]
        for one in methods.values()
    }
    return {method} | led_to(called, method)


def own_method(
    call: ast.Call, method: FunctionDefinition, methods: Mapping[str, FunctionDefinition]
) -> FunctionDefinition | None:
    """The method of its own object that a call names: `self.work(…)`."""
    function = call.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return None
    is_own = function.value.id in method.parameters[:1]
    return methods.get(function.attr) if is_own else None


class CourseWalker:
    """Goes through methods, statement by statement.

    `under` are the methods that are gone through, the innermost last; `ended` is what came last
    where each of them returned, `broken` and `continued` where the loops were left so. `members`
    are the names that stand for a member of what a loop goes through, by the methods; `passed` are
    the runs as they were come to.
    """

    def __init__(
        self, methods: Mapping[str, FunctionDefinition], is_run: Callable[[ast.Call], bool]
    ) -> None:
        self.methods = methods
        self.is_run = is_run
        self.course = Course()
        self.under: list[FunctionDefinition] = []
        self.members: list[dict[str, ast.For]] = [{}]
        self.passed: list[ast.Call] = []
        self.ended: list[Before] = []
        self.broken: list[Before] = []
        self.continued: list[Before] = []
        self.lines: list[int] = []
        self.is_later = False

    def called(
        self, method: FunctionDefinition, before: Before, call: ast.Call | None = None
    ) -> Before:
        """What may have come last once a method is done."""
        if method in self.under or isinstance(method.node, ast.Lambda):
            return before
        self.members.append(self.handed_to(method, call))
        self.under.append(method)
        self.ended.append({})
        left = self.body(method.node.body, before)
        self.under.pop()
        self.members.pop()
        return self.ended.pop() | left

    def handed_to(self, method: FunctionDefinition, call: ast.Call | None) -> dict[str, ast.For]:
        """The parameters of a method that are given a member of what a loop goes through."""
        if call is None:
            return {}
        given = [*zip(method.parameters[1:], call.args, strict=False)]
        given += [(word.arg, word.value) for word in call.keywords if word.arg is not None]
        known = self.members[-1]
        return {name: known[one] for name, node in given for one in names_in(node) & known.keys()}

    def body(self, statements: Iterable[ast.stmt], before: Before) -> Before:
        for statement in statements:
            before = self.statement(statement, before) if before else before
        return before

    def statement(self, node: ast.stmt, before: Before) -> Before:  # noqa: PLR0911 - one a kind
        match node:
            case ast.If():
                before = self.expression(node.test, before)
                return self.body(node.body, before) | self.body(node.orelse, before)
            case ast.Match():
                before = self.expression(node.subject, before)
                ways = [self.body(case.body, before) for case in node.cases]
                return merged([before, *ways])
            case ast.For() | ast.AsyncFor():
                return self.loop(node, self.expression(node.iter, before))
            case ast.While():
                return self.loop(node, before)
            case ast.Try():
                return self.tried(node, before)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    before = self.expression(item.context_expr, before)
                return self.body(node.body, before)
            case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
                return self.left(node, self.expression(node, before))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return before
        return self.expression(node, before)

    def tried(self, node: ast.Try, before: Before) -> Before:
        done = self.body(node.body, before)
        handled = [self.body(handler.body, before | done) for handler in node.handlers]
        left = merged([self.body(node.orelse, done), *handled])
        return self.body(node.finalbody, left)

    def left(self, node: ast.stmt, before: Before) -> Before:
        """Leave the method, a loop or its turn; what follows is not reached. An error ends the
        method as well."""
        kept = self.ended[-1]
        if isinstance(node, ast.Break | ast.Continue):
            kept = (self.broken if isinstance(node, ast.Break) else self.continued)[-1]
        kept.update(before)
        return NEVER

    def loop(self, node: ast.For | ast.AsyncFor | ast.While, before: Before) -> Before:
        """The turns of a loop: what ends one comes before the next."""
        if isinstance(node, ast.AsyncFor) and self.is_run_of(node.iter):
            self.note_unheard(node)
        self.broken.append({})
        self.continued.append({})
        self.lines.append(node.lineno)
        if isinstance(node, ast.For):
            self.members[-1] |= dict.fromkeys(names_in(node.target), node)
        known = len(self.passed)
        done = self.turn(node, before)
        inside = set(self.passed[known:])
        is_through = len(inside) == 1 and all(self.course.each.get(one) is node for one in inside)
        if not is_through:
            is_later, self.is_later = self.is_later, True
            done = done | self.turn(node, done)
            self.is_later = is_later
        self.lines.pop()
        self.continued.pop()
        broken = self.broken.pop()
        is_left = isinstance(node, ast.While) and is_endless(node)
        ended = done if is_through else before | done
        return broken if is_left else broken | self.body(node.orelse, ended)

    def turn(self, node: ast.For | ast.AsyncFor | ast.While, before: Before) -> Before:
        if isinstance(node, ast.While):
            before = self.expression(node.test, before)
        return self.body(node.body, before) | self.continued[-1]

    def is_run_of(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and self.is_run(node)

    def note_unheard(self, node: ast.AsyncFor) -> None:
        """`async for event in agent.run_async(context)`: nobody hears what isn't yielded."""
        inside = (one for statement in node.body for one in ast.walk(statement))
        is_heard = any(isinstance(one, ast.Yield | ast.YieldFrom) for one in inside)
        if not is_heard and isinstance(node.iter, ast.Call):
            self.course.unheard.add(node.iter)

    def expression(self, node: ast.AST, before: Before) -> Before:
        for call in calls_in(node):
            method = own_method(call, self.under[-1], self.methods)
            if method is not None:
                before = self.called(method, before, call)
            elif self.is_run(call):
                self.run(call, before)
                before = {call: None}
        return before

    def run(self, call: ast.Call, before: Before) -> None:
        course = self.course
        self.passed.append(call)
        if call not in course.runs:
            course.runs.append(call)
        through = self.members[-1].get(owner_name(call))
        if through is not None:
            course.each[call] = through
        if self.lines:
            course.loops.setdefault(call, self.lines[-1])
        following = course.again if self.is_later else course.after
        for earlier in before:
            if earlier is None:
                course.first += [call] if call not in course.first else []
            elif call not in course.after.get(earlier, ()):
                known = following.setdefault(earlier, [])
                known += [call] if call not in known else []


def names_in(node: ast.expr) -> set[str]:
    """The names that an expression is made of."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def owner_name(call: ast.Call) -> str:
    """The name of what a method is called on; empty: it has none."""
    function = call.func
    owner = function.value if isinstance(function, ast.Attribute) else None
    return owner.id if isinstance(owner, ast.Name) else ""


def merged(ways: Collection[Before]) -> Before:
    return {run: None for way in ways for run in way}


def calls_in(node: ast.AST) -> Iterator[ast.Call]:
    """The calls of a statement's own expressions, those within others first."""
    for child in ast.iter_child_nodes(node):
        if type(child) not in SCOPES:
            yield from calls_in(child)
    if isinstance(node, ast.Call):
        yield node
