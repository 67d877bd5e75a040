"""Calls: functions at hand are followed, models become sites, anything else passes text on."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.agents.asked_agents import AgentsAsked
from charter_engine.parser.flows.fanout import (
    delayed_way,
    is_awaited_alone,
    is_gathered,
    is_kept,
    parallel_way,
    started_way,
    way_of,
)
from charter_engine.parser.flows.queues import FIELDS
from charter_engine.parser.flows.written_files import DUMPING
from charter_engine.parser.interpreting.called_by_class import of_first_argument
from charter_engine.parser.interpreting.defaults import by_default
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.interpreting.handed_on import (
    LATER,
    HandedOn,
    as_called,
    calls_what_it_is_given,
    partly_called,
    stands_for,
)
from charter_engine.parser.interpreting.run_tools import as_tool_run, functions_run
from charter_engine.parser.interpreting.unseen_code import DATABASE_QUERY, UnseenCode, queried
from charter_engine.parser.model_calls import recognise
from charter_engine.parser.model_calls.constructors import Constructors
from charter_engine.parser.model_calls.given_askers import given_asker
from charter_engine.parser.model_calls.go_betweens import hands_on, stands_before
from charter_engine.parser.model_calls.recognise import CallShape, holds_kind, is_called
from charter_engine.parser.model_calls.recognised_calls import CallRecogniser
from charter_engine.parser.model_calls.sent_requests import as_sent
from charter_engine.parser.prompts.engine_prompts import with_templates
from charter_engine.parser.prompts.limits import bounded
from charter_engine.parser.prompts.prompt_files import READ_BY_NAME
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.source.syntax import is_super, without_parameters
from charter_engine.parser.teams.role_turns import RECALLING, RECALLING_SOME
from charter_engine.parser.values.candidates import functions_in, in_order
from charter_engine.parser.values.containers import any_member
from charter_engine.parser.values.copies import METHODS as COPYING_METHODS
from charter_engine.parser.values.copies import changed_copy
from charter_engine.parser.values.joining import either, join
from charter_engine.parser.values.methods import OF_A_LOOP
from charter_engine.parser.values.reflection import REFLECTING
from charter_engine.parser.values.strings import arguments_origins
from charter_engine.parser.values.values import (
    UNKNOWN,
    Class,
    External,
    Function,
    Instance,
    Kind,
    Made,
    Member,
    Value,
)
from charter_engine.parser.workflows.flow_runs import RUNNING
from charter_engine.parser.workflows.handlers import POSTING
from charter_engine.parser.workflows.workflow_steps import ASKED_BY_NAME, answer_named

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class CallResolver:
    """Evaluates calls: what each one enters, asks, makes or hands on."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.entries = analysis.entries
        self.evaluator = evaluator
        self.recogniser = CallRecogniser(analysis, evaluator)
        self.agents = AgentsAsked(analysis, evaluator)
        self.constructors = Constructors(analysis, evaluator)
        self.unseen_code = UnseenCode(analysis, evaluator)
        self.handed_on = HandedOn(analysis, evaluator, self.agents.asked)
        self.stood_before: dict[FunctionDefinition, ClassDefinition | None] = {}

    def call(self, frame: Frame, node: ast.Call) -> Value:
        path = self.program.path_of(node.func)
        way = way_of(path)
        if way is not None and is_awaited_alone(frame, node, way):
            way = None
        gathering = frame.function if frame.function in self.program.gathering else None
        if way == "create_task" and gathering is not None:
            way = "gather" if is_kept(frame, node) else way
        outer, frame.fanout = frame.fanout, way or frame.fanout
        receiver, callee = self.callee_of(frame, node.func)
        if is_looked_up(node.func) and isinstance(callee.source, ast.Attribute):
            path = self.program.path_of(callee.source)
        is_itself = holds_kind(callee.types)
        callee, given = of_first_argument(receiver, callee, self.positional(frame, node))
        shape = CallShape(
            path=path,
            callee=callee.types,
            receiver=receiver.types,
            positional=given,
            keywords=self.keywords(frame, node) if node.keywords else (),
            node=node,
            parents=frame.module.parents,
            held=callee.box if is_itself else receiver.box,
            verb=path[-1] if path else "",
        )
        shape = as_sent(shape)
        is_later = (
            outer is None and gathering is not None and is_gathered(frame, node, callee, gathering)
        )
        started = started_way(frame, node, callee) if callee.types else None
        started = started or delayed_way(path)
        frame.fanout = "gather" if is_later else started or outer
        value = self.outcome(frame, node, receiver, callee, shape)
        frame.fanout = outer
        return value

    def keywords(self, frame: Frame, node: ast.Call) -> tuple[tuple[str, ast.expr, Value], ...]:
        return tuple(
            [
                (item.arg or "**", item.value, self.evaluator.placed(frame, item.value))
                for item in node.keywords
            ]
        )

    def positional(self, frame: Frame, node: ast.Call) -> tuple[tuple[ast.expr, Value], ...]:
        given: list[tuple[ast.expr, Value]] = []
        for argument in node.args:
            value = self.evaluator.placed(frame, argument)
            if not isinstance(argument, ast.Starred):
                given.append((argument, value))
            elif value.box is not None and value.box.items and value.box.rest is None:
                given += [(argument.value, element.value) for element in value.box.items]
            else:
                given.append((argument, any_member(value)))
        return tuple(given)

    def callee_of(self, frame: Frame, node: ast.expr) -> tuple[Value, Value]:
        """The value a method is called on, and the value that is called."""
        node = without_parameters(node)
        if isinstance(node, ast.Attribute):
            if is_super(node.value):
                return self.inherited(frame, node.attr)
            receiver = self.evaluator.evaluate(frame, node.value)
            receiver = receiver if receiver.types else self.behind(frame, node, receiver)
            return receiver, self.evaluator.names.attribute_of(frame, receiver, node.attr)
        callee = self.evaluator.evaluate(frame, node)
        is_agent = Made in map(type, callee.types)
        return UNKNOWN, self.evaluator.names.with_base_kinds(callee) if is_agent else callee

    def behind(self, frame: Frame, node: ast.Attribute, receiver: Value) -> Value:
        """What a method hands on to of which nothing is known: an object of the class before which
        its own stands; any other receiver as it is."""
        function = frame.function
        if function is None or not hands_on(function, node):
            return receiver
        if function not in self.stood_before:
            catalogue = self.program.catalogue
            self.stood_before[function] = stands_before(self.program, function, catalogue)
        other = self.stood_before[function]
        return receiver if other is None else replace(receiver, types=frozenset((Instance(other),)))

    def inherited(self, frame: Frame, name: str) -> tuple[Value, Value]:
        """What `super()` is, and its method: of a base at hand, or of one that the catalogue
        knows."""
        owner = frame.function.owner if frame.function is not None else None
        if owner is None:
            return UNKNOWN, UNKNOWN
        for base in self.program.lineage(owner)[1:]:
            if name in base.methods:
                method = Function(base.methods[name], frame.names.get("self"))
                return UNKNOWN, Value(types=frozenset((method,)))
        kinds = self.evaluator.names.base_kinds(owner)
        members = frozenset(Member(kind.name, name) for kind in kinds)
        return Value(types=frozenset(kinds)), Value(types=members)

    def outcome(  # noqa: PLR0911 - the first rule that applies decides
        self, frame: Frame, node: ast.Call, receiver: Value, callee: Value, shape: CallShape
    ) -> Value:
        verb = shape.verb
        entered = self.entered(frame, node, receiver, callee, shape) if callee.types else None
        if entered is not None:
            return join(entered, self.agents.asked_beside(frame, node, receiver, shape))
        if self.evaluator.teams.own_runs.is_part(frame, node, shape):
            return Value()
        answer = self.recognised(frame, node, receiver, callee, shape)
        if answer is not None:
            return answer
        made = (
            bounded(frame, shape)
            or self.evaluator.containers.by_default(frame, shape)
            or self.known(frame, node, receiver, shape)
            or self.constructors.made_by(frame, callee, receiver, shape)
        )
        if made is not None:
            return made
        if isinstance(node.func, ast.Attribute) and DATABASE_QUERY not in shape.receiver:
            value = self.evaluator.methods.method(frame, node, receiver, shape)
            if value is not None:
                return value
        plain = (
            self.evaluator.methods.builtin(frame, node, verb, shape)
            if from_python(node.func, receiver) or verb == OF_A_LOOP
            else None
        )
        if plain is not None:
            return plain
        if (whole := stands_for(shape)) is not None:
            return whole.with_origins(arguments_origins(shape))
        shape = self.program.activities.given(shape)
        is_event = verb == "submit" and recognise.other_kind(shape, self.program.catalogue)
        is_handed_on = parallel_way(shape.path) or calls_what_it_is_given(shape)
        is_later = (verb in LATER and not is_event) or is_handed_on
        if is_later or self.handed_on.asks_model(shape):
            value = self.handed_on.called_later(frame, node, receiver, shape)
            if value is not None:
                return value
        answer = self.answered_unseen(frame, node, receiver, shape)
        if answer is not None:
            return answer
        if self.progress.is_asked(frame.module.path, node):
            self.recogniser.note_near(frame, shape)
        self.evaluator.effects.leave(frame, node, receiver, shape)
        done = self.declared(frame, node, callee, shape)
        return done or queried(shape) or self.unseen_code.passed_on(frame, receiver, callee, shape)

    def recognised(
        self, frame: Frame, node: ast.Call, receiver: Value, callee: Value, shape: CallShape
    ) -> Value | None:
        """What a call that is known to ask is answered; None for any other. A method that a base of
        the program's own only declares does what its subclasses do, whatever its name."""
        found = self.recogniser.recognised(frame, node, receiver, shape)
        if found is None:
            return None
        asked = callee if is_called(shape) else receiver
        done = self.declared(frame, node, callee, shape)
        return done or self.agents.answered(frame, node, asked, shape, found)

    def answered_unseen(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What a function that isn't at hand is answered, by a model or an agent that it is given
        to run, or by evidence; None where it asks nobody."""
        given = given_asker(shape, self.program.catalogue)
        if given is not None:
            return self.agents.answered(frame, node, given.asked, given.shape, given.found)
        found = self.recogniser.by_evidence(frame, node, shape)
        if found is None:
            return None
        return self.evaluator.recorder.model_call(frame, node, receiver, shape, found)

    def known(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What a call gives that makes or uses a queue or a path, reads a file, names an attribute
        by a text, runs a graph, binds arguments of a function, or copies something with other
        fields; None for any other."""
        is_typed = shape.callee or shape.receiver or self.program.graph is not None
        if not is_typed and shape.verb not in KNOWN_BY_NAME:
            return None
        evaluator = self.evaluator
        if GRAPH in shape.receiver and shape.verb in GRAPH_RUNS:
            evaluator.repetition.note_graph_run(frame, node)
        if shape.verb == "send_event" and frame.function is not None and shape.positional:
            evaluator.states.send_event(frame.function, shape.positional[0][1])
        if shape.verb == "send_message" and frame.function is not None and shape.positional:
            evaluator.states.send_message(frame.function, shape.positional[0][1])
            evaluator.mixed.send(frame.function, shape.positional[0][1])
        if GRAPH in shape.receiver and shape.verb == "add_node":
            evaluator.node_agents.add(frame, shape)
        if (engine := with_templates(receiver, shape)) and isinstance(node.func, ast.Attribute):
            evaluator.assigner.keep(frame, node.func.value, engine)
        if shape.verb == STREAMED:
            return self.handed_on.called_later(frame, node, receiver, shape)
        found = (
            by_default(shape)
            or evaluator.queues.called(frame, node, receiver, shape)
            or evaluator.written.called(frame, node, receiver, shape)
            or evaluator.reflection.called(frame, node, shape)
            or evaluator.role_turns.called(frame, shape)
            or evaluator.routed.called(frame, node, shape)
            or evaluator.teams.chats.said_last(receiver, shape)
            or evaluator.teams.own_runs.follow(frame, receiver, shape)
            or evaluator.graph_runs.called(frame, shape, evaluator.repetition.fanout_at)
            or evaluator.flow_runs.called(shape)
            or evaluator.canvases.called(frame, receiver, shape)
            or evaluator.run_answers.called(shape)
            or partly_called(shape)
            or changed_copy(receiver, shape)
            or answer_named(receiver, shape)
            or evaluator.team_runs.run_steps(frame, receiver, shape)
        )
        if found is not None:
            return found
        path = evaluator.files.called(frame.module, receiver, shape)
        return None if path is None else evaluator.written.opened(frame, node, path)

    def entered(
        self, frame: Frame, node: ast.Call, receiver: Value, callee: Value, shape: CallShape
    ) -> Value | None:
        """What functions at hand return, or a class at hand makes; None where a call enters
        neither. A function that is given a model's method stands for a call of that."""
        if self.handed_on.asks_model(shape):
            return self.handed_on.called_later(frame, node, receiver, shape)
        if PAIRS in callee.types and shape.positional:
            return self.handed_on.called_in_pairs(frame, node, shape)
        types = in_order(callee.types)
        functions = [kind for kind in types if isinstance(kind, Function)]
        if len(functions) == 1 and self.findings.are_judged:
            functions = self.evaluator.names.of_each_object(functions[0])
        elif self.findings.are_judged:
            functions = [self.evaluator.names.of_its_objects(one) for one in functions]
        functions += [*self.called_as(callee), *functions_run(receiver, shape)]
        if functions and (functions := self.doing(functions)):
            if self.findings.guessed:
                self.findings.disproved.add(id(node))
            given = as_tool_run(functions, receiver, as_called(shape))
            return self.evaluator.follower.follow(frame, node, functions, given)
        made: Value | None = None
        for kind in types:
            if isinstance(kind, Class) and (made is None or self.takes_steps(kind.definition)):
                one = self.evaluator.objects.construct(frame, node, kind, shape)
                made = one if made is None else either(made, one)
        return made

    def doing(self, functions: list[Function]) -> list[Function]:
        """The functions that do what several at hand do or only declare. Beside one that asks no
        model, as a stand-in for tests, what is declared is done by a class that may ask."""
        names, reaching = self.evaluator.names, self.program.reaching
        written = [
            own
            for one in functions
            if not one.definition.is_abstract or one.definition in self.program.prompts
            for own in names.implementing(one) or (one,)
        ]
        if not written or any(one.definition in reaching for one in written):
            return written
        open_ones = [names.of_its_objects(one) for one in functions if one.definition.is_abstract]
        declared = [own for one in open_ones for own in names.implementing(one)]
        return written + [one for one in declared if one.definition in reaching]

    def takes_steps(self, definition: ClassDefinition) -> bool:
        """Whether objects of a class ask a model of their own accord. Clients of several vendors,
        which only hand prompts on, stand for each other."""
        lineage = self.program.lineage(definition)
        named = {recognise.words_of(owner.name)[-1:] for owner in lineage}
        methods = {method for owner in lineage for method in owner.methods.values()}
        asking = methods & self.entries.asking
        hands_on = not methods.isdisjoint(self.findings.wrappers)
        is_client = hands_on and asking <= self.findings.wrappers.keys()
        is_named_so = not CLIENTS.isdisjoint(named)
        return self.program.may_ask(definition) and not is_client and not is_named_so

    def declared(
        self, frame: Frame, node: ast.Call, callee: Value, shape: CallShape
    ) -> Value | None:
        """What a method returns that a base only declares: what those of its subclasses do."""
        declared = functions_in(callee) if callee.types else []
        methods = [one for kind in declared for one in self.evaluator.names.implementing(kind)]
        return self.evaluator.follower.follow(frame, node, methods, shape) if methods else None

    def called_as(self, callee: Value) -> list[Function]:
        """The methods by which objects at hand are called."""
        return [
            found
            for kind in in_order(callee.types)
            if isinstance(kind, Instance)
            for found in self.called(kind, replace(callee, types=frozenset((kind,))))
        ]

    def called(self, kind: Instance, callee: Value) -> list[Function]:
        for owner in self.program.lineage(kind.definition):
            for name in ("__call__", "forward"):
                if name in owner.methods:
                    return [Function(owner.methods[name], callee)]
        return []


CLIENTS = frozenset((word,) for word in "client provider backend api adapter model llm".split())
"""Last words of the names of classes whose objects are clients of a vendor."""

PAIRS = Kind("dspy.parallel")
"""What is called with modules, each beside what it is given."""

STREAMED = "write_stream"
"""The function of Streamlit's that shows a stream, or what a generator function yields that it is
given, and returns the text."""

KNOWN_BY_NAME = (
    COPYING_METHODS
    | DUMPING
    | FIELDS
    | READ_BY_NAME
    | REFLECTING
    | RECALLING
    | RECALLING_SOME
    | POSTING
    | ASKED_BY_NAME
    | RUNNING
    | frozenset(("dict", "iter", "partial", "run", "send_event", "send_message", STREAMED))
)
"""Functions and methods that are known whatever they are called on."""


def is_looked_up(function: ast.expr) -> bool:
    """Whether what is called is kept under a name, or an attribute of a name that is a text:
    `getattr(llm, method)(prompt)`."""
    if isinstance(function, ast.Call):
        return isinstance(function.func, ast.Name) and function.func.id in REFLECTING
    return isinstance(function, ast.Name)


GRAPH = Kind("graph")
GRAPH_RUNS = frozenset("invoke ainvoke stream astream batch abatch astream_events".split())
"""Methods that run a state graph, whose nodes are the calls."""


def from_python(function: ast.expr, receiver: Value) -> bool:
    """Whether a function may be one of Python's own: called by its name, or from a module."""
    if not receiver.types:
        return not isinstance(function, ast.Attribute)
    return all(isinstance(kind, External) for kind in receiver.types)
