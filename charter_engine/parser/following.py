"""Functions and classes at hand: a call of them is followed into their bodies."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from charter_engine.parser import evidence, prompts, recognise
from charter_engine.parser.attributes import (
    GIVEN_TO_BASE,
    NO_ATTRIBUTES,
    AttributeResolver,
    attributes_of,
    hand_over,
    holder_name,
    left_by_each,
    note_left,
)
from charter_engine.parser.dead_ends import DeadEnds
from charter_engine.parser.edges import loops_since
from charter_engine.parser.fanout import SEVERAL, spread_of
from charter_engine.parser.findings import Message, Visit, Wrapper
from charter_engine.parser.frames import Frame, under_way
from charter_engine.parser.frameworks import WHOLE, absorb_box, context_parameter, is_event
from charter_engine.parser.recognise import CallShape, Recognition, constructed_box
from charter_engine.parser.recording import record_fillings
from charter_engine.parser.strings import arguments_origins, origins_of
from charter_engine.parser.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.syntax import declared_fields, is_super
from charter_engine.parser.values import (
    NOTHING,
    UNKNOWN,
    Box,
    Chain,
    Class,
    Element,
    Function,
    Instance,
    Kind,
    Made,
    Member,
    Origin,
    Type,
    Value,
    held_apart,
    join,
    made_in,
    moved,
    place_of,
)

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis

MAX_FRAMES = 5
"""Functions within functions followed from one start; deeper calls are taken as passing their
arguments on."""


NEXT = "handoffs"
"""Under this name an agent keeps those that its tools hand the conversation on to."""

MAX_CHOICES = 8
"""So many functions, or objects whose method it is, a call may lead to."""


@dataclass(slots=True)
class Followed:
    """What following a function with these arguments gave; `left` is what its object holds
    afterwards, `made` the outputs on the way. `names`, `known` and `bound` keep what the key
    identifies alive."""

    result: Value | None
    visits: list[Visit]
    names: dict[str, Value]
    reached: int
    known: AttributeResolver
    bound: Value | None
    left: AttributeResolver
    made: tuple[Chain, ...]


class Parameter(NamedTuple):
    """What a function says of a parameter."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None


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
        self.parameters: dict[FunctionDefinition, tuple[Parameter, ...]] = {}
        self.lambdas: set[FunctionDefinition] = set()

    def follow(
        self, frame: Frame, node: ast.Call, functions: list[Function], shape: CallShape
    ) -> Value:
        holder = holder_of_call(frame, node)
        if len(functions) == 1:
            return self.follow_one(frame, node, functions[0], shape, holder)
        known = attributes_of(frame, holder, frame.names) if holder else NO_ATTRIBUTES
        is_one = len({function.definition for function in functions}) == 1
        each = [
            self.known_of(function, known) if is_one else NO_ATTRIBUTES
            for function in functions[:MAX_CHOICES]
        ]
        result: Value | None = None
        left: list[AttributeResolver] = []
        for function, own in zip(functions, each, strict=False):
            hand_over(frame, holder, own)
            before = self.progress.steps
            value = self.follow_one(frame, node, function, shape, holder if is_one else "")
            if is_one and left:
                self.progress.spare_steps(before)
            result = join(result, value, "result") if result is not None else value
            left.append(attributes_of(frame, holder, frame.names))
        hand_over(frame, holder, left_by_each(left) if is_one else NO_ATTRIBUTES)
        return result or UNKNOWN

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
        names = bind(function, shape)
        wrapper = self.wrapper_for(function, shape)
        if wrapper is not None:
            return self.wrapper_call(frame, node, function, names, wrapper, shape, holder)
        asked = self.asks_elsewhere(frame, function, shape)
        if asked is not None and id(node) in self.findings.opaque:
            return self.evaluator.recorder.model_call(frame, node, UNKNOWN, shape, asked)
        self.note_followed(frame, node, function)
        reached = self.findings.reached
        given = {name: moved(value, "argument") for name, value in names.items()}
        inner = self.enter(frame, function, given, holder)
        if asked is not None and not self.findings.are_judged:
            answered = self.findings.asked_elsewhere.setdefault(function.definition, set())
            answered |= sites_behind(inner)
            unasked = self.findings.reached == reached and not self.makes_asker(inner)
            if unasked and self.is_opaque(frame, node):
                return self.evaluator.recorder.model_call(frame, node, UNKNOWN, shape, asked)
        if inner is None:
            running = under_way(frame, function.definition)
            inner = (
                self.evaluator.calls.passed_on(frame, UNKNOWN, UNKNOWN, shape)
                if running is None
                else running.returned or UNKNOWN
            )
        return moved(self.as_declared(function.definition, inner), "return")

    def as_declared(self, definition: FunctionDefinition, result: Value) -> Value:
        """What a function returned, or what it says it returns where nothing is known of that, or
        only what code that isn't at hand made it with."""
        returns = getattr(definition.node, "returns", None)
        holds = result.box is not None and result.box.kind != "object"
        is_known = result.types or holds or result.pieces or result.constant
        if is_known or not isinstance(returns, ast.Name | ast.Attribute):
            return result
        frame = Frame(definition.module, {})
        types = self.evaluator.names.annotated_types(frame, returns).types
        return replace(result, types=types) if types else result

    def wrapper_for(self, function: Function, shape: CallShape) -> Wrapper | None:
        """The wrapper that a function is, unless this call posts to another address."""
        wrapper = self.findings.wrappers.get(function.definition)
        if wrapper is None:
            return None
        post = self.findings.posts.get(id(self.findings.sites[wrapper.site].node))
        is_elsewhere = post is not None and recognise.posts_elsewhere(shape, post.family)
        return None if is_elsewhere else wrapper

    def is_opaque(self, frame: Frame, node: ast.Call) -> bool:
        """Whether a call that speaks of asking a model led to none that is known, as far as it is
        followed; what is only looked at is settled later."""
        if self.progress.is_looking and self.progress.is_spent:
            if frame.function is not None:
                self.findings.unsettled.add(frame.function)
            return False
        self.findings.opaque.add(id(node))
        return True

    def makes_asker(self, result: Value | None) -> bool:
        """Whether a function gave an object that can be asked: it is a factory."""
        return result is not None and any(
            isinstance(kind, Instance)
            and not self.program.is_record(kind.definition)
            and self.program.may_ask(kind.definition)
            for kind in result.types
        )

    def note_followed(self, frame: Frame, node: ast.Call, function: Function) -> None:
        """Say, if the line is asked for, why a call of a function at hand is none of a model."""
        if self.progress.is_asked(frame.module.path, node):
            name = function.definition.qualname
            self.progress.note(f"{name}(…) is no call: it is followed, but it is no wrapper of one")

    def asks_elsewhere(
        self, frame: Frame, function: Function, shape: CallShape
    ) -> Recognition | None:
        """Whether a call of another module's function is one of a model by what stands here: the
        function may ask in a way that isn't known."""
        if function.definition.module is frame.module:
            return None
        kinds = kinds_in(shape.receiver) | self.evaluator.names.named_kinds(frame, shape.receiver)
        seen = replace(shape, callee=frozenset(), receiver=kinds, held=None)
        catalogue = self.program.catalogue
        return recognise.recognise(seen, catalogue) or evidence.by_evidence(seen, catalogue)

    def wrapper_call(
        self,
        frame: Frame,
        node: ast.Call,
        function: Function,
        names: dict[str, Value],
        wrapper: Wrapper,
        shape: CallShape,
        holder: str,
    ) -> Value:
        """A call of a wrapper is a site of its own; what happens inside is recorded under it."""
        self.findings.called_wrappers.add(function.definition)
        why = f"{function.definition.qualname} asks a model and returns its answer"
        site = self.evaluator.recorder.site_for(
            frame, node, self.findings.sites[wrapper.site].family, "wrapper", (why,)
        )
        site.given = names
        site.via = [number for number in wrapper.sites if number != site.number]
        chain = self.evaluator.recorder.chain_to(frame, site)
        prompt = wrapper_prompt(names, wrapper) or self.findings.sites[wrapper.site].prompt
        self.evaluator.recorder.describe(
            frame, site, prompt, prompts.options_of(shape, evidence.EVIDENCE)
        )
        for _, part in prompt:
            record_fillings(site, part, self.evaluator.recorder.edges_to(frame, chain, part))
        before, frame.chain = frame.chain, chain
        fanout, spread, frame.fanout, frame.spread = frame.fanout, frame.spread, None, None
        inner = self.enter(frame, function, names, holder)
        frame.chain, frame.fanout, frame.spread = before, fanout, spread
        site.fanout = site.fanout or self.spread_within(function.definition)
        if inner is None:
            self.evaluator.recorder.record_edges(frame, chain, origins_of(names.values()), {})
        self.findings.outputs.add(chain)
        answer = replace(inner or UNKNOWN, pieces=None, constant=None)
        asked = origins_of(names.values())
        return replace(answer, origins=answer.origins - asked | {Origin(chain)})

    def spread_within(self, wrapper: FunctionDefinition) -> str | None:
        """How a wrapper asks several times side by side for one call of it."""
        numbers = [self.findings.site_numbers.get(id(call), -1) for call in wrapper.calls]
        sites = [self.findings.sites.get(number) for number in numbers]
        ways = [site.fanout for site in sites if site is not None]
        return next((way for way in ways if way in SEVERAL), None)

    def construct(self, frame: Frame, node: ast.Call, kind: Class, shape: CallShape) -> Value:
        place = self.place_of_object(frame, node, kind.definition)
        instance = Value(
            types=frozenset((Instance(kind.definition, place),)), origins=arguments_origins(shape)
        )
        is_record = self.program.is_record(kind.definition)
        for owner in self.evaluator.names.lineage(kind.definition):
            if "__init__" in owner.methods:
                function = Function(owner.methods["__init__"], replace(instance, origins=NOTHING))
                made = self.enter(frame, function, bind(function, shape))
                box = made.box if made is not None and is_record else None
                agent = self.derived(frame, node, kind.definition, made)
                return agent or replace(instance, origins=NOTHING, box=box)
        agent = self.derived(frame, node, kind.definition, Value(box=constructed_box(shape)))
        if agent is not None:
            return agent
        fields = {name: value for name, _, value in shape.keywords if name != "**"}
        for name, (_, value) in zip(
            declared_fields(kind.definition.node), shape.positional, strict=False
        ):
            fields[name] = value
        if is_event(kind.definition):
            absorb_box(self.memory, Box("dict", fields=fields), kind.definition.name)
        box = Box("object", fields=fields) if fields else None
        is_told = len(fields) == len(shape.positional) + len(shape.keywords)
        if is_told and self.findings.are_judged:
            return replace(instance, box=box, origins=NOTHING)
        return replace(instance, box=box)

    def derived(
        self, frame: Frame, node: ast.Call, definition: ClassDefinition, made: Value | None
    ) -> Value | None:
        """An object of a class that is made from a framework's agent or team, with what its base
        was given and what it holds itself."""
        names = self.evaluator.names
        for kind in sorted(names.base_kinds(definition), key=attrgetter("name")):
            fields: dict[str, Value] = {}
            for owner in reversed(names.lineage(definition)):
                fields |= self.memory.object_of(owner).fields
            fields |= made.box.fields if made is not None and made.box is not None else {}
            fields |= self.handed_on_to(frame, definition, kind)
            found = self.evaluator.teams.made(frame, node, kind.name, Box("object", fields=fields))
            own = frozenset(one for one in found.types if isinstance(one, Made)) if found else None
            if found is not None and own:
                return replace(found, types=own | {Instance(definition)})
        return None

    def handed_on_to(
        self, frame: Frame, definition: ClassDefinition, kind: Kind
    ) -> dict[str, Value]:
        """Whom the tools of an agent's class return, where a framework goes on with them."""
        decorator = self.program.catalogue.kinds[kind.name].returned_by
        bound = Value(types=frozenset((Instance(definition),)))
        returned = [
            self.enter(frame, Function(method, bound), {})
            for owner in (self.evaluator.names.lineage(definition) if decorator else ())
            for method in owner.methods.values()
            if decorator in (name.rpartition(".")[2] for name in method.decorators)
        ]
        agents = [made for value in returned if value is not None for made in made_in(value)]
        if not agents:
            return {}
        items = [Element(Value(types=frozenset((made,)), box=made.box)) for made in agents]
        return {NEXT: Value(box=Box("list", items))}

    def place_of_object(self, frame: Frame, node: ast.Call, definition: ClassDefinition) -> str:
        """Where, in which turns of loops and by which of several objects an object is made; empty
        for one of a class that is made in one place alone, in the first turn, for a record, and
        where too many places make some."""
        places = self.program.made_in.get(definition, 0)
        if not places or self.program.is_record(definition):
            return ""
        turns, maker = turns_of(frame), place_of_own(frame)
        if places == 1 and not turns and not maker:
            return ""
        return f"{frame.module.path}:{node.lineno}:{node.col_offset}{turns}{maker}"

    def enter(
        self, frame: Frame, function: Function, names: dict[str, Value], holder: str = ""
    ) -> Value | None:
        """Follow a call into a function at hand; None where that goes too deep or in circles.

        `holder` names the object in the frame whose method the function is.
        """
        definition = function.definition
        own = definition.parameters[0] if definition.takes_self and definition.parameters else ""
        known = attributes_of(frame, holder, frame.names) if holder and own else NO_ATTRIBUTES
        if holder and own:
            hand_over(frame, holder, NO_ATTRIBUTES)
        running = under_way(frame, definition)
        if running is not None:
            self.hand_down(running, names)
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
        self.entries.note(frame, function, known, unmade)
        spread = spread_of(frame)
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
        )
        before = self.followed.get(key)
        if before is not None:
            if self.findings.visits is not None:
                self.findings.visits += before.visits
            self.findings.reached += before.reached
            self.findings.outputs.add(*before.made)
            hand_over(frame, holder, before.left)
            return before.result
        seen, reached = len(self.findings.visits or ()), self.findings.reached
        made = len(self.findings.outputs.made)
        inner = Frame(
            definition.module,
            self.first_names(function, names),
            function=definition,
            caller=frame,
            chain=frame.chain,
            depth=frame.depth + deeper,
            spread=spread,
            given=chains_in(names) if definition in self.program.recursive else frozenset(),
            elsewhere=frame.elsewhere,
        )
        hand_over(inner, own, known)
        result = self.run_body(inner)
        left = attributes_of(inner, own, inner.left or {})
        visits = (self.findings.visits or [])[seen:]
        reached = self.findings.reached - reached
        if self.progress.is_short and self.progress.left < 0 and not reached:
            self.dead_ends.note(definition, steps, is_looking=self.progress.is_looking)
        made_here = tuple(self.findings.outputs.made[made:])
        self.followed[key] = Followed(
            result, visits, names, reached, known, function.bound, left, made_here
        )
        if holder and own:
            hand_over(frame, holder, left)
        return result

    def depth_of(self, frame: Frame, definition: FunctionDefinition) -> int:
        """How much deeper a function lies than the frame that calls it: what may lead to a model
        counts half of what doesn't, and a base's constructor is part of the object's own."""
        maker = frame.function
        if definition.name == "__init__" and maker is not None and maker.name == "__init__":
            own = self.evaluator.names.lineage(maker.owner) if maker.owner is not None else []
            if definition.owner in own:
                return 0
        return 1 if definition in self.program.reaching else 2

    def hand_down(self, running: Frame, names: dict[str, Value]) -> None:
        """Keep the outputs that a recursion gives its function beside what the function was given:
        they reach it in a later turn."""
        assert running.function is not None
        above = len(running.chain)
        for name, value in names.items():
            made = frozenset(
                Origin(origin.chain[above:], origin.how)
                for origin in moved(value, "argument").all_origins()
                if origin.chain[0][0] >= 0
                and origin.chain not in running.given
                and origin.chain[:above] == running.chain
                and len(origin.chain) > above
            )
            self.memory.handed_down[running.function, name] = (
                self.memory.handed_down.get((running.function, name), NOTHING) | made
            )

    def property_value(self, frame: Frame, function: Function) -> Value:
        found = self.enter(frame, function, {})
        return found if found is not None else UNKNOWN

    def first_names(self, function: Function, names: dict[str, Value]) -> dict[str, Value]:
        """The names a function starts with: its object, what it was given, defaults, and what
        annotations say."""
        definition = function.definition
        spec = definition.node.args
        frame = Frame(definition.module, {})
        found: dict[str, Value] = {}
        for parameter in self.parameters_of(definition):
            value = names.get(parameter.name)
            if value is None and parameter.default is not None:
                value = self.evaluator.evaluate(frame, parameter.default)
            value = value or UNKNOWN
            if parameter.annotation is not None:
                typed = self.evaluator.names.annotated_types(frame, parameter.annotation)
                if typed.types and not value.types:
                    value = replace(value, types=typed.types)
                if typed.box is not None and value.box is None:
                    value = replace(value, box=typed.box)
            found[parameter.name] = value
        self.share_state(definition, names, found)
        for special in (spec.vararg, spec.kwarg):
            if special is not None and special.arg in names:
                found[special.arg] = names[special.arg]
        if definition.takes_self and definition.parameters and definition.owner is not None:
            kind = (
                Class(definition.owner)
                if "classmethod" in definition.decorators
                else Instance(definition.owner)
            )
            bound = function.bound if function.bound is not None and function.bound.types else None
            found[definition.parameters[0]] = bound or Value(types=frozenset((kind,)))
        return found

    def parameters_of(self, definition: FunctionDefinition) -> tuple[Parameter, ...]:
        """A function's parameters, looked up once."""
        known = self.parameters.get(definition)
        if known is None:
            known = self.parameters[definition] = tuple(parameters_in(definition.node.args))
        return known

    def share_state(
        self, definition: FunctionDefinition, names: dict[str, Value], found: dict[str, Value]
    ) -> None:
        """Give a node its graph's state, and a step its event, where the caller gave none."""
        states = self.evaluator.states
        state = states.parameter(definition)
        if state is not None and names.get(state, UNKNOWN).box is None:
            box = states.state_for(definition)
            found[state] = replace(found[state], box=box).with_origins(
                box.fields.get(WHOLE, UNKNOWN).origins
            )
        if definition.decorators or definition.owner in self.program.flows.bases:
            self.share_flow(definition, names, found)
        for parameter, events in states.events_of(definition).items():
            if names.get(parameter, UNKNOWN).box is None:
                found[parameter] = replace(
                    found[parameter], box=states.event_box(events), types=frozenset()
                )

    def share_flow(
        self, definition: FunctionDefinition, names: dict[str, Value], found: dict[str, Value]
    ) -> None:
        """Give a step what the steps of its workflow share, and what those returned that it
        listens to."""
        states = self.evaluator.states
        context = context_parameter(definition)
        if context is not None:
            found[context] = replace(found[context], box=states.context())
        for parameter, value in states.heard_by(definition).items():
            found[parameter] = names.get(parameter, value)

    def run_body(self, frame: Frame) -> Value:
        assert frame.function is not None
        node = frame.function.node
        if isinstance(node, ast.Lambda):
            self.lambdas.add(frame.function)
            return self.evaluator.evaluate(frame, node.body)
        if self.evaluator.walker.execute(frame, node.body):
            note_left(frame)
        if frame.function in self.program.enclosing:
            self.memory.keep_closure(frame.function, frame.names)
        if frame.function.name == "__init__" and frame.function.owner is not None:
            return stored_in(frame)
        return frame.returned if frame.returned is not None else UNKNOWN


def parameters_in(spec: ast.arguments) -> Iterator[Parameter]:
    """The parameters that take one argument, with their defaults."""
    positional = [*spec.posonlyargs, *spec.args]
    required = [None] * (len(positional) - len(spec.defaults))
    for arg, default in zip(positional, [*required, *spec.defaults], strict=True):
        yield Parameter(arg.arg, arg.annotation, default)
    for arg, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        yield Parameter(arg.arg, arg.annotation, default)


def sites_behind(result: Value | None) -> set[int]:
    """The sites whose answers a function returned."""
    origins = result.all_origins() if result is not None else ()
    return {origin.chain[-1][0] for origin in origins if origin.chain[-1][0] >= 0}


def chains_in(names: dict[str, Value]) -> frozenset[Chain]:
    """Where the outputs were made that a function is given."""
    return frozenset(origin.chain for origin in origins_of(names.values()))


def holder_of_call(frame: Frame, node: ast.Call) -> str:
    """The name of the object whose method is called: `self` for `super().…`; empty: it has none."""
    if not isinstance(node.func, ast.Attribute):
        return ""
    function = frame.function
    if is_super(node.func.value) and function is not None and function.parameters:
        return function.parameters[0]
    return holder_name(node.func.value)


def place_of_own(frame: Frame) -> str:
    """Tells apart what one method makes for different objects; empty where there is one alone."""
    function = frame.function
    if function is None or not function.takes_self or not function.parameters:
        return ""
    own = frame.names.get(function.parameters[0], UNKNOWN).types
    places = [place_of(kind) for kind in own if isinstance(kind, Instance)]
    return f"<{places[0]}" if len(places) == 1 and places[0] else ""


def turns_of(frame: Frame) -> str:
    """Tells apart what one place makes in different turns of the loops around it; empty in the
    first."""
    turns = [(loop.record.line, loop.iteration or loop.member) for loop in frame.all_loops()]
    return "".join(f"#{line}.{turn}" for line, turn in turns if turn)


def kinds_in(types: frozenset[Type]) -> frozenset[Type]:
    return frozenset(kind for kind in types if isinstance(kind, Kind | Member))


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


def stored_in(frame: Frame) -> Value:
    """What a constructor left in its object."""
    assert frame.function is not None
    own = frame.function.parameters[0] if frame.function.parameters else ""
    base = frame.names.get(GIVEN_TO_BASE, UNKNOWN).box
    fields = dict(base.fields) if base is not None else {}
    fields |= {
        name.removeprefix(f"{own}."): value
        for name, value in frame.names.items()
        if name in frame.stored and name.startswith(f"{own}.") and name.count(".") == 1
    }
    return Value(box=Box("object", fields=fields))


def bind(function: Function, shape: CallShape) -> dict[str, Value]:
    """The parameters that a call gives a value."""
    definition = function.definition
    parameters = (
        definition.parameters[1:]
        if definition.takes_self and function.bound is not None
        else definition.parameters
    )
    given = [*function.given, *(value for _, value in shape.positional)]
    names = dict(zip(parameters, given, strict=False))
    spec = definition.node.args
    if spec.vararg is not None and len(given) > len(parameters):
        names[spec.vararg.arg] = Value(
            box=Box("tuple", [Element(value) for value in given[len(parameters) :]])
        )
    rest = {name: value for name, value in function.named if name not in definition.parameters}
    names |= {name: value for name, value in function.named if name in definition.parameters}
    for name, _, value in shape.keywords:
        if name == "**":
            rest |= value.box.fields if value.box is not None else {}
        elif name in definition.parameters:
            names[name] = value
        else:
            rest[name] = value
    names |= {name: value for name, value in rest.items() if name in definition.parameters}
    if spec.kwarg is not None:
        names[spec.kwarg.arg] = Value(box=Box("dict", fields=rest))
    return names


def wrapper_prompt(names: dict[str, Value], wrapper: Wrapper) -> tuple[Message, ...]:
    """What a call of a wrapper says itself: the arguments that become the prompt, the system's
    first."""
    given = [name for name in names if name in wrapper.parameters] or list(names)
    wanted = [name for name in given if set(recognise.words_of(name)) & PROMPT_WORDS] or given[:1]
    messages: list[tuple[str, Value]] = []
    for name in sorted(wanted, key=lambda item: "system" not in item):
        messages += prompts.messages_of(names[name], "system" if "system" in name else "")
    return tuple(messages)


PROMPT_WORDS = frozenset(
    "prompt prompts messages message msg msgs query question instruction system content text "
    "input history user conversation task".split()
)
