"""Statements: assignments, branches, loops, and the bodies of functions and classes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from charter_engine.contracts.graph import Loop
from charter_engine.parser.branches.absence import HANDLED
from charter_engine.parser.branches.added_members import AddedOnWays, note_absent, put_back
from charter_engine.parser.branches.alternatives import Ways
from charter_engine.parser.branches.class_tests import told_by_class, told_by_shape
from charter_engine.parser.branches.flags import truth_of
from charter_engine.parser.branches.given_ways import is_nothing
from charter_engine.parser.branches.machines import is_machine
from charter_engine.parser.branches.narrowing import Narrowed, narrowed, widen
from charter_engine.parser.branches.pages import ends_page, is_at_event
from charter_engine.parser.graphs.frameworks import updates_in
from charter_engine.parser.interpreting.attributes import note_left
from charter_engine.parser.interpreting.frames import Frame, LoopState
from charter_engine.parser.interpreting.looked_up import name_what_is_called
from charter_engine.parser.source.compact import by_kind
from charter_engine.parser.source.symbols import ENTERED, ClassDefinition, returns_itself, walk
from charter_engine.parser.source.syntax import (
    calls_members,
    calls_methods,
    has_break,
    is_endless,
    last_name,
    leaves_at_once,
    outcome_of,
    pattern_names,
    safe_end,
)
from charter_engine.parser.values.annotated_members import type_members
from charter_engine.parser.values.candidates import (
    are_of_own_classes,
    functions_in,
    in_order,
    made_in,
)
from charter_engine.parser.values.containers import (
    each_member,
    gone_through,
    one_and_others,
)
from charter_engine.parser.values.joining import join, join_names
from charter_engine.parser.values.origins import NOTHING
from charter_engine.parser.values.stored_members import keep_stored
from charter_engine.parser.values.values import (
    Box,
    Class,
    Element,
    Function,
    Instance,
    Value,
    answers_in,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


TOLD = "__init_subclass__"
"""The method of a base that is called with each class made from it."""


class StatementWalker:
    """Runs statements in order. Each returns whether the next one can be reached."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.executors = self.executors_by_node()
        self.telling_apart: dict[int, bool] = {}
        self.tested: dict[int, frozenset[str]] = {}

    def executors_by_node(self) -> dict[type, Callable[[Frame, Any], bool]]:
        assigner = self.evaluator.assigner
        return by_kind(
            {
                ast.Expr: self.expression,
                ast.Assign: assigner.assignment,
                ast.AnnAssign: assigner.annotated,
                ast.AugAssign: assigner.augmented,
                ast.Delete: assigner.deleted,
                ast.If: self.branch,
                ast.Match: self.matched,
                ast.Try: self.tried,
                ast.TryStar: self.tried,
                ast.With: self.with_block,
                ast.AsyncWith: self.with_block,
                ast.For: self.for_loop,
                ast.AsyncFor: self.for_loop,
                ast.While: self.while_loop,
                ast.Break: self.leave_turn,
                ast.Continue: self.leave_turn,
                ast.Return: self.returned,
                ast.Raise: self.raised,
                ast.FunctionDef: self.define_function,
                ast.AsyncFunctionDef: self.define_function,
                ast.ClassDef: self.define_class,
                ast.Import: self.imported,
                ast.ImportFrom: self.imported,
                ast.Global: self.declare_global,
                ast.Nonlocal: self.declare_global,
                ast.Assert: self.asserted,
            }
        )

    def execute(self, frame: Frame, body: list[ast.stmt]) -> bool:
        for statement in body:
            if frame.caller is not None and self.progress.is_spent:
                self.progress.is_cut = True
                return True
            handler = self.executors.get(type(statement))
            if handler is not None and not handler(frame, statement):
                return False
        return True

    def expression(self, frame: Frame, node: ast.Expr) -> bool:
        self.evaluator.run(frame, node.value)
        return not ends_page(frame, node.value)

    def branch(self, frame: Frame, node: ast.If) -> bool:
        self.evaluator.run(frame, node.test)
        way = self.way_made(frame, node.test)
        if way is None:
            way = self.evaluator.flags.settled(frame, node)
        if way is None:
            way = self.evaluator.given_ways.settled(frame, node)
        if way is None:
            way = self.evaluator.file_ways.settled(frame, node.test)
        if way is None:
            way = self.way_of_shape(frame, node)
        if way is not None:
            return self.execute(frame, node.body if way else node.orelse)
        makes = self.evaluator.lazy_values.makes(frame, node)
        if makes is not None:
            return not makes or self.conditional(frame, node)
        told = (
            narrowed(frame, node.test, self.evaluator.known_beside(frame))
            if frame.loops and self.tests_target(frame, node.test)
            else None
        )
        goes_on = self.alternatives(
            frame,
            [(node.test, node.body), (node.test if node.orelse else None, node.orelse)],
            told,
            told_by_class(frame, node.test, self.program, self.evaluator.evaluate),
        )
        if told is not None and not told.holds_after(node):
            widen(told.loop, frame.names)
        return goes_on

    def conditional(self, frame: Frame, node: ast.If) -> bool:
        """Run the body of a branch as what is done on one way alone."""
        frame.conditions.append(node.test)
        alive = self.execute(frame, node.body)
        frame.conditions.pop()
        return alive

    def tests_target(self, frame: Frame, test: ast.expr) -> bool:
        """Whether a test names what a loop under way goes through."""
        names = self.tested.get(id(test))
        if names is None:
            found = (part.id for part in walk(test) if isinstance(part, ast.Name))
            names = self.tested[id(test)] = frozenset(found)
        return any(loop.record.target in names for loop in frame.loops)

    def way_of_shape(self, frame: Frame, node: ast.If) -> bool | None:
        """Which way a branch goes that is for lists or texts alone; None where that is open, or
        where the other way asks a model."""
        if not self.findings.are_judged:
            return None
        way = outcome_of(
            node.test, lambda part: told_by_shape(frame, part, self.evaluator.evaluate)
        )
        if way is None:
            return None
        other = node.orelse if way else node.body
        return None if self.evaluator.flags.may_ask(other) else way

    def way_made(self, frame: Frame, test: ast.expr) -> bool | None:
        """Which way a constructor goes by what it is given: `if system:`, or a role by what it has
        to do; None where that is open, or for any other function."""
        way = self.evaluator.role_turns.way_made(frame, test)
        if way is not None:
            return way
        is_called = frame.caller is not None and frame.function is not None
        if not is_called or frame.function is None or frame.function.name != "__init__":
            return None
        return outcome_of(test, partial(self.way_of, frame))

    def way_of(self, frame: Frame, test: ast.expr) -> bool | None:
        """How a part of a test comes out by what is known of a name or an attribute; None where
        that is open."""
        match test:
            case ast.Name() | ast.Attribute():
                return truth_of(self.evaluator.evaluate(frame, test))
            case ast.Compare(
                left=ast.Name() | ast.Attribute() as left,
                ops=[ast.Is() | ast.IsNot() as operator],
                comparators=[ast.Constant(value=None)],
            ):
                is_none = is_nothing(self.evaluator.evaluate(frame, left))
                return None if is_none is None else is_none is isinstance(operator, ast.Is)
        return None

    def alternatives(
        self,
        frame: Frame,
        branches: list[tuple[ast.expr | str | None, list[ast.stmt]]],
        told: Narrowed | None = None,
        known: Sequence[dict[str, Value]] = (),
    ) -> bool:
        """Run each branch from the same names, then go on with what any of them may have left. Of a
        test that tells members of a list apart, each has those that lead to it;
        `known` is what else holds in each of them alone."""
        before, after = frame.names, None
        ways, added = Ways(self.findings.outputs, frame.elsewhere), AddedOnWays(self.memory)
        exits = frame.loops[-1].exits if frame.loops else []
        last = max((number for number, (_, body) in enumerate(branches) if body), default=0)
        for number, (condition, body) in enumerate(branches):
            frame.names = before | known[number] if known else dict(before)
            if told is not None:
                frame.names[told.name] = told.ways[number]
            answers = number == 0 and is_at_event(frame, condition)
            frame.elsewhere = ways.on_the_next(is_at_event=answers)
            if condition is not None:
                frame.conditions.append(condition)
            turned = len(exits)
            alive = self.execute(frame, body)
            ways.end(alive, is_at_event=answers)
            added.end(goes_on=alive, turns=len(exits) > turned, is_last=number >= last)
            if condition is not None:
                frame.conditions.pop()
            if alive and after is not None and told is not None:
                widen(told.loop, after)
                widen(told.loop, frame.names)
            if alive:
                after = frame.names if after is None else join_names(after, frame.names)
        frame.names = after if after is not None else before
        frame.elsewhere = ways.on_what_follows()
        added.end_all()
        note_absent(frame.absent, added.left)
        if frame.loops:
            frame.loops[-1].absent += added.turned
        return after is not None

    def matched(self, frame: Frame, node: ast.Match) -> bool:
        subject = self.evaluator.evaluate(frame, node.subject)
        for case in node.cases:
            for name in pattern_names(case.pattern):
                frame.names[name] = Value(origins=subject.all_origins())
        branches: list[tuple[ast.expr | str | None, list[ast.stmt]]] = [
            (node.subject, case.body) for case in node.cases
        ]
        return self.alternatives(frame, [*branches, (None, [])])

    def tried(self, frame: Frame, node: ast.Try) -> bool:
        before = dict(frame.names)
        risky = len(node.body) - safe_end(node.body)
        raised_before, frame.raised = frame.raised, NOTHING
        absent, frame.absent = frame.absent, []
        alive = self.execute(frame, node.body[:risky])
        put_back(self.memory, frame.absent)
        frame.absent = absent
        raised = Value(origins=frame.raised)
        frame.raised = raised_before if node.handlers else raised_before | frame.raised
        middle = join_names(before, frame.names)
        done = frame.names
        after = None
        ways = Ways(self.findings.outputs, frame.elsewhere)
        is_read = self.evaluator.file_ways.is_read(frame, node.body)
        for handler in () if is_read else node.handlers:
            frame.names = dict(middle)
            frame.elsewhere = ways.on_the_next()
            if handler.name:
                frame.names[handler.name] = raised
            frame.conditions.append(HANDLED)
            goes_on = self.execute(frame, handler.body)
            ways.end(goes_on)
            if goes_on:
                after = frame.names if after is None else join_names(after, frame.names)
            frame.conditions.pop()
        frame.names = done
        frame.elsewhere = ways.on_the_next()
        goes_on = (
            alive and self.execute(frame, node.body[risky:]) and self.execute(frame, node.orelse)
        )
        ways.end(goes_on)
        if goes_on:
            after = frame.names if after is None else join_names(frame.names, after)
        frame.names = after if after is not None else middle
        frame.elsewhere = ways.on_what_follows()
        return self.execute(frame, node.finalbody) and after is not None

    def with_block(self, frame: Frame, node: ast.With | ast.AsyncWith) -> bool:
        for item in node.items:
            value = self.evaluator.evaluate(frame, item.context_expr)
            if item.optional_vars is not None:
                given = self.entered(frame, value)
                self.evaluator.assigner.assign(frame, item.optional_vars, given)
        return self.execute(frame, node.body)

    def entered(self, frame: Frame, manager: Value) -> Value:
        """What a `with` block is given: what its manager says, or that itself."""
        for kind in in_order(manager.types):
            owner = kind.definition if isinstance(kind, Instance) else None
            methods = (
                () if owner is None else (self.program.method_of(owner, name) for name in ENTERED)
            )
            for method in methods:
                if method is not None and not returns_itself(method):
                    function = Function(method, bound=manager)
                    return self.evaluator.follower.enter(frame, function, {}) or manager
        return manager

    def for_loop(self, frame: Frame, node: ast.For | ast.AsyncFor) -> bool:
        iterable = self.evaluator.evaluate(frame, node.iter)
        record = Loop(
            kind="for",
            line=node.lineno,
            target=self.program.source_of(node.target),
            iterable=self.program.source_of(node.iter)[:200],
        )
        members = each_member(iterable) or self.counted(frame, node.iter)
        if self.are_told_apart(node, members) or name_what_is_called(
            self.evaluator, frame, node, members
        ):
            self.unroll(frame, node, record, members)
            return self.without_break(frame, node)
        if self.is_written_out(node, members):
            return self.go_through(frame, node, members)
        turns = self.turns_over(node, iterable)

        def begin(turn: int) -> None:
            self.evaluator.assigner.assign(frame, node.target, turns[turn])
            type_members(frame, self.evaluator.names, node.target, node.iter)
            if len(turns) == 1 and isinstance(node.target, ast.Name):
                frame.loops[-1].taken = [(frame.names[node.target.id], iterable)]

        if isinstance(node.target, ast.Name):
            frame.names.pop(node.target.id, None)
        self.repeat(frame, node, record, begin, len(turns))
        keep_stored(frame, node)
        return self.without_break(frame, node)

    def counted(self, frame: Frame, node: ast.expr) -> tuple[Value, ...]:
        """The members of a short list that a loop counts: `enumerate(steps)`."""
        match node:
            case ast.Call(func=ast.Name(id="enumerate"), args=[steps, *_]) if names_only(steps):
                counted = each_member(self.evaluator.evaluate(frame, steps))
                pairs = ([Element(Value()), Element(one)] for one in counted)
                return tuple(Value(box=Box("tuple", pair)) for pair in pairs)
        return ()

    def are_told_apart(self, node: ast.For | ast.AsyncFor, members: tuple[Value, ...]) -> bool:
        """Whether a loop calls its members, names attributes by them, or calls objects that are
        each of a class of its own, or a method of theirs."""
        if are_of_own_classes(members):
            return calls_methods(node) or calls_members(node)
        if members and all(map(holds_function, members)):
            return calls_methods(node)
        if not members or not all(map(may_be_named, members)):
            return False
        known = self.telling_apart.get(id(node))
        if known is None:
            known = self.telling_apart[id(node)] = calls_members(node)
        return known

    def is_written_out(self, node: ast.For | ast.AsyncFor, members: tuple[Value, ...]) -> bool:
        """Whether a loop goes over texts that the source writes out, neither asks a model nor makes
        what does, and runs to its end in each turn."""
        return (
            bool(members)
            and self.findings.are_judged
            and all(one.static_text() and not one.origins for one in members)
            and all(isinstance(one, ast.Expr | ast.Assign | ast.AugAssign) for one in node.body)
            and not self.evaluator.flags.may_ask(node.body)
            and not self.program.makes_agents(node)
        )

    def go_through(
        self, frame: Frame, node: ast.For | ast.AsyncFor, members: tuple[Value, ...]
    ) -> bool:
        """Run a body for each member as if no loop were written."""
        for member in members:
            self.evaluator.assigner.assign(frame, node.target, member)
            self.execute(frame, node.body)
        return self.execute(frame, node.orelse)

    def unroll(
        self,
        frame: Frame,
        node: ast.For | ast.AsyncFor,
        record: Loop,
        members: tuple[Value, ...],
    ) -> None:
        """Run a body once for each member, as if the turns were written one after another."""
        loop = LoopState(self.program.loop_number(node), record, node=node)
        frame.loops.append(loop)
        for loop.apart, member in enumerate(members):
            self.evaluator.assigner.assign(frame, node.target, member)
            if self.progress.is_spent or not self.turn(frame, node, loop):
                break
        frame.loops.pop()

    def turns_over(self, node: ast.For | ast.AsyncFor, iterable: Value) -> tuple[Value, ...]:
        """What a loop's target is in each turn: each member of a literal that agents are made of,
        or of agents that are changed, one agent and the others, or any member."""
        members = each_member(iterable)
        if members and (self.program.makes_agents(node) or changes_agents(node, members)):
            return members
        return one_and_others(gone_through(iterable))

    def while_loop(self, frame: Frame, node: ast.While) -> bool:
        record = Loop(
            kind="while", line=node.lineno, iterable=self.program.source_of(node.test)[:200]
        )
        endless = is_endless(node)
        self.repeat(frame, node, record, lambda _: self.evaluator.run(frame, node.test))
        return self.without_break(frame, node) and not (endless and not has_break(node.body))

    def without_break(self, frame: Frame, node: ast.For | ast.AsyncFor | ast.While) -> bool:
        """Run what follows a loop that no `break` ended, and go on with what either leaves."""
        if not node.orelse or not has_break(node.body):
            return self.execute(frame, node.orelse)
        left = dict(frame.names)
        alive = self.execute(frame, node.orelse)
        frame.names = join_names(left, frame.names) if alive else left
        return True

    def repeat(
        self,
        frame: Frame,
        node: ast.For | ast.AsyncFor | ast.While,
        record: Loop,
        start: Callable[[int], object],
        turns: int = 1,
    ) -> None:
        """Run a body in each of its turns that differ, and once more if a model was asked in it or
        a name gained an output: what the first turn left reaches the second, in the function that
        was started from also where the steps are spent and no other is entered. Of a state
        machine, the next turn may read what a state has taken up of another one's answers."""
        loop = LoopState(self.program.loop_number(node), record, retries=leaves_at_once(node.body))
        loop.node = node
        before = dict(frame.names)
        frame.loops.append(loop)
        sites = self.findings.reached
        is_whole = self.findings.are_judged and frame.caller is None
        is_turning = is_machine(node)
        held = answers_held(frame.names) if is_turning else NOTHING_HELD
        for iteration in range(max(turns, MOST_TURNS if is_turning else 2)):
            loop.iteration, loop.is_late = iteration, iteration >= max(turns, 2)
            start(min(iteration, turns - 1))
            self.turn(frame, node, loop)
            told = self.findings.reached != sites or gained(before, frame.names)
            if not told and iteration + 1 >= turns:
                break
            if self.progress.is_spent and not (told and is_whole):
                break
            if is_turning:
                held, held_before = answers_held(frame.names), held
                if iteration + 1 >= max(turns, 2) and held <= held_before:
                    break
        frame.loops.pop()
        if not (isinstance(node, ast.While) and is_endless(node)):
            frame.names = join_names(before, frame.names)

    def turn(self, frame: Frame, node: ast.For | ast.AsyncFor | ast.While, loop: LoopState) -> bool:
        """Run a body once. Whether another turn, or what follows the loop, can be reached."""
        elsewhere = frame.elsewhere
        alive = self.execute(frame, node.body)
        put_back(self.memory, loop.absent)
        frame.elsewhere = elsewhere
        widen(loop, frame.names)
        for names in loop.exits:
            widen(loop, names)
            frame.names = join_names(frame.names, names) if alive else names
            alive = True
        loop.exits.clear()
        return alive

    def leave_turn(self, frame: Frame, node: ast.Break | ast.Continue) -> bool:
        if frame.loops:
            frame.loops[-1].exits.append(frame.names)
        return False

    def returned(self, frame: Frame, node: ast.Return) -> bool:
        if node.value is not None:
            value = self.evaluator.evaluate(frame, node.value)
            keys = keys_of(value)
            frame.always = keys if frame.always is None else frame.always & keys
            frame.returned = (
                join(frame.returned, value, "result") if frame.returned is not None else value
            )
        note_left(frame)
        return False

    def raised(self, frame: Frame, node: ast.Raise) -> bool:
        if node.exc is None:
            return False
        told = told_by_error(node.exc)
        said = self.evaluator.evaluate(frame, told).all_origins()
        given = told.args if isinstance(told, ast.Call) and not said else []
        for one in given:
            said |= self.evaluator.evaluate(frame, one).all_origins()
        frame.raised |= said
        return False

    def define_function(self, frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        definition = frame.module.functions[id(node)]
        value = Value(types=frozenset((Function(definition),)))
        frame.names[node.name] = value
        if frame.function is None:
            self.decorate(frame, node, value)
        return True

    def decorate(
        self,
        frame: Frame,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        value: Value,
    ) -> None:
        """Let decorators at hand keep the function or the class: under a name in a table, or in a
        list."""
        for decorator in node.decorator_list:
            named = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not functions_in(self.evaluator.evaluate(frame, named)):
                continue
            for function in functions_in(self.evaluator.evaluate(frame, decorator)):
                definition = function.definition
                own = definition.parameters[definition.takes_self :][:1]
                self.evaluator.follower.enter(frame, function, dict.fromkeys(own, value))

    def define_class(self, frame: Frame, node: ast.ClassDef) -> bool:
        definition = frame.module.classes[id(node)]
        frame.names[node.name] = Value(types=frozenset((Class(definition),)))
        if frame.function is None or (definition, "") not in self.memory.objects:
            inner = Frame(frame.module, {}, function=frame.function, owner=definition)
            self.execute(
                inner,
                [
                    item
                    for item in node.body
                    if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
                ],
            )
            fields = self.memory.object_of(definition).fields
            for name, value in inner.names.items():
                fields.setdefault(name, value)
        if frame.function is None:
            self.tell_base(frame, node, definition)
            self.decorate(frame, node, frame.names[node.name])
        return True

    def tell_base(self, frame: Frame, node: ast.ClassDef, definition: ClassDefinition) -> None:
        """Let the nearest base that asks to be told of a class keep it: `__init_subclass__`."""
        bases = self.program.lineage(definition)[1:]
        told = next((base.methods[TOLD] for base in bases if TOLD in base.methods), None)
        if told is None:
            return
        given = {
            word.arg: self.evaluator.evaluate(frame, word.value)
            for word in node.keywords
            if word.arg is not None and word.arg in told.parameters
        }
        function = Function(told, bound=frame.names[node.name])
        self.evaluator.follower.enter(frame, function, given)

    def imported(self, frame: Frame, node: ast.Import | ast.ImportFrom) -> bool:
        """At a top level, names stand for what they import until they are given something else,
        as the one before may have left them; but for those that functions set."""
        if frame.function is None:
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                if (frame.module.path, name) not in self.memory.global_types:
                    frame.names.pop(name, None)
        return True

    def declare_global(self, frame: Frame, node: ast.Global | ast.Nonlocal) -> bool:
        if isinstance(node, ast.Global):
            frame.globals_written |= set(node.names)
        else:
            frame.outer_written |= set(node.names)
        return True

    def asserted(self, frame: Frame, node: ast.Assert) -> bool:
        self.evaluator.run(frame, node.test)
        return True


def keys_of(value: Value) -> frozenset[str]:
    """The keys that a returned dict, or the update of a returned command, sets."""
    boxes = updates_in(value.box) if value.box is not None else []
    return frozenset(boxes[0].fields) if len(boxes) == 1 else frozenset()


def gained(before: dict[str, Value], after: dict[str, Value]) -> bool:
    """Whether a name holds an output that it didn't hold before."""
    return any(
        origin.chain[0][0] >= 0
        for name, value in before.items()
        if name in after
        for origin in after[name].origins - value.origins
    )


NOTHING_HELD: frozenset[tuple[str, int]] = frozenset()


def answers_held(names: dict[str, Value]) -> frozenset[tuple[str, int]]:
    """The calls whose answers are part of what names hold, each with the name."""
    return frozenset((name, call) for name, value in names.items() for call in answers_in(value))


MOST_TURNS = 4
"""Assumed: an answer is taken up by so many states of a machine, one after the other."""


def may_be_named(member: Value) -> bool:
    """Whether a member of a list is a function at hand or a text, or a tuple that holds one."""
    if member.box is not None and member.box.kind == "tuple":
        return any(may_be_named(item.value) for item in member.box.items)
    return bool(member.static_text()) or any(isinstance(kind, Function) for kind in member.types)


def names_only(node: ast.expr) -> bool:
    """Whether an expression is a name or an attribute, or a list of such."""
    parts = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    return all(isinstance(part, ast.Name | ast.Attribute) for part in parts)


def told_by_error(error: ast.expr) -> ast.expr:
    """What an error says of itself: of one that tells where a document is wrong
    (`JSONDecodeError(text, document, place)`) the text alone."""
    match error:
        case ast.Call(func=function, args=[text, *_]) if last_name(function) == "JSONDecodeError":
            return text
    return error


def holds_function(member: Value) -> bool:
    """Whether a member of a list is an object, made with a function at hand."""
    box = member.box
    held = box.fields.values() if box is not None and box.kind == "object" else ()
    return any(isinstance(kind, Function) for value in held for kind in value.types)


def changes_agents(node: ast.For | ast.AsyncFor, members: tuple[Value, ...]) -> bool:
    """Whether a loop goes through agents and changes what each was given:
    `agent.handoffs.append(lead)`, `agent.tools = tools`."""
    if not isinstance(node.target, ast.Name) or not all(any(made_in(one)) for one in members):
        return False
    return any(
        isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id == node.target.id
        and (isinstance(one.ctx, ast.Store) or one.attr in GIVEN)
        for one in ast.walk(node)
    )


GIVEN = frozenset("handoffs functions tools sub_agents".split())
"""Under these names agents keep whom they lead to."""
