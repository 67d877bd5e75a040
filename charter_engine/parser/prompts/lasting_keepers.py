"""What keeps a conversation for longer than a function runs: what a module holds, an object, or
either of them under keys."""

from __future__ import annotations

import ast
from typing import NamedTuple, TypeGuard

from charter_engine.parser.graphs.threads import assigned_in
from charter_engine.parser.source.symbols import (
    ClassDefinition,
    FunctionDefinition,
    Module,
    nodes_of,
)

LOOKING_UP = frozenset(("get", "setdefault"))
"""Methods that give what a dict holds."""

MOST_STEPS = 4
"""Assumed: names and functions between what keeps a conversation and where it is asked."""


class LastingHolder(NamedTuple):
    """A name of a module, or an attribute of an object of `owner`."""

    name: str
    owner: ClassDefinition | None = None


def lasting_holder(
    node: ast.expr, function: FunctionDefinition | None, module: Module, steps: int = MOST_STEPS
) -> LastingHolder | None:
    """What holds a conversation for longer than a function runs (`chat` of a module, `self.chat`),
    or holds it under a key (`chats[user]`), also where a function hands it out (`get_chat(user)`);
    None where nothing does."""
    if steps == 0:
        return None
    parts: list[ast.expr] = []
    match node:
        case ast.Name(id=name):
            if is_held_by_module(name, function, module):
                return LastingHolder(name)
            parts = assigned_in(function).get(name, []) if function is not None else []
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            owner = owner_of(name, function)
            return LastingHolder(attribute, owner) if owner is not None else None
        case ast.Subscript(value=ast.Name() | ast.Attribute() as holder):
            parts = [holder]
        case ast.Call(func=called):
            handed = handed_out(called, function, module, steps)
            parts = [called.value] if is_look_up(called) and not handed else []
            return handed or first_held(parts, function, module, steps)
        case ast.Await(value=value) | ast.NamedExpr(value=value):
            parts = [value]
        case ast.BoolOp(values=values):
            parts = values
        case ast.IfExp(body=body, orelse=orelse):
            parts = [body, orelse]
    return first_held(parts, function, module, steps)


def first_held(
    parts: list[ast.expr], function: FunctionDefinition | None, module: Module, steps: int
) -> LastingHolder | None:
    found = (lasting_holder(part, function, module, steps - 1) for part in parts)
    return next(filter(None, found), None)


def is_look_up(called: ast.expr) -> TypeGuard[ast.Attribute]:
    """Whether what is called gives what a dict holds."""
    return isinstance(called, ast.Attribute) and called.attr in LOOKING_UP


def handed_out(
    called: ast.expr, function: FunctionDefinition | None, module: Module, steps: int
) -> LastingHolder | None:
    """What holds that which a function of the module hands out, or a method of the same object."""
    owner = None
    match called:
        case ast.Name(id=name):
            pass
        case ast.Attribute(value=ast.Name(id=holder), attr=name):
            owner = owner_of(holder, function)
            if owner is None:
                return None
        case _:
            return None
    found = (
        first_held(returned_by(one), one, module, steps)
        for one in module.functions.values()
        if one.name == name and one.owner is owner and one.outer is None
    )
    return next(filter(None, found), None)


def returned_by(function: FunctionDefinition) -> list[ast.expr]:
    return [node.value for node in nodes_of(function, ast.Return) if node.value is not None]


def owner_of(name: str, function: FunctionDefinition | None) -> ClassDefinition | None:
    """The class whose object a method calls so; None for any other name."""
    return function.owner if function is not None and name == function.own_name else None


def is_held_by_module(name: str, function: FunctionDefinition | None, module: Module) -> bool:
    """Whether a name in a function is its module's."""
    is_local = function is not None and (
        name in function.parameters or name in assigned_in(function)
    )
    is_known = name in assigned_in(module) or name in module.imports
    return is_known and not is_local
