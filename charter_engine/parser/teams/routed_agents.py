"""Agents of AutoGen's core, which send each other messages.

An agent has handlers, each for messages of some classes. What is published under a topic reaches
the agents that subscribe to it; what is sent to one is answered by what its handler returns. Both
are followed as calls of the handlers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from charter_engine.contracts.graph import Loop
from charter_engine.parser.flows.ways import led_to
from charter_engine.parser.graphs.frameworks import in_state
from charter_engine.parser.interpreting.frames import Frame, LoopState, under_way
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.candidates import functions_in, in_order, members_in
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    Function,
    Instance,
    Value,
    moved,
    object_of,
)
from charter_engine.parser.workflows.handlers import POSTING, is_handler

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

PUBLISHING, SENDING = "publish_message", "send_message"
REGISTERING = frozenset(("register", "register_closure"))

SUBSCRIBING = frozenset(("type_subscription", "default_subscription"))
"""Decorators of classes that tell under which topic their agents listen."""

DEFAULT_TOPIC = "default"

CONTEXTS = frozenset(("MessageContext", "ClosureContext"))
"""What handlers are given beside the message."""

Taker = ClassDefinition | FunctionDefinition
"""Who takes messages: the agents of a class, or a function by itself."""


class Handler(NamedTuple):
    """A function that handles messages of some classes, which it is given under a name; `bound` is
    the agent whose method it is."""

    function: FunctionDefinition
    parameter: str
    kinds: frozenset[str]
    bound: Value | None = None


class RoutedAgents:
    """Follows messages to those that handle them.

    `registered` tells who stands behind the type that an agent is registered under, `topics` under
    which topics one listens (None: one that isn't known). `order` is that in which messages reach
    the handlers, `after` tells which each leads to, `back` what comes back to
    the one whose turns are followed.
    """

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.evaluator = evaluator
        self.registered: dict[str, Taker] = {}
        self.topics: dict[Taker, set[str | None]] = {}
        self.agents = {
            owner: handlers
            for module in analysis.program.modules.values()
            for owner in module.classes.values()
            if (handlers := list(handlers_of(analysis.program.lineage(owner), owner)))
        }
        self.closures: dict[FunctionDefinition, Handler] = {}
        self.order: dict[FunctionDefinition, int] = {}
        self.after: dict[FunctionDefinition, set[FunctionDefinition]] = {}
        self.back: dict[FunctionDefinition, Value] = {}

    def called(self, frame: Frame, node: ast.Call, shape: CallShape) -> Value | None:
        """What a call gives that registers an agent, lets it listen, or posts a message; None for
        any other."""
        if shape.verb not in POSTING or not (self.agents or shape.verb == "register_closure"):
            return None
        if shape.verb in REGISTERING:
            return self.register(frame, shape)
        if shape.verb == "add_subscription":
            for node_, value in shape.positional[:1]:
                self.subscribe(value, is_default="Default" in made_as(node_))
            return UNKNOWN
        return self.post(frame, node, shape)

    def register(self, frame: Frame, shape: CallShape) -> Value | None:
        """`await Writer.register(runtime, "writer", lambda: Writer(client))`: the type under which
        the agent is reached. The agent is made as the lambda says."""
        given = given_by(shape, ("runtime", "type", "factory", "subscriptions"))
        named, made = given.get("type", UNKNOWN), given.get("factory", UNKNOWN)
        takers: list[Taker] = [one.definition for one in shape.receiver if isinstance(one, Class)]
        if shape.verb == "register_closure":
            made = given.get("factory", given.get("closure", UNKNOWN))
            takers = [one.definition for one in functions_in(made)]
            self.closures |= {
                one: handler
                for one in takers
                if isinstance(one, FunctionDefinition) and (handler := handler_of(one, None))
            }
        else:
            for function in functions_in(made):
                self.evaluator.follower.enter(frame, function, {})
        if not takers:
            return None
        name = named.static_text()
        if name is not None:
            self.registered[name] = takers[0]
        for listens in functions_in(given.get("subscriptions", UNKNOWN)):
            held = self.evaluator.follower.enter(frame, listens, {}) or UNKNOWN
            for value in members_in(held):
                self.subscribe(value, is_default=False)
        return Value(box=Box("object", fields={"type": named})) if name is not None else UNKNOWN

    def subscribe(self, value: Value, *, is_default: bool) -> None:
        """`TypeSubscription(topic_type="drafts", agent_type="writer")`: let the agent listen."""
        fields = value.box.fields if value.box is not None else {}
        topic = static(DEFAULT_TOPIC) if is_default else fields.get("topic_type", fields.get("0"))
        named = fields.get("agent_type", fields.get("0" if is_default else "1", UNKNOWN))
        taker = self.registered.get(named.static_text() or "")
        for one in [taker] if taker is not None else [*self.agents]:
            self.topics.setdefault(one, set()).add(topic.static_text() if topic else None)

    def post(self, frame: Frame, node: ast.Call, shape: CallShape) -> Value:
        """Follow a message to those that handle it; what it is answered with."""
        address = "topic_id" if shape.verb == PUBLISHING else "recipient"
        given = given_by(shape, ("message", address))
        message = given.get("message", UNKNOWN)
        written = written_in(shape, ("message", address))
        kinds = {*self.kinds_of(message), made_as(written.get("message"))}
        where = given.get(address, UNKNOWN)
        is_default = "Default" in made_as(written.get(address))
        takers = self.takers_at(where, is_default=is_default, is_sent=shape.verb == SENDING)
        takers = [taker for taker in takers if not self.is_sender(frame, taker)]
        handlers = [
            one
            for taker in takers
            for one in self.handlers_of(taker)
            if not kinds.isdisjoint(one.kinds)
        ]
        outer = frame.fanout
        is_published = shape.verb == PUBLISHING and topic_in(where, is_default) is not None
        if is_published and self.agents_asking(takers, kinds) > 1:
            frame.fanout = outer or "fork"
        answer: Value | None = None
        for handler in handlers:
            found = self.entered(frame, handler, message)
            answer = join(answer, found, "answer") if found is not None else answer
        frame.fanout = outer
        return moved(answer, "return") if answer is not None else UNKNOWN

    def agents_asking(self, takers: list[Taker], kinds: set[str]) -> int:
        """How many agents ask a model themselves where a message of some kinds reaches them: of a
        class that is registered under several names, each that listens under the same topic."""
        asking = [site.function for site in self.findings.sites.values() if site.function]
        found = 0
        for taker in takers:
            handlers = [one for one in self.handlers_of(taker) if not kinds.isdisjoint(one.kinds)]
            if handlers and self.asks(taker, asking):
                is_one = len(self.topics.get(taker, ())) > 1
                found += 1 if is_one else max(1, list(self.registered.values()).count(taker))
        return found

    def asks(self, taker: Taker, asking: list[FunctionDefinition]) -> bool:
        """Whether one of the functions that ask a model belongs to who takes a message."""
        if isinstance(taker, FunctionDefinition):
            return taker in asking
        own = self.program.lineage(taker)
        return any(one.owner in own for one in asking)

    def entered(self, frame: Frame, handler: Handler, message: Value) -> Value | None:
        """What a handler answers to a message; None where the message comes back to it, which it
        is given in a later turn."""
        self.note_order(frame, handler.function)
        if self.comes_back(frame, handler.function):
            self.note_turns(frame, handler.function)
            if handler.function in self.back:
                before = self.back[handler.function]
                self.back[handler.function] = join(before, in_state(message), handler.parameter)
            return None
        is_turning = handler.function in self.findings.turning and not self.back
        given = in_state(message)
        return self.taken(frame, handler, given, again=is_turning)

    def taken(self, frame: Frame, handler: Handler, message: Value, *, again: bool) -> Value | None:
        """What a handler answers; one that messages come back to takes them `again`."""
        enter = self.evaluator.follower.enter
        function = Function(handler.function, handler.bound)
        if not again:
            return enter(frame, function, {handler.parameter: message})
        node = handler.function.node
        turn = LoopState(self.program.loop_number(node), Loop(kind="cycle", line=node.lineno))
        frame.loops.append(turn)
        self.back[handler.function] = message
        answer = enter(frame, function, {handler.parameter: message})
        turn.iteration = 1
        later = enter(frame, function, {handler.parameter: self.back.pop(handler.function)})
        frame.loops.pop()
        return answer if later is None else join(answer, later, "answer")

    def note_order(self, frame: Frame, target: FunctionDefinition) -> None:
        """Keep which handlers lead to which, and which of them messages reach first."""
        if not self.findings.are_judged:
            return
        source = handler_under_way(frame)
        for one in (source, target):
            if one is not None:
                self.order.setdefault(one, len(self.order))
        if source is not None:
            self.after.setdefault(source, set()).add(target)

    def comes_back(self, frame: Frame, target: FunctionDefinition) -> bool:
        """Whether a message goes to a handler that leads to where it is sent, and was reached
        before that."""
        if under_way(frame, target) is not None:
            return True
        source = handler_under_way(frame)
        if source is None or source not in self.order or target not in self.order:
            return False
        return self.order[target] < self.order[source] and source in led_to(self.after, target)

    def is_sender(self, frame: Frame, taker: Taker) -> bool:
        """Whether one takes nothing of a message because it is its own: agents of a class that are
        registered once."""
        is_own = any(
            isinstance(kind, Instance) and kind.definition is taker for kind in frame.own_types
        )
        return is_own and list(self.registered.values()).count(taker) == 1

    def note_turns(self, frame: Frame, target: FunctionDefinition) -> None:
        """Keep the handlers that a message passes until it comes back."""
        if not self.findings.are_judged:
            return
        source = handler_under_way(frame)
        reached = led_to(self.after, target)
        between = {one for one in reached if source in led_to(self.after, one) | {one}}
        self.findings.turning |= {target, *between}

    def kinds_of(self, message: Value) -> Iterator[str]:
        """The classes that a message may be of, by their names."""
        for kind in in_order(message.types):
            if isinstance(kind, Instance):
                yield from (one.name for one in self.program.lineage(kind.definition))

    def takers_at(self, address: Value, *, is_default: bool, is_sent: bool) -> list[Taker]:
        """Who takes what is published under a topic, or sent to an agent."""
        text = topic_in(address, is_default)
        everyone: list[Taker] = [*self.agents, *self.closures]
        if is_sent:
            taker = self.registered.get(text or "")
            return everyone if taker is None else [taker]
        return [one for one in everyone if self.listens(one, text)]

    def listens(self, taker: Taker, topic: str | None) -> bool:
        """Whether one takes what is published under a topic; of one that isn't known, and where it
        isn't known under which it listens, it may."""
        topics = self.topics.get(taker, set()) | self.declared(taker)
        if not topics and taker in self.registered.values():
            return False
        return topic is None or not topics or topic in topics or None in topics

    def declared(self, taker: Taker) -> set[str | None]:
        """The topics that the decorators of a class name."""
        decorators = taker.node.decorator_list if isinstance(taker, ClassDefinition) else []
        found: set[str | None] = set()
        for decorator in decorators:
            call = decorator if isinstance(decorator, ast.Call) else None
            name = last_name(call.func if call is not None else decorator)
            if name == "default_subscription":
                found.add(DEFAULT_TOPIC)
            elif name in SUBSCRIBING and call is not None:
                nodes = [*call.args[:1], *(w.value for w in call.keywords if w.arg == "topic_type")]
                frame = self.evaluator.names.frame_of(taker.module)
                found |= {self.evaluator.evaluate(frame, node).static_text() for node in nodes}
        return found

    def handlers_of(self, taker: Taker) -> list[Handler]:
        if isinstance(taker, FunctionDefinition):
            return [self.closures[taker]] if taker in self.closures else []
        is_base = taker not in self.registered.values() and bool(self.program.made_from(taker))
        return [] if is_base else self.agents.get(taker, [])


def handlers_of(lineage: Iterable[ClassDefinition], owner: ClassDefinition) -> Iterator[Handler]:
    """The handlers of an agent's class and its bases, of which the nearest of a name counts."""
    seen: set[str] = set()
    for one in lineage:
        for name, method in one.methods.items():
            if name in seen:
                continue
            seen.add(name)
            if is_handler(method) and (handler := handler_of(method, object_of(owner))):
                yield handler


def handler_of(function: FunctionDefinition, bound: Value | None) -> Handler | None:
    """A function as the handler of the first of its parameters that is annotated as a message."""
    spec = function.node.args
    for arg in (*spec.posonlyargs, *spec.args):
        if arg.annotation is None:
            continue
        names = {
            last_name(node)
            for node in ast.walk(arg.annotation)
            if isinstance(node, ast.Name | ast.Attribute)
        }
        if names and names.isdisjoint(CONTEXTS):
            return Handler(function, arg.arg, frozenset(names), bound)
    return None


def given_by(shape: CallShape, names: tuple[str, ...]) -> dict[str, Value]:
    """What a call is given, by the names of its parameters in their order."""
    by_place = dict(zip(names, (value for _, value in shape.positional), strict=False))
    return by_place | {name: value for name, _, value in shape.keywords}


def written_in(shape: CallShape, names: tuple[str, ...]) -> dict[str, ast.expr]:
    """What stands in a call, by the names of its parameters in their order."""
    by_place = dict(zip(names, (node for node, _ in shape.positional), strict=False))
    return by_place | {name: node for name, node, _ in shape.keywords}


def made_as(node: ast.expr | None) -> str:
    """The class that an expression makes an object of, by its name; empty for any other."""
    return last_name(node.func) if isinstance(node, ast.Call) else ""


def handler_under_way(frame: Frame | None) -> FunctionDefinition | None:
    """The handler that sends a message, by itself or by what it calls."""
    while frame is not None:
        if frame.function is not None and is_handler(frame.function):
            return frame.function
        frame = frame.caller
    return None


def topic_in(address: Value, is_default: bool) -> str | None:
    """The topic of a `TopicId`, or the type of an `AgentId`; None where it isn't known."""
    fields = address.box.fields if address.box is not None else {}
    text = fields.get("type", fields.get("0", UNKNOWN)).static_text()
    return text or (DEFAULT_TOPIC if is_default and "type" not in fields else None)
