"""Expressions → values. Nothing is executed: an expression gives the text, origins and kinds its
parts give it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from charter_engine.contracts.graph import Loop
from charter_engine.parser.agents.crews import Crews
from charter_engine.parser.agents.factories import Factories
from charter_engine.parser.agents.made_agents import AgentMaker
from charter_engine.parser.agents.served_agents import ServedAgents
from charter_engine.parser.branches.file_ways import FileWays
from charter_engine.parser.branches.flags import Flags, truth_of
from charter_engine.parser.branches.given_ways import GivenWays
from charter_engine.parser.branches.lazy_values import LazyValues
from charter_engine.parser.branches.narrowing import KnownBeside, compared, those_of
from charter_engine.parser.flows.edge_recorder import EdgeRecorder
from charter_engine.parser.flows.queues import Queues
from charter_engine.parser.flows.repetition import Repetition
from charter_engine.parser.flows.written_files import STORE, WrittenFiles
from charter_engine.parser.graphs.frameworks import SharedStates
from charter_engine.parser.graphs.graph_runs import GraphRuns
from charter_engine.parser.graphs.node_agents import NodeAgents
from charter_engine.parser.interpreting.arguments import Arguments
from charter_engine.parser.interpreting.assignment import Assigner
from charter_engine.parser.interpreting.calls import CallResolver
from charter_engine.parser.interpreting.defaults import without_environment
from charter_engine.parser.interpreting.effects import Effects
from charter_engine.parser.interpreting.following import Follower
from charter_engine.parser.interpreting.frames import Frame, LoopState
from charter_engine.parser.interpreting.idle_functions import IdleFunctions
from charter_engine.parser.interpreting.names import Names
from charter_engine.parser.interpreting.objects import ObjectMaker
from charter_engine.parser.interpreting.statements import StatementWalker
from charter_engine.parser.model_calls.chains import piped
from charter_engine.parser.model_calls.prompt_functions import PromptFunctions
from charter_engine.parser.model_calls.recognise import has_roles
from charter_engine.parser.model_calls.recording import SiteRecorder
from charter_engine.parser.model_calls.runnables import Runnables
from charter_engine.parser.model_calls.wrapper_calls import WrapperCalls
from charter_engine.parser.prompts.kept_talks import KeptTalks
from charter_engine.parser.prompts.prompt_files import PromptFiles
from charter_engine.parser.source.compact import by_kind
from charter_engine.parser.source.syntax import outcome_of
from charter_engine.parser.state import Analysis
from charter_engine.parser.teams.arrangements import chain_of, may_chain
from charter_engine.parser.teams.role_turns import RoleTurns
from charter_engine.parser.teams.routed_agents import RoutedAgents
from charter_engine.parser.teams.run_answers import RunAnswers
from charter_engine.parser.teams.team_members import TeamFinder
from charter_engine.parser.teams.team_runs import TeamRuns
from charter_engine.parser.values.annotated_members import type_members
from charter_engine.parser.values.containers import (
    MOST_MEMBERS,
    Containers,
    any_member,
    as_key,
    each_member,
    gone_through,
    keys_or_members,
    lists_added,
)
from charter_engine.parser.values.copies import is_plain_dict, with_fields
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.methods import Methods
from charter_engine.parser.values.pieces import as_pieces, constant_name, static, text_of
from charter_engine.parser.values.reflection import Reflection
from charter_engine.parser.values.strings import Strings
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Element,
    External,
    Function,
    Piece,
    Value,
)
from charter_engine.parser.workflows import task_canvases
from charter_engine.parser.workflows.flow_runs import FlowRuns
from charter_engine.parser.workflows.mixed_graphs import MixedGraphs

Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp

NUMBERS = (bool, int, float)

MAX_DEPTH = 120
"""Expressions nested deeper than this are taken as unknown."""


class Evaluator:
    """Evaluates expressions, and holds those who know more of one kind of syntax.

    They reach each other through it.
    """

    def __init__(self, analysis: Analysis) -> None:
        self.program = analysis.program
        self.spoken = analysis.memory.spoken
        self.progress = analysis.progress
        self.findings = analysis.findings
        self.entries = analysis.entries
        self.depth = 0
        self.states = SharedStates(analysis.program, analysis.memory)
        self.graph_runs = GraphRuns(analysis, self.states)
        self.edges = EdgeRecorder(analysis)
        self.repetition = Repetition(analysis)
        self.kept_talks = KeptTalks(analysis)
        self.recorder = SiteRecorder(analysis, self)
        self.names = Names(analysis, self)
        self.containers = Containers(analysis, self)
        self.strings = Strings(analysis, self)
        self.methods = Methods(analysis, self)
        self.assigner = Assigner(analysis, self)
        self.walker = StatementWalker(analysis, self)
        self.follower = Follower(analysis, self)
        self.idle_functions = IdleFunctions(analysis, self)
        self.arguments = Arguments(analysis, self)
        self.objects = ObjectMaker(analysis, self)
        self.wrapper_calls = WrapperCalls(analysis, self)
        self.prompt_functions = PromptFunctions(analysis, self)
        self.effects = Effects(analysis, self)
        self.flags = Flags(analysis, self)
        self.given_ways = GivenWays(analysis, self)
        self.file_ways = FileWays(self)
        self.lazy_values = LazyValues(analysis.program, self)
        self.files = PromptFiles(analysis)
        self.written = WrittenFiles(analysis)
        self.queues = Queues(analysis, self)
        self.reflection = Reflection(self)
        self.crews = Crews(analysis, self)
        self.role_turns = RoleTurns(analysis, self)
        self.routed = RoutedAgents(analysis, self)
        self.factories = Factories(self)
        self.agents = AgentMaker(analysis, self)
        self.teams = TeamFinder(analysis, self)
        self.served = ServedAgents(analysis, self)
        self.flow_runs = FlowRuns(analysis)
        self.run_answers = RunAnswers(analysis, self)
        self.team_runs = TeamRuns(analysis, self)
        self.mixed = MixedGraphs(analysis, self)
        self.node_agents = NodeAgents(analysis, self)
        self.runnables = Runnables(analysis, self)
        self.canvases = task_canvases.TaskCanvases(self)
        self.calls = CallResolver(analysis, self)
        self.evaluators = self.evaluators_by_node()

    def evaluators_by_node(self) -> dict[type, Callable[[Frame, Any], Value]]:
        found: dict[type, Callable[[Frame, Any], Value]] = {
            ast.Name: self.names.name,
            ast.Attribute: self.names.attribute,
            ast.Constant: self.literal,
            ast.JoinedStr: self.strings.f_string,
            ast.BinOp: self.binary,
            ast.List: self.containers.sequence,
            ast.Tuple: self.containers.sequence,
            ast.Set: self.containers.sequence,
            ast.Dict: self.containers.dictionary,
            ast.Subscript: self.containers.subscript,
            ast.IfExp: self.choice,
            ast.BoolOp: self.boolean,
            ast.Compare: self.compared,
            ast.UnaryOp: self.unary,
            ast.Await: self.awaited,
            ast.Starred: self.awaited,
            ast.Yield: self.yielded,
            ast.YieldFrom: self.yielded,
            ast.NamedExpr: self.walrus,
            ast.ListComp: self.comprehension,
            ast.SetComp: self.comprehension,
            ast.GeneratorExp: self.comprehension,
            ast.DictComp: self.comprehension,
            ast.Lambda: self.function_value,
            ast.Call: self.calls.call,
        }
        if sys.version_info >= (3, 14):
            found[ast.TemplateStr] = self.strings.f_string
        return by_kind(found)

    def evaluate(self, frame: Frame, node: ast.expr | None) -> Value:
        """The value of an expression in a frame."""
        evaluator = self.evaluators.get(type(node))
        if evaluator is None:
            return UNKNOWN
        if self.depth > MAX_DEPTH:
            self.progress.stop(deep=True)
            return UNKNOWN
        self.progress.steps += 1
        self.depth += 1
        try:
            return evaluator(frame, node)
        finally:
            self.depth -= 1

    def run(self, frame: Frame, node: ast.expr) -> None:
        """Evaluate an expression for what it does: nobody takes its value. Of what does nothing,
        the steps are counted."""
        steps = self.program.steps_of_naming(node) or self.steps_of_idling(frame, node)
        if steps:
            self.progress.steps += steps
        else:
            before = frame.untaken
            frame.untaken = node.value if isinstance(node, ast.Await) else node
            self.evaluate(frame, node)
            frame.untaken = before

    def steps_of_idling(self, frame: Frame, node: ast.expr) -> int:
        """In how many steps an expression is evaluated that does nothing; 0: it may do something,
        or reasons are wanted."""
        idle = self.program.idle_part(node) if self.progress.asked is None else None
        if idle is None:
            return 0
        if idle.functions and not all(self.names.is_free(frame, one) for one in idle.functions):
            return 0
        is_other = idle.logger is not None and not self.logs(frame, idle.logger)
        return 0 if is_other else idle.steps

    def logs(self, frame: Frame, node: ast.expr) -> bool:
        """Whether something that is named as a logger is no object or function at hand."""
        before = self.progress.steps
        logger = self.evaluate(frame, node)
        self.progress.steps = before
        is_outside = all(isinstance(kind, External) or kind == STORE for kind in logger.types)
        return is_outside and (logger.box is None or STORE in logger.types)

    def placed(self, frame: Frame, node: ast.expr) -> Value:
        """The value of an expression where it is put into something; if its content is unknown, it
        keeps its source: of a helper's parameter, what the caller gave."""
        value = self.evaluate(frame, node)
        if (
            value.pieces is None
            and value.box is None
            and value.constant is None
            and not isinstance(node, ast.Starred)
        ):
            is_given = isinstance(node, ast.Name) and self.entries.is_helper(frame)
            source = value.source if is_given and value.source is not None else node
            return Value(value.types, None, value.origins, None, None, source)
        if value.pieces and constant_name(node) and value.static_text() is not None:
            return replace(value, pieces=as_pieces(value, node))
        return value

    def literal(self, frame: Frame, node: ast.Constant) -> Value:
        value = node.value
        if isinstance(value, str):
            return static(value, node.lineno)
        return Value(constant=(value,)) if value is None or isinstance(value, NUMBERS) else UNKNOWN

    def binary(self, frame: Frame, node: ast.BinOp) -> Value:
        """Operators; a long chain of `+` is walked down its left side without recursion."""
        chain: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            chain.append(left)
            left = left.left
        value = self.evaluate(frame, left)
        source = left
        for step in reversed(chain):
            value = self.operate(frame, step, value, source)
            source = step
        return value

    def operate(self, frame: Frame, node: ast.BinOp, left: Value, source: ast.expr) -> Value:
        if isinstance(node.op, ast.Mod) and left.pieces is not None:
            return self.strings.percent_format(frame, left, node.right)
        right = self.evaluate(frame, node.right)
        if isinstance(node.op, ast.Div) and (path := self.files.divided(left, right)) is not None:
            return path
        if isinstance(node.op, ast.Add):
            made = self.added(left, right, source, node.right)
            if made.box is not None:
                made.box.depth, made.box.branches = frame.certainty, frame.branches
            return made
        if (
            isinstance(node.op, ast.Mult)
            and left.static_text() is not None
            and right.constant is not None
        ):
            count = right.constant[0]
            if isinstance(count, int) and count * len(left.static_text() or "") < 10_000:
                return static((left.static_text() or "") * count, node.lineno)
        if isinstance(node.op, ast.BitOr):
            return self.piped_or_merged(frame, node, left, right)
        return Value(origins=left.all_origins() | right.all_origins())

    def piped_or_merged(self, frame: Frame, node: ast.BinOp, left: Value, right: Value) -> Value:
        """`prompt | model`, or the fields of two dicts."""
        if is_plain_dict(left) and is_plain_dict(right) and right.box is not None:
            return with_fields(left, right.box).with_origins(right.origins)
        canvas = task_canvases.piped(left, right)
        if canvas is not None:
            return canvas
        left, right = map(self.names.with_base_kinds, (left, right))
        pipe = piped(left, right, node.left, self.program.catalogue)
        return self.runnables.piped(frame, node, left, right, pipe)

    def side(self, value: Value, source: ast.expr) -> tuple[Piece, ...]:
        if value.pieces is not None and value.static_text() is None:
            return value.pieces
        return as_pieces(value, source, source.lineno, source.col_offset)

    def added(
        self, left: Value, right: Value, left_source: ast.expr, right_source: ast.expr
    ) -> Value:
        if left.pieces is not None or right.pieces is not None:
            pieces = (*self.side(left, left_source), *self.side(right, right_source))
            return replace(text_of(pieces), types=left.types & right.types)
        return lists_added(left, right, left_source, right_source)

    def choice(self, frame: Frame, node: ast.IfExp) -> Value:
        self.run(frame, node.test)
        way = self.walker.way_made(frame, node.test)
        if way is None:
            way = self.file_ways.settled(frame, node.test)
        if way is None:
            way = self.given_ways.chosen(frame, node)
        if way is not None:
            return self.evaluate(frame, node.body if way else node.orelse)
        first = self.evaluate(frame, node.body)
        written = self.program.source_of(node)
        return replace(join(first, self.evaluate(frame, node.orelse), written), source=first.source)

    def boolean(self, frame: Frame, node: ast.BoolOp) -> Value:
        """What may come of `one or other`, without the other where the one counts as true."""
        is_choice = isinstance(node.op, ast.Or)
        items = without_environment(node.values) if is_choice else node.values
        values = [self.evaluate(frame, item) for item in items]
        if is_choice:
            true_ones = (number for number, value in enumerate(values, 1) if truth_of(value))
            values = values[: next(true_ones, len(values))]
        known = [value for value in values if value.constant is None or value.constant[0]]
        written = self.program.source_of(node) if len(known) > 1 else ""
        result: Value | None = None
        for value in known:
            result = join(result, value, written) if result is not None else value
        return result or UNKNOWN

    def compared(self, frame: Frame, node: ast.Compare) -> Value:
        ends = (node.left, *node.comparators)
        if may_chain(node):
            return chain_of([self.evaluate(frame, end) for end in ends], node.ops[0]) or UNKNOWN
        for end in ends:
            self.run(frame, end)
        return UNKNOWN

    def unary(self, frame: Frame, node: ast.UnaryOp) -> Value:
        if not isinstance(node.op, ast.USub):
            self.run(frame, node.operand)
            return UNKNOWN
        value = self.evaluate(frame, node.operand)
        if value.constant is not None and isinstance(value.constant[0], int | float):
            return Value(constant=(-value.constant[0],))
        return UNKNOWN

    def awaited(self, frame: Frame, node: ast.Await | ast.Starred) -> Value:
        return self.evaluate(frame, node.value)

    def yielded(self, frame: Frame, node: ast.Yield | ast.YieldFrom) -> Value:
        if node.value is not None:
            value = self.evaluate(frame, node.value)
            member = any_member(value) if isinstance(node, ast.YieldFrom) else value
            is_one = frame.function is not None and frame.function.manages_context
            frame.returned = join(
                frame.returned,
                member if is_one else Value(box=Box("list", rest=member), origins=member.origins),
            )
        return UNKNOWN

    def walrus(self, frame: Frame, node: ast.NamedExpr) -> Value:
        value = self.evaluate(frame, node.value)
        self.assigner.assign(frame, node.target, value)
        return value

    def comprehension(self, frame: Frame, node: Comprehension) -> Value:
        inner = frame.nested()
        entered = 0
        members: tuple[Value, ...] = ()
        for generator in node.generators:
            iterable = self.evaluate(inner, generator.iter)
            record = Loop(
                kind="comprehension",
                line=node.lineno,
                target=self.program.source_of(generator.target),
                iterable=self.program.source_of(generator.iter)[:200],
            )
            inner.loops.append(LoopState(self.program.loop_number(generator), record))
            entered += 1
            members = each_member(iterable) if not generator.ifs and entered == 1 else ()
            self.assigner.assign(inner, generator.target, gone_through(iterable))
            type_members(inner, self.names, generator.target, generator.iter)
            for condition in generator.ifs:
                self.run(inner, condition)
            taken = self.those_taken(inner, generator, iterable)
            if taken is not iterable:
                self.assigner.assign(inner, generator.target, gone_through(taken))
                type_members(inner, self.names, generator.target, generator.iter)
        if self.program.makes_agents(node):
            made = self.made_of_each(inner, node, members)
        elif tells_messages(node, iterable):
            made = self.made_of_messages(inner, node, iterable)
        elif isinstance(node, ast.DictComp) and len(node.generators) == 1:
            made = self.made_by_key(inner, node, iterable)
        else:
            made = self.made_of_any(inner, node)
        del frame.loops[len(frame.loops) - entered :]
        return made

    def those_taken(self, inner: Frame, generator: ast.comprehension, iterable: Value) -> Value:
        """A list with those of its members alone that the conditions of a comprehension let
        through."""
        if not isinstance(generator.target, ast.Name):
            return iterable
        for condition in generator.ifs:
            iterable = those_of(
                iterable,
                condition,
                generator.target.id,
                self.known_beside(inner),
                True,
            )
        return iterable

    def known_beside(self, frame: Frame) -> KnownBeside:
        """What is known where a test tells members of a list apart."""
        return KnownBeside(lambda one: self.evaluate(frame, one).static_text(), self.spoken)

    def made_of_any(self, inner: Frame, node: Comprehension) -> Value:
        """What a comprehension makes of its members, none of which is told from the others."""
        is_dict = isinstance(node, ast.DictComp)
        box = Box("dict" if is_dict else "list", depth=inner.certainty - len(node.generators))
        key, box.rest = self.key_and_member(inner, node)
        box.keys = as_key(key) if is_dict else None
        return Value(box=box, origins=box.rest.origins)

    def made_of_each(self, inner: Frame, node: Comprehension, members: tuple[Value, ...]) -> Value:
        """The agents that a comprehension makes, one for each member of a literal; of what isn't
        known one by one, one agent and another."""
        made = self.made_of_any(inner, node) if not members else None
        loop = inner.loops[-1]
        box = Box("dict" if isinstance(node, ast.DictComp) else "list", depth=inner.certainty - 1)
        for number, member in enumerate(members):
            loop.member = number
            self.assigner.assign(inner, node.generators[0].target, member)
            key, value = self.key_and_member(inner, node)
            name = key.static_text() if isinstance(node, ast.DictComp) else None
            if name is not None:
                box.fields[name] = value
            elif isinstance(node, ast.DictComp):
                box.rest = join(box.rest, value)
            else:
                box.items.append(Element(value, place=id(node)))
        if made is not None:
            loop.member = 1
            another = self.made_of_any(inner, node)
            loop.member = 0
            return join(made, another)
        loop.member = 0
        return Value(box=box)

    def made_by_key(self, inner: Frame, node: ast.DictComp, iterable: Value) -> Value:
        """What a dict comprehension that asks no model makes of a list or a dict: of members that
        are known one by one and that its conditions may let through, each under its own key
        (`{name: given[name] for name in ("plan", "text")}`)."""
        (generator,) = node.generators
        reached = self.findings.reached
        made = self.made_of_any(inner, node)
        if reached != self.findings.reached or iterable.box is None:
            return made
        fields: dict[str, Value] = {}
        for member in keys_or_members(iterable.box):
            self.assigner.assign(inner, generator.target, member)
            if any(self.fails(inner, condition) for condition in generator.ifs):
                continue
            key, value = self.key_and_member(inner, node)
            name = key.static_text()
            if name is None:
                return made
            fields[name] = value
        if not fields:
            return made
        rest = made.box.rest if made.box is not None and iterable.box.rest is not None else None
        box = Box("dict", fields=fields, rest=rest, depth=inner.certainty - 1)
        return Value(box=box, origins=iterable.origins)

    def fails(self, frame: Frame, condition: ast.expr) -> bool:
        """Whether a condition that compares texts that stand in the source doesn't hold."""
        written = self.known_beside(frame).written

        def outcome(test: ast.expr) -> bool | None:
            match test:
                case ast.Compare(left=left, ops=[operator], comparators=[other]):
                    text = written(left)
                    return None if text is None else compared(text, operator, other, written)
            return None

        return outcome_of(condition, outcome) is False

    def made_of_messages(self, inner: Frame, node: Comprehension, conversation: Value) -> Value:
        """What a comprehension makes of the messages of a conversation, one by one, also of those
        that may be there: another shape of them, or lines of a transcript."""
        box = Box("list", depth=inner.certainty - 1)
        for message in conversation.box.items if conversation.box is not None else ():
            self.assigner.assign(inner, node.generators[0].target, message.value)
            box.items.append(replace(message, value=self.key_and_member(inner, node)[1]))
        return Value(box=box)

    def key_and_member(self, inner: Frame, node: Comprehension) -> tuple[Value, Value]:
        """What a comprehension makes of one member; only a dict's has a key."""
        if isinstance(node, ast.DictComp):
            return self.evaluate(inner, node.key), self.evaluate(inner, node.value)
        return UNKNOWN, self.evaluate(inner, node.elt)

    def function_value(self, frame: Frame, node: ast.Lambda) -> Value:
        definition = frame.module.functions.get(id(node))
        return (
            Value(types=frozenset((Function(definition),))) if definition is not None else UNKNOWN
        )


def tells_messages(node: Comprehension, conversation: Value) -> bool:
    """Whether a comprehension tells all messages of a conversation that are known one by one."""
    box = conversation.box
    if box is None or box.kind == "dict" or box.rest is not None or isinstance(node, ast.DictComp):
        return False
    is_short = len(box.items) <= MOST_MEMBERS and not any(item.limit for item in box.items)
    takes_all = len(node.generators) == 1 and not node.generators[0].ifs
    return is_short and takes_all and has_roles(conversation)
