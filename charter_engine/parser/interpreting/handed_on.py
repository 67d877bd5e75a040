"""Functions that are handed on: to what calls them later, side by side or for each member, and with
arguments that are bound before."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from charter_engine.contracts.graph import Loop
from charter_engine.parser.flows.fanout import (
    MAPPING,
    is_awaited_alone,
    parallel_way,
    way_of,
    way_within,
)
from charter_engine.parser.interpreting.frames import Frame, LoopState
from charter_engine.parser.model_calls import evidence, recognise
from charter_engine.parser.model_calls.recognise import CallShape, Recognition
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.candidates import functions_in, members_in
from charter_engine.parser.values.containers import any_member
from charter_engine.parser.values.strings import arguments_origins
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Element,
    External,
    Function,
    Instance,
    Kind,
    Member,
    Value,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

LATER = MAPPING | frozenset(
    "submit apply_async run_in_executor to_thread run_sync create_task ensure_future start_soon "
    "run run_coroutine_threadsafe Thread Process gather".split()
)
"""Functions that call a function they are given."""

IN_THREADS = frozenset(("to_thread", "run_in_executor"))
"""Those of them that give what it returns when they are awaited."""

RUNNING = frozenset(
    "run call execute attempt attempts retry retries retrying backoff safely timeout timed".split()
)
"""Words of functions that call what they are given, and hand on what that returns."""


def calls_what_it_is_given(shape: CallShape) -> bool:
    """Whether a function that isn't at hand calls the function that it is given: the first, where
    that has no name or its own name says so, or where it does, the only one that is given by
    name."""
    if shape.verb[:1].isupper():
        return False
    is_said = not RUNNING.isdisjoint(recognise.words_of(shape.verb))
    if shape.positional:
        first, value = shape.positional[0]
        if functions_in(value):
            return isinstance(first, ast.Lambda) or is_said
    return is_said and bool(run_by_name(shape))


def run_by_name(shape: CallShape) -> list[tuple[ast.expr, Value]]:
    """The only function that a call gives by name to be run, where what is called says that it runs
    something: `call_with_retry(operation=lambda: ask(text), attempts=3)`."""
    if not shape.keywords or RUNNING.isdisjoint(recognise.words_of(shape.verb)):
        return []
    found = [
        (source, value)
        for name, source, value in shape.keywords
        if functions_in(value) and CALLED_ASIDE.isdisjoint(recognise.words_of(name))
    ]
    return found if len(found) == 1 else []


CALLED_ASIDE = frozenset(
    "on callback callbacks hook error errors handler before after when stop wait condition "
    "predicate key log logger validator validate should is fallback".split()
)
"""Words of parameters that take a function which is called beside what is run."""


class AsksModel(Protocol):
    """Gives the answer of a model, or of an agent, that a call asks."""

    def __call__(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape, found: Recognition, /
    ) -> Value: ...


class HandedOn:
    """Follows functions, and asks models, that a call is given to call."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator, ask: AsksModel) -> None:
        self.program = analysis.program
        self.evaluator = evaluator
        self.ask = ask

    def asks_model(self, shape: CallShape) -> bool:
        """Whether an argument is a model's method, named and not called (`retry(client.…create,
        …)`). What a class is made with may be called later or never."""
        if shape.positional:
            first, value = shape.positional[0]
            asks = isinstance(first, ast.Attribute) and self.is_asking(first, value)
        else:
            handed = handed_on(shape) if shape.keywords else []
            asks = bool(handed) and isinstance(handed[0][0], ast.Attribute)
        return asks and not shape.verb[:1].isupper() and not self.makes_known(shape)

    def makes_known(self, shape: CallShape) -> bool:
        """Whether a call makes something that the catalogue knows: `FunctionTool.from_defaults(fn=
        self.look)`."""
        known = self.program.catalogue.kind_of_constructor
        return any(isinstance(kind, External) and known(kind.dotted) for kind in shape.callee)

    def is_asking(self, written: ast.Attribute, value: Value) -> bool:
        """Whether a method that is named, and not called, asks a model."""
        catalogue = self.program.catalogue
        return catalogue.family_of_path(self.program.path_of(written)) is not None or any(
            isinstance(kind, Member) and catalogue.family_of_verb(kind.kind, kind.path)
            for kind in value.types
        )

    def called_later(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """`executor.submit(f, x)`, `gather(f(x), …)`, `map(f, xs)`, `rows.map(f)`: the function
        they are given is called."""
        for source, value in handed_on(shape):
            given = after(source, shape)
            is_mapped = shape.verb in MAPPING or parallel_way(shape.path) is not None
            if is_mapped and not given and isinstance(node.func, ast.Attribute):
                given = ((node.func.value, receiver),)
            if is_mapped:
                given = tuple((node_, any_member(item)) for node_, item in given)
            keywords = tuple(item for item in shape.keywords if item[1] is not source)
            given, keywords = (*given, *listed(shape)), (*keywords, *named(shape))
            path = self.program.path_of(source)
            later = replace(
                shape,
                path=path,
                verb=path[-1] if path else "",
                callee=value.types,
                receiver=frozenset(),
                positional=given,
                keywords=keywords,
            )
            found = recognise.recognise(later, self.program.catalogue)
            if found is None and isinstance(source, ast.Attribute):
                found = evidence.by_evidence(later, self.program.catalogue) or evidence.runs_agent(
                    later, self.program.catalogue
                )
            functions = functions_in(value)
            if not functions and found is None:
                continue
            way = way_of(shape.path) or parallel_way(shape.path)
            way = None if way is not None and is_awaited_alone(frame, node, way) else way
            outer = frame.fanout
            frame.fanout = way_within(outer, way, bool(frame.loops))
            if is_mapped:
                frame.loops.append(self.mapped_over(node, shape))
            if functions:
                result = self.evaluator.follower.follow(frame, node, functions, later)
            elif found is not None:
                held = source.value if isinstance(source, ast.Attribute) else None
                asked = value if held is None else self.evaluator.evaluate(frame, held)
                result = self.ask(frame, node, asked, later, found)
            frame.fanout = outer
            if not is_mapped:
                return result
            frame.loops.pop()
            return Value(box=Box("list", rest=result), origins=result.origins)
        return None

    def called_in_pairs(self, frame: Frame, node: ast.Call, shape: CallShape) -> Value:
        """`parallel([(module, example), …])`: each module is called with what stands beside it."""
        outer, frame.fanout = frame.fanout, "parallel"
        answers: list[Element] = []
        for pair in members_in(shape.positional[0][1]):
            parts = [item.value for item in pair.box.items] if pair.box is not None else []
            if len(parts) < 2:
                continue
            module, example = parts[:2]
            later = replace(
                shape,
                path=(),
                verb="",
                callee=module.types,
                receiver=frozenset(),
                positional=(),
                keywords=inputs_in(example, node),
            )
            found = recognise.recognise(later, self.program.catalogue)
            functions = self.evaluator.calls.called_as(module)
            if functions:
                answer = self.evaluator.follower.follow(frame, node, functions, later)
            elif found is not None:
                answer = self.ask(frame, node, module, later, found)
            else:
                continue
            answers.append(Element(answer))
        frame.fanout = outer
        return Value(box=Box("list", answers))

    def mapped_over(self, node: ast.Call, shape: CallShape) -> LoopState:
        """The loop that `map(f, xs)` is."""
        over = shape.positional[-1][0] if shape.positional else node
        record = Loop(
            kind="comprehension", line=node.lineno, iterable=self.program.source_of(over)[:200]
        )
        return LoopState(self.program.loop_number(node), record)


def inputs_in(example: Value, node: ast.expr) -> tuple[tuple[str, ast.expr, Value], ...]:
    """What an example gives a module, by its names where they are known."""
    source = example.source if isinstance(example.source, ast.expr) else node
    if example.box is None or not example.box.fields:
        return (("example", source, example),)
    return tuple(
        (name, value.source or source, value) for name, value in example.box.fields.items()
    )


HANDED_ON = frozenset("func function fn target callable method".split())
"""Names of parameters that take a function to call."""


def handed_on(shape: CallShape) -> list[tuple[ast.expr, Value]]:
    """The arguments that may be functions to call: the first (after an executor, the second) or one
    so named, or else the only one that is run."""
    places = shape.positional[: 2 if shape.verb == "run_in_executor" else 1]
    named = [(source, value) for name, source, value in shape.keywords if name in HANDED_ON]
    is_told = bool(named) or any(functions_in(value) for _, value in places)
    return [*places, *(named if is_told else run_by_name(shape))]


def words_handed_on(shape: CallShape) -> tuple[str, ...]:
    """The words of the function that another is given to call:
    `to_thread(collection.query, …)`."""
    written = [source for source, _ in handed_on(shape)] if shape.verb in IN_THREADS else []
    return tuple(
        word
        for source in written
        if isinstance(source, ast.Name | ast.Attribute)
        for word in recognise.words_of(last_name(source))
    )


def as_called(shape: CallShape) -> CallShape:
    """`task.apply_async([text], {"tone": tone})` as the call of the task; any other as it is."""
    if shape.verb != "apply_async":
        return shape
    given = (shape.argument(0, "args") or UNKNOWN).box
    named = (shape.argument(1, "kwargs") or UNKNOWN).box
    placed = [one.value for one in given.items] if given is not None else []
    fields = named.fields if named is not None else {}
    return replace(
        shape,
        positional=tuple((shape.node, value) for value in placed),
        keywords=tuple((name, shape.node, value) for name, value in fields.items()),
    )


def listed(shape: CallShape) -> tuple[tuple[ast.expr, Value], ...]:
    """What `Thread(target=f, args=(x, y))` gives by place."""
    return tuple(
        (node, element.value)
        for name, node, value in shape.keywords
        if name == "args" and takes_arguments(shape) and value.box is not None
        for element in value.box.items
    )


def named(shape: CallShape) -> tuple[tuple[str, ast.expr, Value], ...]:
    """What `Thread(target=f, kwargs={"x": y})` gives by name."""
    return tuple(
        (name, node, held)
        for given, node, value in shape.keywords
        if given == "kwargs" and takes_arguments(shape) and value.box is not None
        for name, held in value.box.fields.items()
    )


def takes_arguments(shape: CallShape) -> bool:
    """Whether a call names the arguments of the function that it is given: `args=[…]`."""
    return shape.verb in STARTED or shape.verb.startswith(BEGINNING)


STARTED = frozenset("Thread Process Timer".split())
"""Classes whose objects call a function that they are made with."""

BEGINNING = ("execute_", "start_")
"""What the names of functions begin with by which a workflow runs another or an activity."""


def partly_called(shape: CallShape) -> Value | None:
    """`partial(f, x, name=y)`: the functions at hand, with what they are given before they are
    called; None without any."""
    if shape.path not in (("partial",), ("functools", "partial")) or not shape.positional:
        return None
    (_, value), *rest = shape.positional
    given = tuple(item for _, item in rest)
    named = tuple((name, item) for name, _, item in shape.keywords if name != "**")
    functions = frozenset(
        replace(kind, given=(*kind.given, *given), named=(*kind.named, *named))
        for kind in value.types
        if isinstance(kind, Function)
    )
    return Value(types=functions, origins=arguments_origins(shape)) if functions else None


def after(source: ast.expr, shape: CallShape) -> tuple[tuple[ast.expr, Value], ...]:
    """The arguments that a function handed on is given by place: those that follow it."""
    numbers = [number for number, (given, _) in enumerate(shape.positional) if given is source]
    return shape.positional[numbers[0] + 1 :] if numbers else shape.positional


GIVING_BACK = frozenset("partial wraps wrap delayed asyncify streamify".split())
"""Functions that give back what they are given in another form."""

MAKING_TOOLS = frozenset("function_tool tool beta_tool kernel_function ai_function".split())
"""Decorators that make a function a tool, which may be called with it as well."""

PROGRAM = Kind("dspy.module")


def stands_for(shape: CallShape) -> Value | None:
    """What a call gives back in another form: `partial(f)`, `function_tool(f)`,
    `streamify(module)`, or a program that an optimizer has compiled; None for any other."""
    first = shape.positional[0][1] if shape.positional else None
    if shape.verb in GIVING_BACK:
        return first
    if shape.verb in MAKING_TOOLS:
        return first if first is not None and functions_in(first) else None
    if shape.verb != "compile":
        return None
    program = shape.argument(0, "student")
    is_program = program is not None and any(
        isinstance(kind, Instance) or kind == PROGRAM for kind in program.types
    )
    return program if is_program else None
