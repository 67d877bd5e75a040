"""Queues: what one task puts in, another takes out, in whatever order the two are started."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.containers import detached
from charter_engine.parser.edges import value_in_round
from charter_engine.parser.frames import Frame
from charter_engine.parser.recognise import CallShape
from charter_engine.parser.values import (
    UNKNOWN,
    Box,
    External,
    Value,
    join,
    moved,
    place_of,
)

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis

QUEUE = External("queue.Queue()")
MODULES = ("asyncio", "queue", "multiprocessing", "gevent.queue", "janus")
CLASSES = ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "JoinableQueue")
MAKING = frozenset(f"{module}.{name}" for module in MODULES for name in CLASSES)
PUTTING = frozenset(("put", "put_nowait"))
TAKING = frozenset(("get", "get_nowait"))
ASKING = frozenset("empty full qsize join task_done".split())


class Queues:
    """Keeps what stands in queues, each known by the place where it is made."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.memory = analysis.memory
        self.progress = analysis.progress
        self.evaluator = evaluator

    def called(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What a call that makes a queue, or uses one, gives; None for any other."""
        if QUEUE in receiver.types and receiver.box is not None:
            return self.used(receiver.box, shape)
        if shape.verb in CLASSES and any(
            isinstance(kind, External) and kind.dotted in MAKING for kind in shape.callee
        ):
            return self.made(frame, node)
        if shape.verb == "iter" and len(node.args) > 1:
            return self.iterated(frame, node.args[0])
        return None

    def made(self, frame: Frame, node: ast.Call) -> Value:
        """A queue: in the rounds of an analysis one, since a reader may be started before the
        writer."""
        function = frame.function
        own = function.parameters[:1] if function is not None and function.takes_self else ()
        kinds = frame.names.get(own[0], UNKNOWN).types if own else ()
        owner = "".join(sorted(map(place_of, kinds)))
        name = f"queue {frame.module.path}:{node.lineno}:{node.col_offset} {owner}"
        box = self.memory.shared.setdefault(name, Box("list"))
        return Value(types=frozenset((QUEUE,)), box=box)

    def used(self, box: Box, shape: CallShape) -> Value | None:
        if shape.verb in PUTTING:
            given = [value for _, value in shape.positional[:1]]
            given += [value for name, _, value in shape.keywords if name == "item"]
            for value in given:
                self.put(box, moved(value, "attribute"))
            return Value()
        if shape.verb in TAKING:
            return value_in_round(box.rest or UNKNOWN, self.progress.round)
        return Value() if shape.verb in ASKING else None

    def put(self, box: Box, value: Value) -> None:
        before = box.rest
        box.rest = value if before is None else join(detached(before), value, "item")
        if before is None or before.all_origins() != box.rest.all_origins():
            self.memory.changes += 1

    def iterated(self, frame: Frame, function: ast.expr) -> Value | None:
        """`iter(queue.get, None)`."""
        if not isinstance(function, ast.Attribute) or function.attr not in TAKING:
            return None
        held = self.evaluator.evaluate(frame, function.value)
        if QUEUE not in held.types or held.box is None:
            return None
        item = value_in_round(held.box.rest or UNKNOWN, self.progress.round)
        return Value(box=Box("list", rest=item), origins=item.origins)
