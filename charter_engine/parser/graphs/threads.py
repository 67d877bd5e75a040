"""The threads of LangGraph: under which one an agent that keeps what was said is asked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from charter_engine.parser.flows.edges import turned
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.symbols import FunctionDefinition, Module, assignments_in, walk
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.source.told_once import told_once
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.values import UNKNOWN, Value

CONFIG = "config"
"""The argument that names the thread: by this name, or second by place."""

FRESH = frozenset("uuid1 uuid4 uuid7 token_hex token_urlsafe time now".split())
"""Functions that give something else each time, of which a new thread's name is made."""

MAX_NAMES = 8
"""So many names are followed to what a thread's name is made of: assumed to be plenty."""


def thread_of(shape: CallShape) -> str:
    """The thread that a call names, where that stands in the source; else empty."""
    config = given_config(shape)
    held = config[1].box.fields if config is not None and config[1].box is not None else {}
    named = held.get("configurable", UNKNOWN).box
    return (named.fields.get("thread_id", UNKNOWN).static_text() or "") if named else ""


def given_config(shape: CallShape) -> tuple[ast.expr, Value] | None:
    by_name = next(((node, value) for name, node, value in shape.keywords if name == CONFIG), None)
    return by_name or (shape.positional[1] if len(shape.positional) > 1 else None)


def begins_anew(frame: Frame, shape: CallShape) -> bool:
    """Whether the thread of a call is another in each turn: of the loop around it, or else of its
    function."""
    config = given_config(shape)
    inner = frame.loops[-1] if frame.loops else None
    function = frame.function.node if frame.function is not None else None
    turn = inner.node if inner is not None else function
    if config is None or (inner is None and function is None):
        return False
    turning = set(re.findall(r"\w+", (inner.record.target or "") if inner is not None else ""))
    made = given_by(walk(turn) if turn is not None else ())
    pending, followed = [config[0]], set[str]()
    while pending and len(followed) < MAX_NAMES:
        for node in ast.walk(pending.pop()):
            if isinstance(node, ast.Call) and last_name(node.func) in FRESH:
                return True
            if not isinstance(node, ast.Name) or node.id in followed:
                continue
            if node.id in turning:
                return True
            followed.add(node.id)
            pending += made.get(node.id, ())
    return False


@told_once
def assigned_in(scope: FunctionDefinition | Module) -> dict[str, list[ast.expr]]:
    """What a function or a module gives its names."""
    return given_by(assignments_in(scope))


def given_by(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """What the assignments among some nodes give each name."""
    made: dict[str, list[ast.expr]] = {}
    for node in nodes:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Name) and isinstance(node, ast.Assign):
                made.setdefault(target.id, []).append(node.value)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            made.setdefault(node.target.id, []).append(node.value)
    return made


def is_of_this_turn(origin: Origin, chain: Chain) -> bool:
    """Whether an answer was given in the turn in which `chain` asks."""
    pairs = zip(origin.chain, chain, strict=False)
    return not any(turned(made, read) for (_, made), (_, read) in pairs)
