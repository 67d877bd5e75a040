"""What a function starts with: what a call gives its parameters, defaults, and what annotations and
frameworks say of the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from charter_engine.parser.graphs.frameworks import WHOLE
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.candidates import functions_in, in_order
from charter_engine.parser.values.containers import any_member
from charter_engine.parser.values.origins import NOTHING
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    Element,
    Function,
    Instance,
    Value,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


CONTEXTS = frozenset(("ctx", "context"))
"""What a tool calls that which it shares with others."""


class Parameter(NamedTuple):
    """What a function says of a parameter. `provider` is the function or class that gives it a
    value where no call does, as the module `place` names it."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None
    provider: ast.expr | None
    place: Module


class Arguments:
    """Gives functions the names that they start with."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.evaluator = evaluator
        self.parameters: dict[FunctionDefinition, tuple[Parameter, ...]] = {}

    def first_names(
        self, function: Function, names: dict[str, Value], caller: Frame | None = None
    ) -> dict[str, Value]:
        """The names a function starts with: its object, what it was given, defaults, what
        annotations say, and where none does, what a name that is also a class's does."""
        definition = function.definition
        spec = definition.node.args
        frame = self.evaluator.names.frame_of(definition.module)
        around = frame
        if definition.kept_from_around:
            around = Frame(definition.module, {}, function=definition, caller=caller)
        found: dict[str, Value] = {}
        for parameter in self.parameters_of(definition):
            value = names.get(parameter.name)
            if value is None and parameter.provider is not None:
                place = self.evaluator.names.frame_of(parameter.place)
                value = self.provided(place, parameter.provider)
            elif value is None and parameter.default is not None:
                is_around = parameter.name in definition.kept_from_around
                value = self.evaluator.evaluate(around if is_around else frame, parameter.default)
            value = value or UNKNOWN
            if parameter.annotation is not None:
                typed = self.evaluator.names.annotated_types(frame, parameter.annotation)
                if typed.types and not value.types:
                    value = replace(value, types=typed.types)
                if typed.box is not None and value.box is None:
                    value = replace(value, box=typed.box)
            elif value == UNKNOWN and (named := self.program.named_after(parameter.name)):
                value = Value(types=frozenset((Instance(named),)))
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

    def provided(self, frame: Frame, provider: ast.expr) -> Value:
        """What a provider gives: what the function returns or yields, or an object of the class."""
        value = self.evaluator.evaluate(frame, provider)
        classes = [kind for kind in in_order(value.types) if isinstance(kind, Class)]
        if classes:
            return Value(types=frozenset((Instance(classes[0].definition),)))
        for function in functions_in(value)[:1]:
            definition = function.definition
            given = self.evaluator.follower.enter(frame, function, {}) or UNKNOWN
            yields = definition.is_generator and not definition.manages_context
            return any_member(given) if yields else given
        return UNKNOWN

    def parameters_of(self, definition: FunctionDefinition) -> tuple[Parameter, ...]:
        """A function's parameters, looked up once."""
        known = self.parameters.get(definition)
        if known is None:
            known = self.parameters[definition] = tuple(self.told_of_parameters(definition))
        return known

    def told_of_parameters(self, definition: FunctionDefinition) -> Iterator[Parameter]:
        """What a function says of the parameters that take one argument."""
        spec = definition.node.args
        positional = [*spec.posonlyargs, *spec.args]
        required = [None] * (len(positional) - len(spec.defaults))
        by_place = zip(positional, [*required, *spec.defaults], strict=True)
        by_name = zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
        for arg, default in (*by_place, *by_name):
            meant, place = self.meant_by(definition.module, arg.annotation)
            provider = provider_in(meant, default)
            is_own = provider is None or provider_in(None, default) is provider
            own_place = definition.module if is_own else place
            yield Parameter(arg.arg, arg.annotation, default, provider, own_place)

    def meant_by(
        self, module: Module, annotation: ast.expr | None
    ) -> tuple[ast.expr | None, Module]:
        """An annotation, or what a module at hand gave its name: `AgentDep = Annotated[Agent,
        Depends(get_agent)]`."""
        if not isinstance(annotation, ast.Name):
            return annotation, module
        return self.program.alias_of(module, annotation.id) or (annotation, module)

    def share_state(
        self, definition: FunctionDefinition, names: dict[str, Value], found: dict[str, Value]
    ) -> None:
        """Give a node its graph's state, and a step its event, where the caller gave none."""
        states = self.evaluator.states
        state = states.parameter(definition)
        if state is not None and names.get(state, UNKNOWN).box is not None:
            states.note_given(definition)
        elif state is not None and definition not in states.helpers:
            box = states.state_for(definition)
            found[state] = replace(found[state], box=box).with_origins(
                box.fields.get(WHOLE, UNKNOWN).origins
            )
        if definition.decorators or definition.owner in self.program.flows.bases:
            self.share_flow(definition, names, found)
        elif not CONTEXTS.isdisjoint(definition.parameters):
            self.share_context(definition, found)
        if self.evaluator.role_turns.now is not None:
            found |= self.evaluator.role_turns.given_to(definition)
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
        self.share_context(definition, found)
        heard = self.evaluator.states.heard_by(definition)
        heard |= self.evaluator.mixed.given_to(definition)
        for parameter, value in heard.items():
            found[parameter] = names.get(parameter, value)

    def share_context(self, definition: FunctionDefinition, found: dict[str, Value]) -> None:
        context = self.evaluator.states.context_parameter(definition)
        if context is not None:
            found[context] = replace(found[context], box=self.evaluator.states.context())


def provider_in(annotation: ast.expr | None, default: ast.expr | None) -> ast.expr | None:
    """What a parameter names as its provider: `agent: Agent = Depends(get_agent)`,
    `agent: Annotated[Agent, Depends(get_agent)]`."""
    inside = annotation.slice if isinstance(annotation, ast.Subscript) else None
    marks = inside.elts[1:] if isinstance(inside, ast.Tuple) else []
    for mark in (default, *marks):
        if isinstance(mark, ast.Call) and last_name(mark.func) in PROVIDING and mark.args:
            return mark.args[0]
    return None


PROVIDING = frozenset(("Depends", "Security"))
"""What FastAPI marks a parameter with that a function is to give."""


def bound_before(function: Function) -> dict[str, Value]:
    """The parameters that a function is given a value before it is called."""
    definition = function.definition
    by_place = zip(definition.parameters[definition.takes_self :], function.given, strict=False)
    named = {name: value for name, value in function.named if name in definition.parameters}
    return dict(by_place) | named


def bind(function: Function, shape: CallShape) -> dict[str, Value]:
    """The parameters that a call gives a value."""
    definition = function.definition
    parameters = (
        definition.parameters[1:]
        if definition.takes_self and function.bound is not None
        else definition.parameters
    )
    given = [*function.given, *[value for _, value in shape.positional]]
    names = dict(zip(parameters, given, strict=False))
    spec = definition.node.args
    if spec.vararg is not None and len(given) > len(parameters):
        names[spec.vararg.arg] = Value(
            box=Box("tuple", [Element(value) for value in given[len(parameters) :]])
        )
    rest: dict[str, Value] = {}
    unnamed = NOTHING
    for name, value in function.named:
        (names if name in definition.parameters else rest)[name] = value
    for name, _, value in shape.keywords:
        if name == "**":
            rest |= value.box.fields if value.box is not None else {}
            other = value if value.box is None else value.box.rest
            unnamed |= other.all_origins() if other is not None else NOTHING
            unnamed |= value.origins
        elif name in definition.parameters:
            names[name] = value
        else:
            rest[name] = value
    if rest:
        names |= {name: value for name, value in rest.items() if name in definition.parameters}
    if unnamed:
        names = dict.fromkeys(parameters, Value(origins=unnamed)) | names
    if spec.kwarg is not None:
        others = Value(origins=unnamed) if unnamed else None
        names[spec.kwarg.arg] = Value(box=Box("dict", fields=rest, rest=others))
    return names
