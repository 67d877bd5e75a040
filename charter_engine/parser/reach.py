"""Which functions may lead to a model call, judged by the names they call: the others need not be
followed far."""

from __future__ import annotations

import ast
from collections.abc import Collection

from charter_engine.parser.catalogue import Catalogue
from charter_engine.parser.evidence import is_model_class
from charter_engine.parser.recognise import names_in, words_of
from charter_engine.parser.symbols import FunctionDefinition, Module, dotted_name
from charter_engine.parser.syntax import annotation_names, output_name


def functions_that_reach(
    modules: Collection[Module], catalogue: Catalogue
) -> set[FunctionDefinition]:
    """Functions that call something asking, or a function that does, by bare names: too many rather
    than too few."""
    called = {
        definition: names_called(definition)
        for module in modules
        for definition in module.functions.values()
        if not isinstance(definition.node, ast.Lambda)
    }
    own_names = {definition.name for definition in called}
    asking = {
        name for names in called.values() for name in names if may_ask(name, own_names, catalogue)
    }
    for module in modules:
        asking |= names_of_models(module, catalogue)
    given_model = {definition for definition in called if is_given_model(definition, catalogue)}
    reached: set[FunctionDefinition] = set()
    changed = True
    while changed:
        changed = False
        for definition, names in called.items():
            if definition not in reached and (names & asking or definition in given_model):
                reached.add(definition)
                asking |= {definition.name} | (
                    {definition.owner.name}
                    if definition.name == "__init__" and definition.owner
                    else set()
                )
                if definition.name in ("__call__", "forward"):
                    asking |= names_of_instances(called)
                changed = True
    return reached


def names_called(definition: FunctionDefinition) -> set[str]:
    """The last names of what a function calls or hands on to be called; attributes of its own
    object with a mark."""
    found: set[str] = set()
    for node in definition.calls:
        target = node.func
        if isinstance(target, ast.Attribute):
            found |= {target.attr, *names_in(target.value)}
        elif isinstance(target, ast.Name):
            found.add(target.id)
        handed = [*node.args, *(item.value for item in node.keywords)]
        found |= {
            name
            for item in handed
            if isinstance(item, ast.Name | ast.Attribute)
            for name in names_in(item)
        }
    return found


def is_given_model(definition: FunctionDefinition, catalogue: Catalogue) -> bool:
    """Whether a parameter is a model by its annotation."""
    spec = definition.node.args
    for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs):
        if arg.annotation is None:
            continue
        for name, dotted in annotation_names(arg.annotation, definition.module.imports):
            kind = catalogue.kind_of_annotation(name.rpartition(".")[2], dotted)
            if (kind and catalogue.is_model(kind)) or is_model_class(dotted, catalogue):
                return True
    return False


def names_of_models(module: Module, catalogue: Catalogue) -> set[str]:
    """The names that a module gives what it makes of a model's constructor."""
    found: set[str] = set()
    for node in module.calls:
        first, _, rest = dotted_name(node.func).partition(".")
        if first not in module.imports:
            continue
        dotted = f"{module.imports[first]}.{rest}" if rest else module.imports[first]
        kind = catalogue.kind_of_constructor(dotted)
        name = output_name(module.parents, node) if kind and catalogue.is_model(kind) else None
        if name is not None:
            found.add(name)
    return found


def names_of_instances(called: dict[FunctionDefinition, set[str]]) -> set[str]:
    """Names under which objects of a callable class may be called: every name that is called and
    defined nowhere."""
    defined = {other.name for other in called}
    return {
        name
        for names in called.values()
        for name in names
        if name not in defined and not name[:1].isupper()
    }


def may_ask(name: str, own_names: set[str], catalogue: Catalogue) -> bool:
    if name in catalogue.verbs:
        return True
    words = set(words_of(name))
    evidence = catalogue.evidence
    return bool(words & (evidence.function_strong | evidence.function_weak)) or (
        name not in own_names and bool(words & evidence.receiver_strong)
    )
