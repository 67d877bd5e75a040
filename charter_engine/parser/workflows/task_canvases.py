"""Canvases of Celery's: signatures of tasks, and what is put together of these to be run one after
the other or side by side (`chain(read.s(path), tell.s())`, `group(…)`, `chord(…)(tell.s())`).

A canvas is an object with its `WAY`, and its parts by their places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.interpreting.names import with_task
from charter_engine.parser.model_calls.recognise import CallShape, is_called
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.values.candidates import functions_in, members_in
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import UNKNOWN, Box, Element, External, Kind, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator

CANVAS = Kind("celery.canvas")
WAY = "way"
CALLED = "called"
"""Under this name a signature keeps the call that it stands for."""

SIGNING = {"s": "signature", "subtask": "signature", "signature": "signature", "si": "immutable"}
"""Methods of a task that tell what it is to be called with; an immutable one is given nothing of
what was run before it."""

COMPOSING = ("chain", "group", "chord")
RUNNING = frozenset(("apply_async", "delay", "apply"))
KEEPING = frozenset(("set", "on_error", "link_error", "clone"))
"""Methods of canvases that run them, or return them."""

TASK = frozenset(("task", "shared_task"))
"""Names of the decorators that make a function a task."""


class TaskCanvases:
    """Runs canvases."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.signatures: dict[int, tuple[Value, CallShape]] = {}

    def called(self, frame: Frame, receiver: Value, shape: CallShape) -> Value | None:
        """What a call gives that makes a canvas or runs one; None for any other."""
        if shape.verb in SIGNING and any(map(is_task, tasks_in(receiver))):
            return self.signed(receiver, shape)
        if CANVAS in receiver.types and shape.verb in KEEPING:
            return receiver
        if CANVAS in receiver.types and shape.verb in RUNNING:
            return self.run(frame, receiver, shape, None)
        if is_called(shape) and CANVAS in shape.callee:
            return self.run_called(frame, shape)
        if is_composing(shape):
            return composed(shape.verb, [value for _, value in shape.positional])
        return None

    def signed(self, task: Value, shape: CallShape) -> Value:
        """`read.s(path)`: a call of a task that is yet to come."""
        self.signatures[id(shape.node)] = task, shape
        fields = {WAY: static(SIGNING[shape.verb]), CALLED: Value(source=shape.node)}
        return Value(types=frozenset((CANVAS,)), box=Box("object", fields=fields))

    def run_called(self, frame: Frame, shape: CallShape) -> Value:
        """`canvas()`, or of a chord the call that gives it what comes last:
        `chord([…])(tell.s())`."""
        canvas = self.evaluator.evaluate(frame, shape.node.func)
        behind = [value for _, value in shape.positional if CANVAS in value.types]
        return self.run(frame, composed("chain", [canvas, *behind]), shape, None)

    def run(self, frame: Frame, canvas: Value, shape: CallShape, before: Value | None) -> Value:
        """What a canvas gives, whose first tasks are given what was run `before`."""
        if canvas.box is None or CANVAS not in canvas.types:
            return UNKNOWN
        way = canvas.box.fields[WAY].static_text() or ""
        if CALLED in canvas.box.fields:
            return self.run_task(frame, canvas, shape, None if way == "immutable" else before)
        parts = parts_of(canvas)
        if way == "group":
            return self.run_beside(frame, parts, shape, before)
        if way == "chord":
            before = self.run_beside(frame, parts[:1], shape, before)
            parts = parts[1:]
        for part in parts:
            before = self.run(frame, part, shape, before)
        return before or UNKNOWN

    def run_beside(
        self, frame: Frame, parts: list[Value], shape: CallShape, before: Value | None
    ) -> Value:
        outer, frame.fanout = frame.fanout, "gather"
        members = [member for part in parts for member in members_in(part)]
        given = [self.run(frame, member, shape, before) for member in members]
        frame.fanout = outer
        return Value(box=Box("list", [Element(one) for one in given]))

    def run_task(
        self, frame: Frame, canvas: Value, shape: CallShape, before: Value | None
    ) -> Value:
        source = canvas.box.fields[CALLED].source if canvas.box is not None else None
        task, signed = self.signatures[id(source)]
        first = ((shape.node, before),) if before is not None else ()
        call = replace(signed, positional=(*first, *signed.positional), verb="delay")
        functions = [with_task(one) for one in functions_in(task)]
        given = self.evaluator.follower.follow(frame, signed.node, functions, call)
        return replace(given, source=given.source or signed.node)


def piped(left: Value, right: Value) -> Value | None:
    """`read.s(path) | tell.s()`; None for a pipe of anything else."""
    is_canvas = CANVAS in left.types and CANVAS in right.types
    return composed("chain", [left, right]) if is_canvas else None


def tasks_in(value: Value) -> Iterator[FunctionDefinition]:
    return (one.definition for one in functions_in(value))


def is_task(definition: FunctionDefinition) -> bool:
    return any(name.rpartition(".")[2] in TASK for name in definition.decorators)


def is_composing(shape: CallShape) -> bool:
    """Whether a call is one of the functions of Celery's that put canvases together."""
    return External in map(type, shape.callee) and any(
        isinstance(kind, External)
        and kind.dotted.startswith("celery.")
        and kind.dotted.rpartition(".")[2] in COMPOSING
        for kind in shape.callee
    )


def composed(way: str, parts: list[Value]) -> Value:
    fields = {str(place): part for place, part in enumerate(parts)} | {WAY: static(way)}
    return Value(types=frozenset((CANVAS,)), box=Box("object", fields=fields))


def parts_of(canvas: Value) -> list[Value]:
    fields = canvas.box.fields if canvas.box is not None else {}
    return [part for name, part in fields.items() if name.isdigit()]
