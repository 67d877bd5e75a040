"""Clients that stand before others of their kind, as a fallback, a cache or a counter does: a
method hands what it is given to the method of the same name of what the object was made with."""

from __future__ import annotations

import ast

from charter_engine.parser.model_calls.asking_names import GENERIC, asks_by_name
from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.source.program import Program
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition


def hands_on(definition: FunctionDefinition, function: ast.expr) -> bool:
    """Whether what is called in a method has its name, and is a method of what its object holds:
    `self.primary.complete` in `complete`."""
    return (
        isinstance(function, ast.Attribute)
        and function.attr == definition.name
        and isinstance(function.value, ast.Attribute)
        and isinstance(function.value.value, ast.Name)
        and function.value.value.id == definition.own_name
        and definition.owner is not None
    )


def gives_what_it_is_given(definition: FunctionDefinition, call: ast.Call) -> bool:
    """Whether a call in a method is given something that the method is given, as it is."""
    given = [*call.args, *(word.value for word in call.keywords)]
    named = [one.value if isinstance(one, ast.Starred) else one for one in given]
    spec = definition.node.args
    rest = {one.arg for one in (spec.vararg, spec.kwarg) if one is not None}
    own = rest.union(definition.parameters)
    return any(isinstance(one, ast.Name) and one.id in own for one in named)


def stands_before(
    program: Program, definition: FunctionDefinition, catalogue: Catalogue
) -> ClassDefinition | None:
    """The only other class at hand whose method of that name may ask a model and does not hand on
    itself, where it is of the same kind as the method's class."""
    owner = definition.owner
    if owner is None or not asks_by_name(definition.name, catalogue):
        return None
    others = [
        other
        for module in program.modules.values()
        for other in module.classes.values()
        for method in [other.methods.get(definition.name)]
        if method is not None
        and method in program.reaching
        and not any(hands_on(method, call.func) for call in method.calls)
        and owner not in program.lineage(other)
        and other not in program.lineage(owner)
    ]
    if len(others) != 1 or not are_of_one_kind(definition, others[0], catalogue):
        return None
    return others[0]


def are_of_one_kind(
    definition: FunctionDefinition, other: ClassDefinition, catalogue: Catalogue
) -> bool:
    """Whether a class may stand for that of a method by its name: both end alike, and share a word
    more, or a model's, or what the method is given."""
    names = [words_of(definition.owner.name if definition.owner else ""), words_of(other.name)]
    if names[0][-1:] != names[1][-1:]:
        return False
    shared = set(names[0]) & set(names[1])
    given = definition.parameters[1:]
    is_same = bool(given) and given == other.methods[definition.name].parameters[1:]
    is_model = not catalogue.evidence.receiver_strong.isdisjoint(shared)
    return len(shared) > 1 or is_model or is_same


def asks_as_model(definition: FunctionDefinition, call: ast.Call, catalogue: Catalogue) -> bool:
    """Whether a method of a class that is named as a model's hands what it is asked to the same
    method of what isn't at hand: `CachedLLM.complete` to `self.inner.complete(prompt)`."""
    owner = definition.owner
    return (
        owner is not None
        and hands_on(definition, call.func)
        and gives_what_it_is_given(definition, call)
        and is_client(owner.name, catalogue)
        and asks_by_name(definition.name, catalogue) > 0
    )


def is_client(name: str, catalogue: Catalogue) -> bool:
    """Whether a class is a model, or a client of one, by its name: `CachedLLM`, `SafeLLMClient`."""
    words = words_of(name)
    models = catalogue.evidence.receiver_strong - GENERIC
    return not models.isdisjoint(words) and words[-1] in models | CLIENTS


CLIENTS = frozenset("client provider backend api adapter wrapper service model".split())
"""Last words of the names of classes whose objects are clients of a vendor."""
