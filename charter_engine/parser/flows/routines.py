"""Routines: functions with an endless loop that are started beside others. No turn of one of them
is part of a turn of another."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from charter_engine.parser.flows.fanout import FANOUT
from charter_engine.parser.source.called_names import calls_named
from charter_engine.parser.source.symbols import FunctionDefinition, dotted_name, nodes_of, walk
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.origins import Chain

STARTING = frozenset(
    name
    for name, way in FANOUT.items()
    if way in ("create_task", "submit", "thread", "to_thread", "gather")
) | frozenset(("Process",))
"""Functions that start what they are given, and let it run beside other things."""

ASKING_FLAGS = frozenset("is_set is_alive is_running is_closed done cancelled".split())
"""Methods that tell whether something goes on."""

TAKEN_OUT = -1
"""Which time round a loop of a routine was when something left it by a queue: an earlier one for
whatever that comes to."""


def routines_among(
    definitions: Collection[FunctionDefinition],
) -> dict[FunctionDefinition, list[ast.While]]:
    """The functions that are started somewhere and go round without an end, with their loops."""
    started = {name for one in definitions for name in started_by(one)}
    found = {one: endless_loops(one) for one in definitions if one.name in started}
    return {one: loops for one, loops in found.items() if loops}


def started_by(definition: FunctionDefinition) -> Iterator[str]:
    """The names of the functions that a function starts: `create_task(self.work())`,
    `Thread(target=work)`."""
    for call in calls_named(definition, STARTING):
        for given in (*call.args, *(word.value for word in call.keywords)):
            yield last_name(given.func if isinstance(given, ast.Call) else given)


def endless_loops(definition: FunctionDefinition) -> list[ast.While]:
    loops = [node for node in walk(definition.node) if isinstance(node, ast.While)]
    if not loops:
        return []
    stored = {dotted_name(node) for node in nodes_of(definition, ast.Attribute)}
    return [loop for loop in loops if goes_on(loop.test, stored)]


def goes_on(test: ast.expr, stored: Collection[str]) -> bool:
    """Whether only others end a loop: it tests nothing, or a flag that its function never sets."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Attribute():
            return dotted_name(test) not in stored
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return goes_on(operand, stored)
        case ast.BoolOp(values=values):
            return all(goes_on(value, stored) for value in values)
        case ast.Call(func=ast.Attribute(attr=name), args=[]):
            return name in ASKING_FLAGS
    return False


def was_taken_out(chain: Chain) -> bool:
    """Whether an output has left the routine that made it by a queue."""
    return any(turn == TAKEN_OUT for _, turn in chain[0][1])


def taken_out(chain: Chain, loops: Iterable[int]) -> Chain:
    """An output that leaves the loops of routines."""
    (site, turns), *inner = chain
    left = frozenset(loops)
    return (site, tuple((one, TAKEN_OUT if one in left else turn) for one, turn in turns)), *inner
