"""What a function starts and lets run beside other things that it starts: tasks and threads that
stand one by one, without a loop or a function that waits for all of them."""

from __future__ import annotations

import ast
from itertools import combinations

from charter_engine.parser.branches.flags import LEAVING
from charter_engine.parser.flows.fanout import FANOUT, GATHERING, SEVERAL
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.called_names import calls_named
from charter_engine.parser.source.symbols import FunctionDefinition, walk
from charter_engine.parser.source.syntax import last_name, stands_in
from charter_engine.parser.source.told_once import told_once

STARTING = frozenset(
    name for name, way in FANOUT.items() if way in ("create_task", "submit", "thread")
)
"""Functions that start one thing each."""

WAITING = frozenset("result join get".split())
"""Methods of what was started that wait for its end."""

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def spread_of(frame: Frame, call: ast.Call | None) -> str | None:
    """How the calls of a function that is entered from here run side by side; `call` enters it
    where one is written."""
    if frame.fanout is None:
        return frame.spread
    is_several = frame.fanout in SEVERAL or bool(frame.loops)
    if not is_several and call is not None and frame.function is not None:
        is_several = is_started_beside(frame.function, call)
    return frame.fanout if is_several else frame.spread


def is_started_beside(function: FunctionDefinition, node: ast.Call) -> bool:
    """Whether a call is what a function starts beside something else, or in which it starts that:
    `create_task(plan(x))`, `pool.submit(plan, x)`."""
    start: ast.AST | None = node
    while isinstance(start, ast.Call | ast.keyword | ast.Starred):
        if id(start) in started_beside(function):
            return True
        start = function.module.parents.get(start)
    return False


@told_once
def started_beside(function: FunctionDefinition) -> frozenset[int]:
    """The calls of a function that start what runs beside something else that it starts, or what it
    keeps in a set, with what it started in earlier runs."""
    starting = calls_named(function, STARTING)
    starts = sorted(
        (call for call in starting if is_left_alone(function, call)), key=lambda call: call.lineno
    )
    together = {
        id(call)
        for pair in combinations(starts, 2)
        if ast.dump(pair[0].func) == ast.dump(pair[1].func) and overlap(function, *pair)
        for call in pair
    }
    return frozenset(together | {id(call) for call in starts if is_in_a_set(function, call)})


def is_left_alone(function: FunctionDefinition, call: ast.Call) -> bool:
    """Whether a function starts something itself, and doesn't wait for it at once."""
    parents = function.module.parents
    parent = parents.get(call)
    if isinstance(parent, ast.Await) or (
        isinstance(parent, ast.Attribute) and parent.attr in WAITING
    ):
        return False
    return not any(
        isinstance(node, SCOPES) and node is not function.node and call in walk(node)
        for node in walk(function.node)
    )


def is_in_a_set(function: FunctionDefinition, call: ast.Call) -> bool:
    """Whether what a call starts is added to a set: `tasks.add(create_task(plan(x)))`, by itself or
    by its name."""
    names = names_of(function, call)
    return any(
        last_name(one.func) == "add"
        and any(
            given is call or (isinstance(given, ast.Name) and given.id in names)
            for given in one.args
        )
        for one in function.calls
    )


def names_of(function: FunctionDefinition, call: ast.Call) -> frozenset[str]:
    parent = function.module.parents.get(call)
    targets = parent.targets if isinstance(parent, ast.Assign) else ()
    return frozenset(target.id for target in targets if isinstance(target, ast.Name))


def overlap(function: FunctionDefinition, first: ast.Call, second: ast.Call) -> bool:
    """Whether one run of a function comes to both of two calls that start something, and doesn't
    wait in between for what the first one started."""
    names = names_of(function, first)
    return not any(
        parts(node, first, second) or waits(node, names, first, second)
        for node in walk(function.node)
    )


def parts(node: ast.AST, first: ast.Call, second: ast.Call) -> bool:
    """Whether a statement lets a run come to one of two calls alone, or ends what the first one
    started before the second."""
    match node:
        case ast.If(body=body, orelse=other):
            blocks = [body, other]
        case ast.Try(body=body, handlers=handlers):
            blocks = [body, *(one.body for one in handlers)]
        case ast.Match(cases=cases):
            blocks = [one.body for one in cases]
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return stands_in(body, first) and not stands_in(body, second)
        case _:
            return False
    own = next((block for block in blocks if stands_in(block, first)), None)
    if own is None or stands_in(own, second):
        return False
    return isinstance(own[-1], LEAVING) or any(stands_in(block, second) for block in blocks)


def waits(node: ast.AST, names: frozenset[str], first: ast.Call, second: ast.Call) -> bool:
    """Whether an expression between two calls waits for what the first one started."""
    if not isinstance(node, ast.Await | ast.Call):
        return False
    if not first.lineno < node.lineno < second.lineno:
        return False
    if isinstance(node, ast.Await):
        return any(
            (isinstance(part, ast.Name) and part.id in names)
            or (isinstance(part, ast.Call) and last_name(part.func) in GATHERING)
            for part in walk(node)
        )
    match node.func:
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return name in names and attribute in WAITING
    return False
