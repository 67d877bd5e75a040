"""Decorated functions: those that a decorator of the catalogue makes prompts (`@llm.call(…)`,
`@prompt("…")`), and those that one of the program's own calls."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from charter_engine.parser.model_calls.catalogue import Catalogue, KindRule
from charter_engine.parser.source.symbols import FunctionDefinition, Module, dotted_name


def prompts_among(
    modules: Mapping[str, Module], catalogue: Catalogue
) -> dict[FunctionDefinition, tuple[KindRule, ...]]:
    """The functions that decorators make prompts, with what the catalogue says of these, the
    outermost first."""
    found: dict[FunctionDefinition, tuple[KindRule, ...]] = {}
    for module in modules.values():
        for definition in module.functions.values():
            kinds = (made_of(name, module, catalogue) for name in definition.decorators)
            rules = tuple(kind for kind in kinds if kind is not None)
            if rules:
                found[definition] = rules
    return found


def made_of(name: str, module: Module, catalogue: Catalogue) -> KindRule | None:
    """What a decorator, as a module names it, makes of a function."""
    first, _, rest = name.partition(".")
    imported = module.imports.get(first)
    if imported is None:
        return None
    return catalogue.kind_of_decorator(f"{imported}.{rest}" if rest else imported)


def decorating(
    definition: FunctionDefinition, rule: KindRule, catalogue: Catalogue
) -> list[ast.Call]:
    """The decorators of a function that a rule is of, where they are given something."""
    listed = getattr(definition.node, "decorator_list", ())
    return [
        one
        for one in listed
        if isinstance(one, ast.Call)
        and made_of(dotted_name(one), definition.module, catalogue) is rule
    ]


def calls_decorated(function: FunctionDefinition | None, node: ast.Call) -> bool:
    """Whether a decorator's inner function calls what it stands for, or what that was made into,
    with all it is given: `def watch(ask): def inner(*args, **kwargs): return ask(*args,
    **kwargs)`."""
    outer = function.outer if function is not None else None
    if outer is None or not isinstance(node.func, ast.Name):
        return False
    hands_on = len(node.args) == 1 and isinstance(node.args[0], ast.Starred)
    return (hands_on and [item.arg for item in node.keywords] == [None]) and (
        node.func.id in outer.parameters or is_made_in(outer, node.func.id)
    )


def is_made_in(function: FunctionDefinition, name: str) -> bool:
    """Whether a function gives a name to something: `retried = retry(policy)(ask)`."""
    return any(
        isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Store)
        for one in ast.walk(function.node)
    )
