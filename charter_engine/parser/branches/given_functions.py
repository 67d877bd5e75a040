"""Whether a parameter holds a function since the call that leads to it names one there, as it does
a callback: such a parameter is not `None`."""

from __future__ import annotations

import ast

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import FunctionDefinition, walk
from charter_engine.parser.source.syntax import gives_all, last_name
from charter_engine.parser.source.told_once import told_once
from charter_engine.parser.values.values import Function, Value


def holds_function(frame: Frame | None, name: str) -> bool:
    """Whether a parameter holds a function that its caller names, or that the caller was given so
    itself."""
    if frame is None or frame.function is None or frame.call is None or frame.caller is None:
        return False
    written = argument_for(frame.call, frame.function, name)
    if isinstance(written, ast.Lambda):
        return True
    if not isinstance(written, ast.Name | ast.Attribute):
        return False
    around = frame.caller.function
    if isinstance(written, ast.Name) and around is not None and written.id in around.parameters:
        return is_set_once(written, around) and holds_function(frame.caller, written.id)
    is_defined = is_named_so(frame.names.get(name), last_name(written))
    return is_defined and (around is None or is_set_once(written, around))


def is_named_so(value: Value | None, name: str) -> bool:
    """Whether a value is the function of that name."""
    types = value.types if value is not None else ()
    return len(types) == 1 and all(
        isinstance(kind, Function) and kind.definition.name == name for kind in types
    )


def is_set_once(written: ast.Name | ast.Attribute, function: FunctionDefinition) -> bool:
    """Whether a function leaves what it names as it is: a parameter, or what is defined."""
    return last_name(written) not in names_set(function)


@told_once
def names_set(function: FunctionDefinition) -> frozenset[str]:
    """The last names of what a function assigns."""
    return frozenset(
        last_name(one)
        for one in walk(function.node)
        if isinstance(one, ast.Name | ast.Attribute) and isinstance(one.ctx, ast.Store)
    )


def argument_for(call: ast.Call, function: FunctionDefinition, name: str) -> ast.expr | None:
    """What a call gives a parameter; None where it leaves it out, or doesn't say so one by one."""
    if not gives_all(call):
        return None
    named = next((one.value for one in call.keywords if one.arg == name), None)
    if named is not None or name not in function.parameters:
        return named
    place = function.parameters.index(name) - function.takes_self
    return call.args[place] if 0 <= place < len(call.args) else None
