"""Which loops a call ends: one that is left whenever a call was made in it makes that once."""

from __future__ import annotations

import ast
import itertools
from functools import lru_cache

from charter_engine.contracts.graph import Loop
from charter_engine.parser.branches.settings import path_to
from charter_engine.parser.interpreting.frames import Frame, LoopState
from charter_engine.parser.source.symbols import walk
from charter_engine.parser.source.syntax import LOOPS, WITH_STATEMENTS, leaves

LEAVING = (ast.Return, ast.Raise)
"""What leaves a function, with all loops in it."""


def loop_around(frame: Frame, node: ast.Call) -> Loop | None:
    """The innermost loop of a function that makes a call again."""
    loops = loops_around(frame, node)
    return loops[-1].record if loops else None


def loops_around(frame: Frame, node: ast.Call) -> list[LoopState]:
    """The loops of a function that a call doesn't end."""
    return [one for one in frame.loops if one.node is None or not is_left_after(one.node, node)]


@lru_cache(maxsize=256)
def is_left_after(loop: ast.AST, node: ast.AST) -> bool:
    """Whether a loop is left as soon as a node in it was run: by a `return`, a `raise` or a `break`
    that follows, where nothing before that goes on with the loop, nor handles an error."""
    path = path_to(loop, node)
    steps = list(itertools.pairwise(path))
    if any(isinstance(one, ast.Try) and child in one.body and goes_on(one) for one, child in steps):
        return False
    for depth, (around, child) in reversed(list(enumerate(steps, start=1))):
        is_inner = any(isinstance(one, LOOPS) for one in path[1:depth])
        by = LEAVING if is_inner else (*LEAVING, ast.Break)
        is_handler = isinstance(child, ast.Try) and path[depth + 1] in child.handlers
        for one in statements_from(around, child):
            if leaves([one], by) and not (is_handler and one is child):
                return True
            if any(isinstance(inside, ast.Continue) for inside in walk(one)):
                return False
    return False


def statements_from(around: ast.AST, child: ast.AST) -> list[ast.stmt]:
    """A statement and those behind it in its block."""
    blocks = (getattr(around, name, ()) for name in WITH_STATEMENTS)
    found = next((block for block in blocks if isinstance(block, list) and child in block), [])
    return found[found.index(child) :] if isinstance(child, ast.stmt) else []


def goes_on(attempt: ast.Try) -> bool:
    """Whether a handler of errors may lead to what follows, or to another turn."""
    return not all(leaves(handler.body, (*LEAVING, ast.Break)) for handler in attempt.handlers)
