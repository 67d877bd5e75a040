"""In how many places objects of a class are made, counted by the names that are called."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from charter_engine.parser.source.called_names import names_called
from charter_engine.parser.source.symbols import (
    ClassDefinition,
    FunctionDefinition,
    Module,
    assignments_in,
    nodes_of,
    walk,
)
from charter_engine.parser.source.syntax import last_name

MOST_PLACES = 8
"""A class whose objects are made in more places than this is a helper, not an agent."""

STATIC = frozenset(("staticmethod",))
WORDS = re.compile(r"\w+")


class MadePlaces(NamedTuple):
    """In how many places objects are made of the classes whose objects are told `apart`; the
    classes all of whose objects are made `once`, in one place alone, and those whose objects may be
    `asking` a model; the `makers`, which make another object for each that calls them."""

    apart: dict[ClassDefinition, int]
    once: set[ClassDefinition]
    asking: set[ClassDefinition]
    makers: dict[FunctionDefinition, ClassDefinition]


def places_among(
    modules: Collection[Module],
    functions: Collection[FunctionDefinition],
    may_ask: Callable[[ClassDefinition], bool],
) -> MadePlaces:
    """Where the objects of some modules are made."""
    places = Counter(last_name(call.func) for module in modules for call in module.calls)
    made_in = places_of_classes(modules, places)
    asking = {one for one in made_in if may_ask(one)}
    makers = makers_among(functions, asking, places)
    for maker, made in makers.items():
        made_in[made] += places[maker.name] - 1
    handed = handed_about(functions, made_in.keys() - asking)
    apart = {one: times for one, times in made_in.items() if one.name not in handed}
    once = {one for one, times in made_in.items() if times == 1}
    return MadePlaces(apart, once, asking, makers)


def places_of_classes(
    modules: Collection[Module], places: Mapping[str, int]
) -> dict[ClassDefinition, int]:
    """In how many places objects of each class are made, where these are few."""
    return {
        definition: places[definition.name]
        for module in modules
        for definition in module.classes.values()
        if 0 < places[definition.name] <= MOST_PLACES
    }


def makers_among(
    functions: Iterable[FunctionDefinition],
    classes: Iterable[ClassDefinition],
    places: Mapping[str, int],
) -> dict[FunctionDefinition, ClassDefinition]:
    """The functions, called in few places but in several, that make another object for each that
    calls them."""
    named = {one.name: one for one in classes}
    found: dict[FunctionDefinition, ClassDefinition] = {}
    for function in functions if named else ():
        made = [name for name in names_called(function) if name in named]
        called = places[function.name]
        if called < 2 or len(made) != 1 or places[made[0]] + called > MOST_PLACES + 1:
            continue
        if makes_anew(function, made[0]):
            found[function] = named[made[0]]
    return found


def makes_anew(function: FunctionDefinition, made: str) -> bool:
    """Whether a function returns an object of a class on each of its ways, which it has just made
    and keeps nowhere itself."""
    if isinstance(function.node, ast.Lambda) or not STATIC.issuperset(function.decorators):
        return False
    returned = [one.value for one in nodes_of(function, ast.Return)]
    held = [one for one in returned if isinstance(one, ast.Name)]
    names = {one.id for one in held}
    assigned = assignments_in(function)
    is_kept = any(isinstance(one.value, ast.Name) and one.value.id in names for one in assigned)
    given = [one.value for one in assigned if not names.isdisjoint(names_given(one))]
    makes = [*given, *(one for one in returned if not isinstance(one, ast.Name))]
    is_made = all(isinstance(one, ast.Call) and last_name(one.func) == made for one in makes)
    return bool(returned and makes) and is_made and not is_kept and not function.sets_globals


def names_given(statement: ast.Assign | ast.AnnAssign) -> set[str]:
    """The names that an assignment gives a value."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return {one.id for target in targets for one in walk(target) if isinstance(one, ast.Name)}


def handed_about(
    functions: Iterable[FunctionDefinition], classes: Collection[ClassDefinition]
) -> set[str]:
    """The names of those classes that functions say they are given, or return: where such an object
    was made can't be told there. A constructor keeps what it is given."""
    names = {definition.name for definition in classes}
    found: set[str] = set()
    for function in functions:
        if function.name != "__init__" and not isinstance(function.node, ast.Lambda):
            found |= names & set(names_in_annotations(function.node))
    return found


def names_in_annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The names in what a function says of its parameters and its result."""
    spec = node.args
    given = [item.annotation for item in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    for annotation in (*given, node.returns):
        for part in walk(annotation) if annotation is not None else ():
            if isinstance(part, ast.Name | ast.Attribute):
                yield last_name(part)
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield from WORDS.findall(part.value)
