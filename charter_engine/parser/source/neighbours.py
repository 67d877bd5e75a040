"""What files import of their neighbours by their own names, as Python does in a script's folder."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.source.clusters import script_beside, within_package
from charter_engine.parser.source.symbols import Module


def all_beside(modules: Mapping[str, Module], catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """What each file imports of its neighbours by their own names, by its path."""
    packages = {module.name for module in modules.values() if module.is_package}
    return {
        module.path: imports_beside(module, packages, modules, catalogue)
        for module in modules.values()
    }


def imports_beside(
    module: Module,
    packages: Collection[str],
    modules: Mapping[str, Module],
    catalogue: Catalogue,
) -> dict[str, str]:
    """What a script imports of its neighbours by their own names, with the dotted names that these
    have here."""
    found: dict[str, str] = {}
    within: dict[str, str] = {}
    for dotted in (*module.imports.values(), *module.star_imports):
        if dotted.partition(".")[0] not in catalogue.packages:
            place = script_beside(module.name, dotted, packages, modules)
            if place is not None:
                found[dotted] = place
            elif place := within_package(module.name, dotted, packages, modules):
                within[dotted] = place
    is_script = any(defines(place, modules) for place in within.values())
    return found | within if is_script else found


def defines(place: str, modules: Mapping[str, Module]) -> bool:
    """Whether a dotted name is that of something which the module before its last dot defines."""
    holder, _, name = place.rpartition(".")
    module = modules.get(holder)
    return module is not None and not module.is_package and name in names_defined(module)


def names_defined(module: Module) -> Iterator[str]:
    """The names that the top level of a module defines."""
    for one in module.tree.body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield one.name
        elif isinstance(one, ast.Assign):
            yield from (target.id for target in one.targets if isinstance(target, ast.Name))
