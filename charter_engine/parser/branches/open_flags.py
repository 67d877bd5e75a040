"""Flags of which only a default is known: what a server or a thread runs may be given either."""

from __future__ import annotations

import ast

from charter_engine.parser.flows.kept_state import runs_once
from charter_engine.parser.source.symbols import FunctionDefinition

NO_FLAGS: frozenset[str] = frozenset()


def flags_of(definition: FunctionDefinition) -> frozenset[str]:
    """The parameters that are on, or off, unless a call says otherwise: `checks=False`."""
    spec = definition.node.args
    if not spec.defaults and not spec.kw_defaults:
        return NO_FLAGS
    by_place = spec.args[len(spec.args) - len(spec.defaults) :]
    defaults = [*zip(by_place, spec.defaults, strict=True)]
    defaults += [
        (one, default)
        for one, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
        if default is not None
    ]
    return frozenset(one.arg for one, default in defaults if is_flag(default))


def is_flag(default: ast.expr) -> bool:
    return isinstance(default, ast.Constant) and isinstance(default.value, bool)


def left_open(definition: FunctionDefinition, called: set[FunctionDefinition]) -> frozenset[str]:
    """The flags of a function that the analysis starts with and that nothing at hand calls."""
    is_known = definition in called or runs_once(definition)
    return NO_FLAGS if is_known else flags_of(definition)


def handed_on(
    open_flags: frozenset[str], call: ast.Call, definition: FunctionDefinition
) -> frozenset[str]:
    """The parameters that a call gives a flag which is open where it stands."""
    if not open_flags:
        return NO_FLAGS
    names = definition.parameters[definition.takes_self :]
    given = [*zip(names, call.args, strict=False)]
    given += [(word.arg, word.value) for word in call.keywords if word.arg is not None]
    return frozenset(
        name for name, value in given if isinstance(value, ast.Name) and value.id in open_flags
    )
