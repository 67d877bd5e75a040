"""Queues, context variables and text buffers: what one function puts in, another takes out.

Each is known by the place where it is made. A queue's reader may be started before its writer.
"""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from charter_engine.parser.flows.edges import value_in_round, with_chains
from charter_engine.parser.flows.routines import taken_out
from charter_engine.parser.interpreting.frames import Frame, functions_under_way
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.values.candidates import place_of
from charter_engine.parser.values.containers import detached
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.values import UNKNOWN, Box, External, Value, is_answer, moved

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

MODULES = ("asyncio", "queue", "multiprocessing", "gevent.queue", "janus")
CLASSES = ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "JoinableQueue")
QUEUES = frozenset(f"{module}.{name}" for module in MODULES for name in CLASSES)
IN_ORDER = frozenset(("contextvars.ContextVar", "io.StringIO"))
"""What is read only after it was written."""

FIELDS = frozenset(("field", "Field"))
"""Functions that declare an attribute of a class."""

PUTTING = frozenset("put put_nowait set write writelines".split())
TAKING = frozenset("get get_nowait getvalue read".split())
ASKING = frozenset("empty full qsize join task_done close flush seek".split())


class Queues:
    """Keeps what stands in queues and their like. `answered` are those into which an answer was
    put, `taken_by` those that a function takes from, itself or by what it calls."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.known: set[External] = set()
        self.answered: set[External] = set()
        self.taken_by: dict[FunctionDefinition, set[External]] = {}

    def called(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Value | None:
        """What a call that makes a queue, or uses one, gives; None for any other."""
        queues = self.queues_in(receiver)
        if queues:
            return self.used(frame, queues, shape)
        if shape.verb == "iter" and len(shape.positional) > 1:
            return self.iterated(frame, node.args[0])
        made = self.class_made(shape)
        return self.made(frame, node, is_queue=made in QUEUES) if made else None

    def queues_in(self, value: Value) -> list[External]:
        if not self.known or not value.types:
            return []
        known = [kind for kind in value.types if isinstance(kind, External) and kind in self.known]
        return sorted(known, key=lambda kind: kind.dotted)

    def class_made(self, shape: CallShape) -> str:
        """The class that a call makes an object of: `Queue()`, `field(default_factory=Queue)`;
        empty for any other class."""
        types = shape.callee
        if shape.verb in FIELDS:
            given = [value for name, _, value in shape.keywords if name == "default_factory"]
            types = given[0].types if given else types
        for kind in types:
            if isinstance(kind, External) and (kind.dotted in QUEUES or kind.dotted in IN_ORDER):
                return kind.dotted
        return ""

    def made(self, frame: Frame, node: ast.Call, is_queue: bool) -> Value:
        """A queue, which in all rounds of an analysis is one, or something like it, which begins
        empty."""
        owner = "".join(sorted(map(place_of, frame.own_types)))
        queue = External(f"queue {frame.module.path}:{node.lineno}:{node.col_offset} {owner}")
        self.known.add(queue)
        if not is_queue:
            self.memory.shared_box(queue.dotted).rest = None
        return Value(types=frozenset((queue,)))

    def used(self, frame: Frame, queues: list[External], shape: CallShape) -> Value | None:
        if shape.verb in PUTTING:
            item = shape.argument(0, "item")
            if item is None:
                return Value()
            if is_answer(item):
                self.answered.update(queues)
            for queue in queues:
                self.put(self.memory.shared_box(queue.dotted), moved(item, "attribute"))
            return Value()
        if shape.verb in TAKING:
            for function in functions_under_way(frame):
                self.taken_by.setdefault(function, set()).update(queues)
            return self.taken_in(frame, self.taken(queues))
        return Value() if shape.verb in ASKING else None

    def hands_out(self, function: FunctionDefinition) -> bool:
        """Whether a function takes what others were answered out of a queue: it asks nobody for
        that itself."""
        return not self.answered.isdisjoint(self.taken_by.get(function, ()))

    def put(self, box: Box, value: Value) -> None:
        before = box.rest
        box.rest = value if before is None else join(detached(before), value, "item")
        if before is None or before.all_origins() != box.rest.all_origins():
            self.memory.changes += 1

    def taken(self, queues: list[External]) -> Value:
        """What was put into any of the queues, in any round."""
        found: Value | None = None
        for queue in queues:
            item = self.memory.shared_box(queue.dotted).rest
            if item is not None:
                found = item if found is None else join(detached(found), item, "item")
        return value_in_round(found or UNKNOWN, self.progress.round)

    def taken_in(self, frame: Frame, value: Value) -> Value:
        """What a function takes out of a queue: it has left the routines that the function is no
        part of, and is part of a turn of those that it is one of."""
        routines = self.program.routines
        if not routines or not is_answer(value):
            return value
        sites = {origin.chain[0][0] for origin in value.all_origins()}
        around = functions_under_way(frame) & routines.keys()
        for one in around:
            self.findings.taken.setdefault(one, set()).update(sites)
        others = routines.keys() - around
        left = frozenset[int]().union(*[routines[one] for one in others])
        return with_chains(value, partial(taken_out, loops=left))

    def iterated(self, frame: Frame, function: ast.expr) -> Value | None:
        """`iter(queue.get, None)`."""
        if not isinstance(function, ast.Attribute) or function.attr not in TAKING:
            return None
        queues = self.queues_in(self.evaluator.evaluate(frame, function.value))
        if not queues:
            return None
        item = self.taken(queues)
        item = self.taken_in(frame, item)
        return Value(box=Box("list", rest=item), origins=item.origins)
