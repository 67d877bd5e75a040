"""Functions that a decorator of the catalogue makes prompts: `@llm.call(…)`, `@prompt("…")`."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from charter_engine.parser.catalogue import Catalogue, KindRule
from charter_engine.parser.symbols import FunctionDefinition, Module, dotted_name


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
