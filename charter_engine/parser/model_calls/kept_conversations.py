"""Functions that put what they are given behind a conversation that their object keeps, and ask all
of it by another function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from charter_engine.parser.flows.edges import parameters_in
from charter_engine.parser.model_calls.chosen_templates import kept_in, names_behind
from charter_engine.parser.model_calls.findings import Visit
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.source.symbols import FunctionDefinition, walk
from charter_engine.parser.source.syntax import last_name


def without_kept(definition: FunctionDefinition, visits: list[Visit], own: set[int]) -> list[Visit]:
    """The visits of a function without what was said before it was called, where it adds what it is
    given, by its `own` parameters, to a conversation and sends that once."""
    added = added_to(definition) if definition.takes_self else frozenset[str]()
    if not added:
        return visits
    return [
        spoken_now(visit, own)
        if not visit.repeated and sends_one_of(definition, visit, added)
        else visit
        for visit in visits
    ]


def spoken_now(visit: Visit, own: set[int]) -> Visit:
    """A visit with nothing but its rules and what a function says of its parameters."""
    prompt = tuple(
        (role, value)
        for role, value in visit.prompt
        if role == "system" or parameters_in(value.all_origins()) & own
    )
    return replace(visit, prompt=prompt)


def added_to(definition: FunctionDefinition) -> frozenset[str]:
    """The attributes of its object that a method adds something to."""
    return frozenset(
        name
        for call in definition.calls
        if words_of(last_name(call.func))[:1] in ADDING
        for name in own_attributes(call.func, definition.own_name)
    )


def sends_one_of(definition: FunctionDefinition, visit: Visit, added: frozenset[str]) -> bool:
    """Whether a method gives what one of some attributes holds to a function that leads to a
    call."""
    entered = {function.name for function in visit.within}
    return any(
        not added.isdisjoint(own_attributes(node, definition.own_name))
        for call in definition.calls
        if last_name(call.func) in entered
        for node in given_to(definition, call)
    )


def given_to(definition: FunctionDefinition, call: ast.Call) -> list[ast.expr]:
    """What a call is given, with what the function keeps under the names in it."""
    kept = kept_in(definition)
    given = [*call.args, *(word.value for word in call.keywords)]
    return given + [value for name in names_behind(call, kept) for value in kept[name]]


def own_attributes(node: ast.AST, own_name: str | None) -> Iterator[str]:
    """The attributes of a method's own object that an expression names."""
    for one in walk(node):
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name):
            yield from [one.attr] if one.value.id == own_name else []


ADDING = (("append",), ("extend",), ("add",))
"""First words of methods that add to a conversation."""
