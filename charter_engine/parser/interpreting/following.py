"""Functions at hand: a call of them is followed into their bodies."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.branches.added_members import put_back
from charter_engine.parser.branches.alternatives import Ways
from charter_engine.parser.branches.machines import is_chosen
from charter_engine.parser.branches.open_flags import NO_FLAGS, flags_of, handed_on
from charter_engine.parser.flows.edges import loops_since
from charter_engine.parser.flows.started import spread_of
from charter_engine.parser.interpreting.arguments import bind
from charter_engine.parser.interpreting.attributes import (
    NO_ATTRIBUTES,
    AttributeResolver,
    attributes_of,
    hand_over,
    holder_name,
    left_by_each,
    note_left,
)
from charter_engine.parser.interpreting.called_by_class import object_in_front
from charter_engine.parser.interpreting.dead_ends import DeadEnds
from charter_engine.parser.interpreting.frames import Frame, constructor_of, under_way
from charter_engine.parser.interpreting.objects import stored_in
from charter_engine.parser.interpreting.recursions import Recursion
from charter_engine.parser.model_calls.decorated import calls_decorated
from charter_engine.parser.model_calls.findings import Visit
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.model_calls.wrapper_calls import sites_behind
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.source.syntax import gives_all, is_super
from charter_engine.parser.values.joining import held_apart, join
from charter_engine.parser.values.origins import Chain, Origins
from charter_engine.parser.values.strings import origins_of
from charter_engine.parser.values.values import UNKNOWN, External, Function, Instance, Value, moved

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


MAX_FRAMES = 8
"""Functions within functions followed from one start; deeper calls are taken as passing their
arguments on."""


MAX_CHOICES = 8
"""So many functions, or objects whose method it is, a call may lead to."""

FEW_CHOICES = 2
"""Assumed: so many of them where none leads to a model and a quarter of the steps are taken."""


@dataclass(slots=True)
class Followed:
    """What following a function with these arguments gave; `left` is what its object holds
    afterwards, `made` the outputs on the way, `raised` those in what it raised. `names`, `known`
    and `bound` keep what the key identifies alive."""

    result: Value | None
    visits: list[Visit]
    names: dict[str, Value]
    reached: int
    known: AttributeResolver
    bound: Value | None
    left: AttributeResolver
    made: tuple[Chain, ...]
    raised: Origins


class Follower:
    """Interprets the functions that are called; `lambdas` are those that were."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.entries = analysis.entries
        self.evaluator = evaluator
        self.followed: dict[Hashable, Followed] = {}
        self.dead_ends = DeadEnds()
        self.lambdas: set[FunctionDefinition] = set()

    def follow(
        self, frame: Frame, node: ast.Call, functions: list[Function], shape: CallShape
    ) -> Value:
        holder = holder_of_call(frame, node, functions[0], shape)
        if len(functions) == 1:
            return self.follow_one(frame, node, functions[0], shape, holder)
        known = attributes_of(frame, holder, frame.names) if holder else NO_ATTRIBUTES
        is_one = len({function.definition for function in functions}) == 1
        if not is_one and self.progress.is_far and not self.leads_on(functions):
            functions = functions[:FEW_CHOICES]
        if len(functions) > MAX_CHOICES:
            reaching = self.program.reaching
            functions = sorted(functions, key=lambda one: one.definition not in reaching)
        each = [
            self.known_of(function, known) if is_one else NO_ATTRIBUTES
            for function in functions[:MAX_CHOICES]
        ]
        result: Value | None = None
        left: list[AttributeResolver] = []
        wrappers, is_recorded = self.evaluator.wrapper_calls, False
        elsewhere = frame.elsewhere
        ways = Ways(self.findings.outputs, elsewhere)
        excludes = not is_one and is_chosen(frame, node.func)
        for function, own in zip(functions, each, strict=False):
            is_wrapper = not is_one and wrappers.behind(function, shape) is not None
            if is_wrapper and is_recorded:
                continue
            is_recorded = is_recorded or is_wrapper
            hand_over(frame, holder, own)
            before = self.progress.steps
            if excludes:
                frame.elsewhere = ways.on_the_next()
            value = self.follow_one(frame, node, function, shape, holder if is_one else "")
            if is_one and left:
                self.progress.spare_steps(before)
            result = join(result, value, "result") if result is not None else value
            left.append(attributes_of(frame, holder, frame.names))
        frame.elsewhere = elsewhere
        hand_over(frame, holder, left_by_each(left) if is_one else NO_ATTRIBUTES)
        return result or UNKNOWN

    def leads_on(self, functions: list[Function]) -> bool:
        """Whether one of several functions has led to a model, as far as that is known."""
        reached = [site.under for site in self.findings.sites.values()]
        return not self.findings.are_judged or any(
            function.definition in under for function in functions for under in reached
        )

    def known_of(self, method: Function, known: AttributeResolver) -> AttributeResolver:
        """What is known of the attributes of several objects, as that of one of them."""
        kinds = method.bound.types if method.bound is not None else ()
        objects = [kind for kind in kinds if isinstance(kind, Instance)]
        if not known.values or not objects:
            return NO_ATTRIBUTES
        fields = self.memory.object_of(objects[0].definition, objects[0].place).fields
        values = {
            name: held_apart(value, fields[name])
            for name, value in known.values.items()
            if name in fields
        }
        return AttributeResolver(values, {name: fields[name] for name in values})

    def follow_one(
        self, frame: Frame, node: ast.Call, function: Function, shape: CallShape, holder: str
    ) -> Value:
        answer = self.evaluator.prompt_functions.called(frame, node, function, shape)
        if answer is not None:
            return answer
        wrappers = self.evaluator.wrapper_calls
        names = bind(function, shape)
        is_decorated = calls_decorated(frame.function, node)
        wrapper = None if is_decorated else wrappers.behind(function, shape)
        if wrapper is not None:
            return wrappers.record(frame, node, function, names, wrapper, shape, holder)
        is_hidden = self.findings.hides_asking(node, function.definition)
        is_hidden = is_hidden and not self.evaluator.queues.hands_out(function.definition)
        is_open = is_hidden or not self.findings.are_judged
        asked = wrappers.asks_elsewhere(frame, node, function, shape) if is_open else None
        if asked is not None and is_hidden:
            return self.evaluator.recorder.model_call(frame, node, UNKNOWN, shape, asked)
        self.note_followed(frame, node, function)
        reached = self.findings.reached
        given = {name: moved(value, "argument") for name, value in names.items()}
        is_called = self.is_called_as_written(frame, node, shape)
        is_taken = asked is not None or frame.untaken is not node
        inner = self.enter(
            frame, function, given, holder, is_called=is_called, call=node, is_taken=is_taken
        )
        if self.findings.reached != reached:
            self.findings.leading.add(id(node))
        if self.evaluator.queues.hands_out(function.definition):
            self.findings.handed_out.add(id(node))
        if asked is not None and not self.findings.are_judged:
            answered = self.findings.asked_elsewhere.setdefault(function.definition, set())
            has_asked = self.findings.reached != reached
            if has_asked:
                answered |= sites_behind(inner)
                self.findings.led_on.setdefault(id(node), set()).add(function.definition)
            unasked = not has_asked and not wrappers.makes_asker(inner)
            if unasked and wrappers.is_opaque(frame, node, function.definition):
                return self.evaluator.recorder.model_call(frame, node, UNKNOWN, shape, asked)
        if inner is None:
            running = under_way(frame, function.definition)
            inner = (
                self.evaluator.calls.unseen_code.passed_on(frame, UNKNOWN, UNKNOWN, shape)
                if running is None
                else self.returned_by_itself(running, function.definition)
            )
        return moved(self.as_declared(function.definition, inner), "return")

    def returned_by_itself(self, running: Frame, definition: FunctionDefinition) -> Value:
        """What a function that is followed gives where it calls itself: what it has returned so
        far, or in a turn before."""
        recursion = self.memory.recursions.get(definition)
        if recursion is None or running.chain or not self.findings.are_judged:
            return running.returned or UNKNOWN
        before = recursion.returned_before(self.progress.round)
        return (running.returned or UNKNOWN).with_origins(before)

    def as_declared(self, definition: FunctionDefinition, result: Value) -> Value:
        """What a function returned, or what it says it returns where nothing is known of that, or
        only what code that isn't at hand made it with."""
        returns = getattr(definition.node, "returns", None)
        holds = result.box is not None and result.box.kind != "object"
        is_known = result.types or holds or result.pieces or result.constant
        if is_known or not isinstance(returns, ast.Name | ast.Attribute):
            return result
        frame = self.evaluator.names.frame_of(definition.module)
        types = self.evaluator.names.annotated_types(frame, returns).types
        return replace(result, types=types) if types else result

    def note_followed(self, frame: Frame, node: ast.Call, function: Function) -> None:
        """Say, if the line is asked for, why a call of a function at hand is none of a model."""
        if self.progress.is_asked(frame.module.path, node):
            name = function.definition.qualname
            self.progress.note(f"{name}(…) is no call: it is followed, but it is no wrapper of one")

    def is_called_as_written(self, frame: Frame, node: ast.Call, shape: CallShape) -> bool:
        """Whether a function is given what stands in a call of it, and nothing else; what the
        function around it was called with so and hands on by `**options` stands in that call."""
        args = frame.function.node.args if frame.is_called and frame.function is not None else None
        others = args.kwarg.arg if args is not None and args.kwarg is not None else ""
        return gives_all(node, others) and shape.path == self.program.path_of(node.func)

    def enter(
        self,
        frame: Frame,
        function: Function,
        names: dict[str, Value],
        holder: str = "",
        *,
        is_called: bool = False,
        call: ast.Call | None = None,
        is_taken: bool = True,
    ) -> Value | None:
        """Follow a call into a function at hand; None where that goes too deep or in circles.

        `holder` names the object in the frame whose method the function is; `is_called`: a call at
        hand gives it `names` and nothing else; `call` where one is written; `is_taken`: somebody
        takes its value.
        """
        definition = function.definition
        own = definition.own_name
        known = attributes_of(frame, holder, frame.names) if holder and own else NO_ATTRIBUTES
        if holder and own:
            hand_over(frame, holder, NO_ATTRIBUTES)
        running = under_way(frame, definition)
        if running is not None and not is_another_task(frame, definition, names):
            recursion = self.memory.recursions.setdefault(definition, Recursion())
            recursion.hand_down(spread_of(frame, call), running, names)
            return None
        deeper = self.depth_of(frame, definition)
        if deeper and frame.depth >= MAX_FRAMES:
            return None
        steps = self.progress.left
        if self.progress.is_short and self.dead_ends.is_one(definition, names.values(), steps):
            self.progress.spend()
        if self.progress.is_spent:
            self.progress.stop()
            return None
        unmade = self.findings.outputs.unmade(frame.elsewhere)
        self.entries.note(frame, function, known, self.findings.outputs, names, call)
        if not is_taken and (idle := self.evaluator.idle_functions.steps_of(definition)):
            self.progress.steps += idle
            hand_over(frame, holder, known)
            return UNKNOWN
        spread = spread_of(frame, call)
        open_flags = self.open_flags(frame, definition, call) if is_called else flags_of(definition)
        given = tuple((name, signature(value)) for name, value in names.items())
        bound = signature(function.bound) if function.bound is not None else None
        key = (
            definition,
            bound,
            given,
            frame.chain,
            loops_since(frame, frame.chain, self.progress.round),
            self.memory.changes,
            self.findings.visits is None,
            tuple((name, signature(value)) for name, value in known.values.items()),
            spread,
            unmade,
            is_called,
            open_flags,
            id(call) if definition in self.program.makers else 0,
        )
        before = self.followed.get(key)
        if before is not None:
            return self.as_before(frame, holder, before)
        seen, reached = len(self.findings.visits or ()), self.findings.reached
        made = len(self.findings.outputs.made)
        inner = Frame(
            definition.module,
            self.evaluator.arguments.first_names(function, names, frame),
            function=definition,
            caller=frame,
            chain=frame.chain,
            depth=frame.depth + deeper,
            spread=spread,
            given=chains_in(names) if definition in self.program.recursive else frozenset(),
            elsewhere=frame.elsewhere,
            is_called=is_called,
            call=call,
            open_flags=open_flags,
        )
        hand_over(inner, own, known)
        result = self.run_body(inner)
        frame.raised |= inner.raised
        left = attributes_of(inner, own, inner.left or {})
        visits = [
            dataclasses.replace(visit, within=visit.within | {definition})
            for visit in (self.findings.visits or [])[seen:]
        ]
        if visits and self.findings.visits is not None:
            self.findings.visits[seen:] = visits
        reached = self.findings.reached - reached
        if self.progress.is_short and self.progress.left < 0 and not reached:
            self.dead_ends.note(definition, steps, is_looking=self.progress.is_looking)
        made_here = tuple(self.findings.outputs.made[made:])
        self.followed[key] = Followed(
            result, visits, names, reached, known, function.bound, left, made_here, inner.raised
        )
        if holder and own:
            hand_over(frame, holder, left)
        return result

    def as_before(self, frame: Frame, holder: str, before: Followed) -> Value | None:
        """What following a function gave that was followed with the same, and what it did."""
        if self.findings.visits is not None:
            self.findings.visits += before.visits
        self.findings.reached += before.reached
        self.findings.outputs.add(*before.made)
        frame.raised |= before.raised
        hand_over(frame, holder, before.left)
        return before.result

    def open_flags(
        self, frame: Frame, definition: FunctionDefinition, call: ast.Call | None
    ) -> frozenset[str]:
        """The flags that are open in a function which a call at hand gives all."""
        self.entries.given_all.add(definition)
        return handed_on(frame.open_flags, call, definition) if call is not None else NO_FLAGS

    def depth_of(self, frame: Frame, definition: FunctionDefinition) -> int:
        """How much deeper a function lies than the frame that calls it: what may lead to a model
        counts half of what doesn't, and what a constructor calls of its own object is part of
        it."""
        maker = constructor_of(frame) if definition.owner is not None else None
        made = maker.function.owner if maker is not None and maker.function is not None else None
        if made is not None and definition.owner in self.program.lineage(made):
            return 0
        return 1 if definition in self.program.reaching else 2

    def property_value(self, frame: Frame, function: Function) -> Value:
        """What a property gives. Something that isn't at hand, as a logger is, it gives each time:
        that is found out once, and the steps are counted as if it were followed again."""
        known, progress = self.evaluator.names.properties, self.progress
        key = (function.definition, (function.bound or UNKNOWN).types)
        if key in known:
            value, steps = known[key]
            progress.steps += steps
            return value
        before, reached = progress.steps, self.findings.reached
        found = self.enter(frame, function, {})
        if found is None:
            return UNKNOWN
        if is_outside(found) and not progress.is_spent and self.findings.reached == reached:
            known[key] = found, progress.steps - before
        return found

    def run_body(self, frame: Frame) -> Value:
        assert frame.function is not None
        node = frame.function.node
        if isinstance(node, ast.Lambda):
            self.lambdas.add(frame.function)
            return self.evaluator.evaluate(frame, node.body)
        if self.evaluator.walker.execute(frame, node.body):
            note_left(frame)
        put_back(self.memory, frame.absent)
        if frame.function in self.program.enclosing:
            self.memory.keep_closure(frame.function, frame.names)
        if frame.function.name == "__init__" and frame.function.owner is not None:
            return stored_in(frame)
        return frame.returned if frame.returned is not None else UNKNOWN


def is_outside(value: Value) -> bool:
    """Whether a value is something that isn't at hand, and nothing else."""
    return (
        bool(value.types)
        and all(type(kind) is External for kind in value.types)
        and not (value.origins or value.box or value.pieces)
    )


def chains_in(names: dict[str, Value]) -> frozenset[Chain]:
    """Where the outputs were made that a function is given."""
    return frozenset(origin.chain for origin in origins_of(names.values()))


def holder_of_call(frame: Frame, node: ast.Call, method: Function, shape: CallShape) -> str:
    """The name of the object whose method is called: `self` for `super().…`; empty: it has none."""
    if not isinstance(node.func, ast.Attribute):
        return ""
    function = frame.function
    if is_super(node.func.value) and function is not None and function.parameters:
        return function.parameters[0]
    in_front = object_in_front(method, shape)
    return holder_name(node.func.value if in_front is None else in_front)


NAME = re.compile(r"[\w.:/-]{1,40}")
"""A text that names something: a topic, an action."""


def is_another_task(
    frame: Frame, definition: FunctionDefinition, names: Mapping[str, Value]
) -> bool:
    """Whether a function that is under way is called to do something else, by a name that it wasn't
    given before: `publish("draft", text)` in what `publish("idea", text)` calls."""
    said = {name: text for name, value in names.items() if (text := named(value))}
    running: Frame | None = frame
    while said and (running := under_way(running, definition)) is not None:
        before = {name: named(running.names.get(name, UNKNOWN)) for name in said}
        if not any(text and text != said[name] for name, text in before.items()):
            return False
        running = running.caller
    return bool(said)


def named(value: Value) -> str:
    """The name that a value is; empty for any other text."""
    written = value.static_text() or ""
    return written if NAME.fullmatch(written) else ""


def signature(value: Value) -> Hashable:
    """Equal for values that a function can't tell apart."""
    text = None if value.pieces is None else tuple([piece.key for piece in value.pieces])
    return (
        value.types,
        value.origins,
        id(value.box) if value.box is not None else 0,
        text,
        value.constant,
    )
