"""Conversations that the state of a graph keeps: every pass of the cycle adds its answers to them.

What such a state holds is known by what was left in it, not as a list. A prompt that sends its
conversation is written as one: its beginning, and what each turn leaves.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator

from charter_engine.parser.graphs.frameworks import is_removal, key_in
from charter_engine.parser.graphs.given_states import state_parameter
from charter_engine.parser.graphs.spoken import TALK
from charter_engine.parser.model_calls.findings import Message, Site
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.prompts.turns import grown_from
from charter_engine.parser.source.symbols import FunctionDefinition, dotted_name
from charter_engine.parser.values.values import UNKNOWN, Hole, Limit, Value


def with_conversation(site: Site) -> Site:
    """A call that sends a conversation of its graph's state, with what each turn leaves in it; any
    other call as it is."""
    if site.edges.get((site.number, "loop")) != "state" or site.function is None:
        return site
    kept = [place for place, message in enumerate(site.prompt) if is_kept(message, site)]
    if not kept or grown_from(site.opening, site.prompt) is not None:
        return site
    hole = hole_of(site.prompt[kept[0]])
    assert hole is not None
    name = source_in(site.function, hole)
    limit = limit_in(site)
    before, behind = site.prompt[: kept[0]], site.prompt[kept[-1] + 1 :]
    beginning = Hole(name, UNKNOWN, site.node.lineno)
    begun: Message = ("user", Value(pieces=(beginning,), limit=limit))
    each: list[Message] = []
    now: list[Message] = []
    fillings = dict(site.fillings)
    for chain, (number, carried) in sorted(site.fillings[hole.key].items()):
        answer = Hole(name, UNKNOWN, site.node.lineno, number + 1)
        if answer.key not in fillings:
            each.append(("assistant", Value(pieces=(answer,), limit=limit)))
            fillings[answer.key] = {chain: (number, "loop")}
        if carried == "data":
            this_turn = Hole(name, UNKNOWN, site.node.lineno, -number - 1)
            now.append(("assistant", Value(pieces=(this_turn,))))
            fillings[this_turn.key] = {chain: (number, "data")}
    return dataclasses.replace(
        site,
        opening=(*before, begun, *now, *behind),
        prompt=(*before, begun, *each, *now, *behind),
        fillings=fillings,
        settled=site.settled | {beginning.key},
    )


def hole_of(message: Message) -> Hole | None:
    """What fills a part of a prompt of which nothing else is known."""
    role, value = message
    only = value.pieces[0] if value.pieces is not None and len(value.pieces) == 1 else None
    return only if isinstance(only, Hole) and not role else None


def is_kept(message: Message, site: Site) -> bool:
    """Whether a part of a prompt is the conversation that the call's own answers go to."""
    hole = hole_of(message)
    if hole is None or site.function is None or not source_in(site.function, hole):
        return False
    return any(
        number == site.number and carried == "loop"
        for number, carried in site.fillings.get(hole.key, {}).values()
    )


def source_in(function: FunctionDefinition, hole: Hole) -> str:
    """Where a function takes the conversation from that fills a hole; empty where it takes none."""
    inside = function.node if isinstance(hole.source, str) else hole.source
    return next((ast.unparse(node) for node in conversations_in(function, inside)), "")


def conversations_in(function: FunctionDefinition, inside: ast.AST) -> Iterator[ast.expr]:
    """The keys of a function's state that hold a conversation, as they are written."""
    state = state_parameter(function) or ""
    for node in ast.walk(inside):
        if isinstance(node, ast.expr) and not TALK.isdisjoint(words_of(key_in(node, state))):
            yield node


def limit_in(site: Site) -> Limit | None:
    """What bounds a call's conversation: a window or a trim of its function, or what a node of the
    same file removes."""
    assert site.function is not None
    for node in ast.walk(site.function.node):
        if isinstance(node, ast.Subscript) and (last := members_kept(node)):
            return Limit(last)
        if isinstance(node, ast.Call) and dotted_name(node.func).endswith("trim_messages"):
            return trimmed(node)
    for function in site.module.functions.values():
        for node in ast.walk(function.node):
            if isinstance(node, ast.ListComp) and is_removal(node.elt):
                last = members_left(node.generators[0].iter)
                return Limit(last) if last else None
    return None


def members_kept(node: ast.Subscript) -> int:
    """How many members `x[-n:]` has; 0 for anything else."""
    bounds = node.slice
    return negative(bounds.lower) if isinstance(bounds, ast.Slice) and bounds.upper is None else 0


def members_left(node: ast.expr) -> int:
    """How many members are left of what `x[:-n]` is taken away from; 0 where that isn't told."""
    bounds = node.slice if isinstance(node, ast.Subscript) else None
    return negative(bounds.upper) if isinstance(bounds, ast.Slice) else 0


def negative(node: ast.expr | None) -> int:
    """n of `-n`; 0 for anything else."""
    operand = node.operand if isinstance(node, ast.UnaryOp) else None
    value = operand.value if isinstance(operand, ast.Constant) else 0
    return value if isinstance(value, int) else 0


def trimmed(node: ast.Call) -> Limit:
    """`trim_messages(…, max_tokens=n)`, which counts messages where `len` counts its tokens."""
    given = {item.arg: item.value for item in node.keywords}
    size, counter = given.get("max_tokens"), given.get("token_counter")
    number = size.value if isinstance(size, ast.Constant) else 0
    by_message = isinstance(counter, ast.Name) and counter.id == "len"
    return Limit(number if isinstance(number, int) else 0, "messages" if by_message else "tokens")
