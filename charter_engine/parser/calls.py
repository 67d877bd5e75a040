"""Calls: functions at hand are followed, models become sites, anything else passes text on."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser import evidence, prompts, recognise
from charter_engine.parser.agent_graphs import draw
from charter_engine.parser.catalogue import Family
from charter_engine.parser.chains import (
    CHAIN,
    PLACEHOLDER,
    is_unseen,
    makes_chain,
    placeholder,
)
from charter_engine.parser.containers import any_member
from charter_engine.parser.copies import METHODS as COPYING_METHODS
from charter_engine.parser.copies import changed_copy
from charter_engine.parser.executors import handling_of
from charter_engine.parser.fanout import (
    delayed_way,
    is_awaited_alone,
    is_gathered,
    is_kept,
    parallel_way,
    started_way,
    way_of,
)
from charter_engine.parser.frames import Frame
from charter_engine.parser.handed_on import (
    LATER,
    HandedOn,
    calls_what_it_is_given,
    partly_called,
    stands_for,
)
from charter_engine.parser.handlers import POSTING
from charter_engine.parser.limits import bounded
from charter_engine.parser.methods import OF_A_LOOP
from charter_engine.parser.nearest import near_call
from charter_engine.parser.offered import KEPT_AS
from charter_engine.parser.prompt_files import READ_BY_NAME
from charter_engine.parser.queues import FIELDS
from charter_engine.parser.recognise import CallShape, Recognition, constructed_box
from charter_engine.parser.recording import is_called, talk_of
from charter_engine.parser.reflection import REFLECTING
from charter_engine.parser.role_turns import RECALLING, RECALLING_SOME
from charter_engine.parser.strings import arguments_origins
from charter_engine.parser.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.syntax import is_super, last_name, without_parameters
from charter_engine.parser.teams import DRAWN
from charter_engine.parser.values import (
    NOTHING,
    UNKNOWN,
    Box,
    Class,
    Element,
    External,
    Function,
    Hole,
    Instance,
    Kind,
    Made,
    Member,
    Type,
    Value,
    either,
    in_order,
    join,
    moved,
    static,
    text_of,
)
from charter_engine.parser.workflow_steps import ASKED_BY_NAME, answer_named
from charter_engine.parser.written_files import DUMPING

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class CallResolver:
    """Evaluates calls: what each one enters, asks, makes or hands on."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.handed_on = HandedOn(analysis, evaluator, self.asked)

    def call(self, frame: Frame, node: ast.Call) -> Value:
        path = self.program.path_of(node.func)
        way = way_of(path)
        if way is not None and is_awaited_alone(frame, node, way):
            way = None
        if way == "create_task" and frame.function in self.program.gathering:
            way = "gather" if is_kept(frame, node) else way
        outer, frame.fanout = frame.fanout, way or frame.fanout
        receiver, callee = self.callee_of(frame, node.func)
        if isinstance(node.func, ast.Name) and isinstance(callee.source, ast.Attribute):
            path = self.program.path_of(callee.source)
        shape = CallShape(
            path=path,
            callee=callee.types,
            receiver=receiver.types,
            positional=self.positional(frame, node),
            keywords=tuple(
                [
                    (item.arg or "**", item.value, self.evaluator.placed(frame, item.value))
                    for item in node.keywords
                ]
            ),
            node=node,
            parents=frame.module.parents,
            held=receiver.box,
            verb=path[-1] if path else "",
        )
        is_later = outer is None and is_gathered(frame, node, callee, self.program.gathering)
        started = started_way(frame, node, callee) if callee.types else None
        started = started or delayed_way(path)
        frame.fanout = "gather" if is_later else started or outer
        value = self.outcome(frame, node, receiver, callee, shape)
        frame.fanout = outer
        return value

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
            return receiver, self.evaluator.names.attribute_of(frame, receiver, node.attr)
        callee = self.evaluator.evaluate(frame, node)
        is_agent = any(isinstance(kind, Made) for kind in callee.types)
        return UNKNOWN, self.evaluator.names.with_base_kinds(callee) if is_agent else callee

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
            return join(entered, self.asked_beside(frame, node, receiver, shape))
        if self.evaluator.teams.own_runs.is_part(frame, node, shape):
            return Value()
        found = self.recognised(frame, node, receiver, shape)
        if found is not None:
            called = any(isinstance(kind, Kind) for kind in callee.types)
            asked = callee if called else receiver
            key = self.talks_under(asked)
            given = only_under(key, shape) if key else shape
            answer = self.asked(frame, node, asked, given, found)
            self.keep_talk(frame, shape, found.family, answer)
            return answered_under(key, answer) if key and verb.endswith("invoke") else answer
        made = (
            bounded(frame, shape)
            or self.known(frame, node, receiver, shape)
            or self.made_by(frame, callee, receiver, shape)
        )
        if made is not None:
            return made
        if isinstance(node.func, ast.Attribute):
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
        is_event = verb == "submit" and recognise.other_kind(shape, self.program.catalogue)
        is_handed_on = parallel_way(shape.path) or calls_what_it_is_given(shape)
        is_later = (verb in LATER and not is_event) or is_handed_on
        if is_later or self.handed_on.asks_model(shape):
            value = self.handed_on.called_later(frame, node, receiver, shape)
            if value is not None:
                return value
        found = self.by_evidence(frame, node, shape)
        if found is not None:
            return self.evaluator.recorder.model_call(frame, node, receiver, shape, found)
        if self.progress.is_asked(frame.module.path, node):
            self.note_near(frame, shape)
        self.evaluator.effects.leave(frame, node, receiver, shape)
        done = self.declared(frame, node, callee, shape)
        return done or self.passed_on(frame, receiver, callee, shape)

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
            evaluator.recorder.note_graph_run(frame)
        if shape.verb == "send_event" and frame.function is not None and shape.positional:
            evaluator.states.send_event(frame.function, shape.positional[0][1])
        if shape.verb == "send_message" and frame.function is not None and shape.positional:
            evaluator.states.send_message(frame.function, shape.positional[0][1])
            evaluator.mixed.send(frame.function, shape.positional[0][1])
        if GRAPH in shape.receiver and shape.verb == "add_node":
            evaluator.node_agents.add(frame, shape)
        found = (
            evaluator.queues.called(frame, node, receiver, shape)
            or evaluator.written.called(frame, node, receiver, shape)
            or evaluator.reflection.called(frame, node, shape)
            or evaluator.role_turns.called(frame, shape)
            or evaluator.routed.called(frame, node, shape)
            or evaluator.teams.said_last(receiver, shape)
            or evaluator.teams.own_runs.follow(frame, receiver, shape)
            or evaluator.graph_runs.called(frame.module, shape)
            or partly_called(shape)
            or changed_copy(receiver, shape)
            or answer_named(receiver, shape)
            or evaluator.team_runs.run_steps(frame, receiver, shape)
        )
        if found is not None:
            return found
        path = evaluator.files.called(frame.module, receiver, shape)
        return None if path is None else evaluator.written.opened(frame, node, path)

    def asked(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape, found: Recognition
    ) -> Value:
        """The answer of a model or an agent, or of a team, of which the first to speak is asked."""
        runs, recorder = self.evaluator.team_runs, self.evaluator.recorder
        team = self.evaluator.teams.run_by(frame, receiver, shape, found)
        if team is None:
            answer = recorder.model_call(frame, node, receiver, shape, found)
        else:
            if self.findings.are_judged:
                runs.tell_anew(node)
            opening, given = runs.opening(receiver, team, shape, found.family)
            answer = recorder.model_call(frame, node, opening, given, found)
            answer = runs.record(frame, node, shape, found, team, answer)
        self.evaluator.teams.keep_said(receiver, shape, answer)
        return answer

    def talks_under(self, asked: Value) -> str:
        """The key under which an agent is given a conversation and answers; empty: none."""
        kinds = self.program.catalogue.kinds
        keys = {kinds[one.kind].answers_under for one in asked.types if isinstance(one, Made)}
        return keys.pop() if len(keys) == 1 else ""

    def by_evidence(self, frame: Frame, node: ast.Call, shape: CallShape) -> Recognition | None:
        """What speaks for a call of an imported or injected wrapper."""
        if calls_decorated(frame.function, node):
            return None
        made = [kind for kind in shape.receiver if isinstance(kind, Made)]
        if len(made) == 1 and self.evaluator.teams.runs_own_code(made[0]):
            return None
        handed = runs_what_is_handed_in(frame.function, shape)
        family = self.program.catalogue.family_of_verb(HANDED_IN, shape.verb) if handed else None
        if family is not None:
            return Recognition(family, "an executor runs what the function around it is given")
        found = evidence.by_evidence(shape, self.program.catalogue)
        if found is None and shape.receiver:
            self.findings.disproved.add(id(node))
        return None if found is not None and evidence.is_asked_itself(frame.module, node) else found

    def keep_talk(self, frame: Frame, shape: CallShape, family: Family, answer: Value) -> None:
        """Let what keeps the conversation of a call hold its answer: what is called, or what it is
        given for that."""
        talk = talk_of(shape, family)
        if self.evaluator.recorder.remembers(shape):
            talk = keeper_of(shape)
        if talk is not None:
            said = moved(answer, "history").origins
            kept = self.evaluator.evaluate(frame, talk)
            if kept.constant != (None,):
                self.evaluator.assigner.assign(frame, talk, kept.with_origins(said))

    def note_near(self, frame: Frame, shape: CallShape) -> None:
        """Keep why something is no call of a model."""
        score, reasons = evidence.weigh(shape, self.program.catalogue)
        found = (*reasons, f"evidence {score}, {evidence.ENOUGH} needed")
        near = near_call(frame.module.path, shape, self.program.catalogue, score, found)
        self.progress.keep_near(near)

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
        functions += self.called_as(callee)
        functions = [
            own
            for one in functions
            if not one.definition.is_abstract or one.definition in self.program.prompts
            for own in self.evaluator.names.implementing(one) or (one,)
        ]
        if functions:
            return self.evaluator.follower.follow(frame, node, functions, shape)
        made: Value | None = None
        for kind in types:
            if isinstance(kind, Class) and (made is None or self.takes_steps(kind.definition)):
                one = self.evaluator.objects.construct(frame, node, kind, shape)
                made = one if made is None else either(made, one)
        return made

    def takes_steps(self, definition: ClassDefinition) -> bool:
        """Whether objects of a class ask a model of their own accord. Clients of several vendors,
        which hand prompts on, stand for each other."""
        lineage = self.program.lineage(definition)
        named = {recognise.words_of(owner.name)[-1:] for owner in lineage}
        methods = (method for owner in lineage for method in owner.methods.values())
        is_client = not CLIENTS.isdisjoint(named) or any(
            method in self.findings.wrappers for method in methods
        )
        return self.program.may_ask(definition) and not is_client

    def declared(
        self, frame: Frame, node: ast.Call, callee: Value, shape: CallShape
    ) -> Value | None:
        """What a method returns that a base only declares: what those of its subclasses do."""
        declared = [kind for kind in in_order(callee.types) if isinstance(kind, Function)]
        methods = [one for kind in declared for one in self.evaluator.names.implementing(kind)]
        return self.evaluator.follower.follow(frame, node, methods, shape) if methods else None

    def asked_beside(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What an SDK's client returns that a receiver may be as well, beside an object of a class
        at hand."""
        members = frozenset(kind for kind in shape.callee if type(kind) is Member)
        if not members:
            return None
        known = frozenset(kind for kind in shape.receiver if isinstance(kind, Kind | Member))
        others = replace(shape, callee=members, receiver=known)
        found = recognise.recognise(others, self.program.catalogue)
        if found is None:
            return None
        return self.evaluator.recorder.model_call(frame, node, receiver, shape, found)

    def recognised(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Recognition | None:
        """What the catalogue, or an address that other calls gave, says of a call."""
        found = (
            recognise.recognise(shape, self.program.catalogue)
            or self.known_post(node, shape)
            or self.known_by_name(frame, shape)
        )
        if found is None or self.evaluator.teams.asks_nobody(receiver, shape, found.family):
            return None
        return found

    def known_by_name(self, frame: Frame, shape: CallShape) -> Recognition | None:
        """What the catalogue says of a method that a class at hand only declares, by the name of
        the class."""
        if not shape.receiver:
            return None
        kinds = self.evaluator.names.named_kinds(frame, shape.receiver)
        if not kinds:
            return None
        return recognise.by_kind(replace(shape, receiver=kinds), self.program.catalogue)

    def known_post(self, node: ast.Call, shape: CallShape) -> Recognition | None:
        """What other arguments proved a request to be, unless these speak against it."""
        found = self.findings.posts.get(id(node))
        return None if found is None or recognise.posts_elsewhere(shape, found.family) else found

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

    def made_by(
        self, frame: Frame, callee: Value, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What a constructor of the catalogue, or a method that keeps or changes a kind,
        returns."""
        for kind in in_order(callee.types):
            if isinstance(kind, External):
                name = self.program.catalogue.kind_of_constructor(kind.dotted)
                if name is not None and requests(kind.dotted):
                    return Value(types=frozenset((Kind(name),)))
                if name is not None:
                    rule = self.program.catalogue.kinds[name]
                    box = self.evaluator.crews.configured(frame, rule, self.made_box(name, shape))
                    if rule.stands_for and box is not None and rule.stands_for in box.fields:
                        held = box.fields[rule.stands_for]
                        return replace(held, types=held.types | {Kind(name)})
                    made = self.evaluator.teams.made(frame, shape.node, name, box)
                    return replace(
                        made or Value(types=frozenset((Kind(name),)), box=box),
                        origins=arguments_origins(shape) | receiver.all_origins(),
                    )
            elif isinstance(kind, Member) and kind.kind in self.program.catalogue.kinds:
                changed = self.changed_by(frame, kind, receiver, shape)
                if changed is not None:
                    return changed
        return self.made_unseen(receiver, shape)

    def changed_by(
        self, frame: Frame, method: Member, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What a method returns that keeps a kind, takes a member, fills a template or makes
        another kind; None for any other."""
        rule = self.program.catalogue.kinds[method.kind]
        if method.path in (*rule.keeps, *rule.nodes):
            if not DRAWN.isdisjoint(rule.members.values()) and receiver.box is not None:
                is_factory = method.path in rule.factories
                drawn = self.evaluator.factories.called(frame, shape) if is_factory else shape
                draw(receiver.box, drawn)
            if method.path in rule.nodes:
                return next((value for _, value in shape.positional), UNKNOWN)
            filled = prompts.partly_filled(receiver, shape) if rule.fills else receiver
            return with_offer(filled, shape)
        if method.path in rule.takes:
            return self.evaluator.teams.take(frame, receiver, shape, rule)
        if method.path in rule.fills:
            filling = Value(origins=arguments_origins(shape) | receiver.all_origins())
            return prompts.filled_template(receiver, shape, rule.syntax) or filling
        if method.path not in rule.becomes:
            return None
        name = rule.becomes[method.path]
        box = with_fields_of(receiver, self.made_box(name, shape))
        made = self.evaluator.teams.made(frame, shape.node, name, box)
        value = made or Value(types=frozenset((Kind(name),)), box=box)
        return replace(value, origins=receiver.origins)

    def made_unseen(self, receiver: Value, shape: CallShape) -> Value | None:
        """What code that isn't at hand makes, as its name or a method that nothing else has
        proves."""
        if makes_chain(shape, self.program.catalogue):
            return Value(types=frozenset((CHAIN,)), origins=arguments_origins(shape))
        proved = self.program.catalogue.proving.get(shape.verb)
        if proved is None or len(shape.path) == 1 or not is_unseen(receiver):
            return None
        return with_offer(replace(receiver, types=frozenset((Kind(proved),))), shape)

    def made_box(self, kind: str, shape: CallShape) -> Box | None:
        """What an object of a kind holds: what it was made with, or a text that isn't at hand."""
        if kind == PLACEHOLDER:
            return placeholder(shape)
        if kind == STORE and shape.verb == "loads":
            return None
        if self.program.catalogue.kinds[kind].fetched:
            return Box("object", fields={"template": text_of((Hole("", UNKNOWN),))})
        return by_names(constructed_box(shape), self.program.catalogue.kinds[kind].arguments)

    def passed_on(self, frame: Frame, receiver: Value, callee: Value, shape: CallShape) -> Value:
        """The result of code that isn't at hand: it may hold whatever it was given, unless it looks
        something up."""
        verb = shape.verb
        if callee.types and self.program.catalogue.asks_person(callee.types):
            return Value()
        if verb in ENTERING and shape.positional:
            return shape.positional[0][1]
        words = recognise.words_of(verb)
        is_lookup = not LOOKUPS.isdisjoint(words) or bool(
            recognise.other_kind(shape, self.program.catalogue)
        )
        is_lookup = is_lookup or asks_database(shape)
        is_lookup = is_lookup and PATTERN not in shape.receiver and not self.sends(shape)
        if shape.path[-1:] == ("gather",):
            return Value(box=Box("list", [Element(value) for _, value in shape.positional]))
        if verb == "RunnableSequence":
            return self.evaluator.runnables.in_sequence(frame, shape)
        if verb[:1].isupper() or shape.path == ("dict",) or made_message(shape):
            return self.made_object(shape)
        given = arguments_origins(shape) if not is_lookup else NOTHING
        if given and CONVERSIONS.isdisjoint(words) and "return_tensors" not in shape.keyword_names:
            given = frozenset(origin for origin in given if origin.chain[0][0] >= 0)
        held = receiver.all_origins()
        if len(shape.path) == 1:
            held |= callee.origins
        if held and verb not in TEXT_METHODS:
            held = frozenset(origin for origin in held if origin.chain[0][0] >= 0)
        return Value(origins=held | given)

    def sends(self, shape: CallShape) -> bool:
        """Whether `urlopen(request)` sends what was made to ask a model."""
        if shape.verb != "urlopen" or not shape.positional:
            return False
        made = [origin.chain[-1][0] for origin in shape.positional[0][1].origins]
        nodes = [self.findings.sites[number].node for number in made if number >= 0]
        return any(
            isinstance(node, ast.Call) and last_name(node.func) == "Request" for node in nodes
        )

    def send(self, box: Box) -> None:
        """`Send("node", {…})` starts a node with a state of its own."""
        target = box.fields.get("node", box.fields.get("0", UNKNOWN)).static_text()
        payload = box.fields.get("arg", box.fields.get("1", UNKNOWN)).box
        if target is not None and payload is not None:
            self.evaluator.states.send(target, payload)

    def made_object(self, shape: CallShape) -> Value:
        """An object of a class that isn't at hand: what its constructor was given, by name and
        place."""
        if shape.verb == "RemoveMessage":
            return Value()
        box = constructed_box(shape)
        if box is None and recognise.words_of(shape.verb)[-1:] == ("history",):
            box = Box("object")
        kinds = (
            frozenset((Kind("model"),))
            if evidence.makes_model(shape.verb, self.program.catalogue)
            else frozenset[Type]()
        )
        if box is None:
            return Value(types=kinds)
        role = made_message(shape) or next(
            (role for word, role in MESSAGE_CLASSES.items() if shape.verb.startswith(word)), None
        )
        if shape.verb.endswith("Message") and "0" in box.fields and "role" not in box.fields:
            speak_first(box)
        if role is not None and "role" not in box.fields:
            box.fields["role"] = static(role)
        if shape.verb == "Send":
            self.send(box)
        return Value(types=kinds, box=box)


def speak_first(box: Box) -> None:
    """Let a message have the role that it is given before its text: `Message("user", [text])`,
    `ChatMessage(Role.USER, text=text)`."""
    first = box.fields["0"]
    is_role = prompts.role_named(first) in prompts.ROLES
    if is_role and not box.fields.keys().isdisjoint(("1", *prompts.SAID)):
        box.fields["role"] = box.fields.pop("0")
        box.fields |= {"content": box.fields.pop("1")} if "1" in box.fields else {}


def made_message(shape: CallShape) -> str | None:
    """The role of what `ChatMessage.from_user(…)`, `BaseMessage.make_user_message(…)` or
    `messages.user(…)` makes; None for any other call."""
    maker = shape.path[-2] if len(shape.path) > 1 else ""
    role = shape.verb.removeprefix("from_").removeprefix("make_").removesuffix("_message")
    if maker.endswith("Message"):
        return prompts.ROLES.get(role) if role != shape.verb else None
    return prompts.ROLES.get(role.lower()) if maker in MESSAGE_MAKERS else None


def keeper_of(shape: CallShape) -> ast.expr | None:
    """What keeps the conversation of a call: what is called, or whose method; None where it has no
    name."""
    function = shape.node.func
    if isinstance(function, ast.Attribute) and not is_called(shape):
        return function.value
    return function if isinstance(function, ast.Name | ast.Attribute) else None


def only_under(key: str, shape: CallShape) -> CallShape:
    """A call of an agent without what it is given beside the conversation, which it doesn't say:
    `agent.invoke(state)`."""
    if not shape.positional:
        return shape
    (source, value), *others = shape.positional
    held = value.box
    if held is None or held.kind != "dict" or held.rest is not None or "input" in held.fields:
        return shape
    said = {key: held.fields[key]} if key in held.fields else {}
    talk = replace(value, box=Box("dict", fields=said), origins=NOTHING)
    return replace(shape, positional=((source, talk), *others))


def answered_under(key: str, answer: Value) -> Value:
    """The answer of an agent as the dict in which it gives that."""
    if answer.box is not None:
        return answer
    said = Value(origins=answer.origins)
    return replace(answer, box=Box("dict", fields={key: said}, rest=said))


def with_offer(model: Value, shape: CallShape) -> Value:
    """`llm.bind_tools(tools)`: the model, with what it will offer in every request. In its JSON
    mode a schema is only what answers are read by."""
    name = KEPT_AS.get(shape.verb)
    methods = (value.static_text() for given, _, value in shape.keywords if given == "method")
    if "json_mode" in methods:
        return model
    given = [value for _, value in shape.positional] + [value for _, _, value in shape.keywords]
    if name is None or not given:
        return model
    fields = model.box.fields if model.box is not None else {}
    return replace(model, box=Box("object", fields={**fields, name: given[0]}))


def with_fields_of(receiver: Value, box: Box | None) -> Box | None:
    """What an object that another has made holds: its own, or what an `update` says, and what the
    other was given by name."""
    given = receiver.box.fields if receiver.box is not None else {}
    named = {name: value for name, value in given.items() if not name.isdigit()}
    own = box.fields if box is not None else {}
    update = own.get("update", UNKNOWN).box
    if not named:
        return box
    return Box("object", fields=named | (update.fields if update is not None else own))


def by_names(box: Box | None, names: tuple[str, ...]) -> Box | None:
    """What a constructor is given, with the names of what it is given by place."""
    if box is None or not names:
        return box
    places = {str(number): name for number, name in enumerate(names)}
    fields = {places.get(name, name): value for name, value in box.fields.items()}
    return replace(box, fields=fields)


MESSAGE_MAKERS = frozenset(("Messages", "messages", "ell"))
"""Modules and classes whose functions make a message of the role that they are named after."""

CLIENTS = frozenset((word,) for word in "client provider backend api adapter model llm".split())
"""Last words of the names of classes whose objects are clients of a vendor."""

PATTERN = Kind("regex.pattern")
"""What `re.compile` makes: what it finds is part of what it is given."""

PAIRS = Kind("dspy.parallel")
"""What is called with modules, each beside what it is given."""

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
    | frozenset(("dict", "iter", "partial", "run", "send_event", "send_message"))
)
"""Functions and methods that are known whatever they are called on."""

GRAPH = Kind("graph")
GRAPH_RUNS = frozenset("invoke ainvoke stream astream batch abatch astream_events".split())
"""Methods that run a state graph, whose nodes are the calls."""

STORE = "store"
"""The kind of what libraries make that never ask a model; what `json.loads` reads is no object of
theirs."""

ENTERING = frozenset(("enter_context", "enter_async_context"))
"""Methods of an `ExitStack` that give what they enter."""

CONVERSIONS = frozenset(
    "asdict dump to message messages convert truncate clean strip encode tokenizer processor "
    "dict format chat apply dumps loads".split()
)
"""Words of functions that hand on a prompt they are given in another shape."""

TEXT_METHODS = frozenset(
    "strip lstrip rstrip format replace lower copy encode decode removeprefix get split join "
    "to dict model_dump".split()
)

MESSAGE_CLASSES = {
    "System": "system",
    "Human": "user",
    "User": "user",
    "AI": "assistant",
    "Assistant": "assistant",
    "Tool": "tool",
}

LOOKUPS = frozenset(
    "search retrieve execute embed query fetch request requests urlopen similarity lookup "
    "browse scrape download exec subprocess sql step".split()
)
"""Words of functions whose result is found with what they are given, not made of it."""


DATABASES = frozenset("db database sql postgres sqlite mongo neo4j".split())
FINDING = frozenset("get find list select count describe".split())


def asks_database(shape: CallShape) -> bool:
    """Whether a method finds something in a database: `sql_engine.get_schema(tables)`."""
    held = recognise.words_of(shape.path[-2]) if len(shape.path) > 1 else ()
    found = recognise.words_of(shape.verb)[:1]
    return not DATABASES.isdisjoint(held) and not FINDING.isdisjoint(found)


REQUESTING = frozenset("requests httpx urllib3".split())
"""Libraries whose functions look up what a server has: `requests.get(url, params=…)`."""


def requests(dotted: str) -> bool:
    """Whether a dotted name is a function that asks a server for something, no client of one."""
    return dotted.partition(".")[0] in REQUESTING and dotted.rpartition(".")[2].islower()


def calls_decorated(function: FunctionDefinition | None, node: ast.Call) -> bool:
    """Whether a decorator's inner function calls what it stands for, with all it is given:
    `def watch(ask): def inner(*args, **kwargs): return ask(*args, **kwargs)`."""
    outer = function.outer if function is not None else None
    if outer is None or not isinstance(node.func, ast.Name):
        return False
    hands_on = len(node.args) == 1 and isinstance(node.args[0], ast.Starred)
    return (
        hands_on and [item.arg for item in node.keywords] == [None]
    ) and node.func.id in outer.parameters


HANDED_IN = "agent_framework.agent"


def runs_what_is_handed_in(function: FunctionDefinition | None, shape: CallShape) -> bool:
    """Whether an executor calls a method, with something to say, of what isn't at hand: the
    function around it is given that (`agents["judge"].run(text)`)."""
    outer = function.outer if function is not None else None
    is_handed = outer is not None and shape.path[:1] and shape.path[0] in outer.parameters
    is_open = len(shape.path) > 1 and not shape.receiver and bool(shape.positional)
    return bool(is_handed and is_open and function and handling_of(function))


def from_python(function: ast.expr, receiver: Value) -> bool:
    """Whether a function may be one of Python's own: called by its name, or from a module."""
    if not receiver.types:
        return not isinstance(function, ast.Attribute)
    return all(isinstance(kind, External) for kind in receiver.types)
