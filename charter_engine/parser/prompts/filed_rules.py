"""Rules of a function's own that are kept elsewhere: in a file which isn't at hand (`RUBRIC =
load_prompt("style.md")`), or in a constant of a module which isn't (`from texts import RULES`)."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import PurePath

from charter_engine.parser.flows.edges import parameters_in
from charter_engine.parser.model_calls.catalogue import Evidence
from charter_engine.parser.model_calls.findings import Visit
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.source.symbols import FunctionDefinition, Module, dotted_name, walk
from charter_engine.parser.source.syntax import last_name, statements
from charter_engine.parser.values.pieces import pieces_of
from charter_engine.parser.values.values import Hole

WRITTEN_IN = frozenset(".md .txt .prompt .jinja .jinja2 .j2 .yaml .yml .toml .json .xml".split())
"""How the names of files end that hold prompts."""


def has_filed_rules(
    definition: FunctionDefinition, visit: Visit, modules: Iterable[Module], words: Evidence
) -> bool:
    """Whether the system message of a prompt is, or begins with, what a file says that one of the
    modules names, or that a function has another one load."""
    return any(
        is_filed(source, words)
        or any(names_filed(source, module, words) for module in modules)
        or any(keeps_loaded(source, inner, words) for inner in told_names(definition, visit))
        for source in own_rules(visit)
    )


def told_names(definition: FunctionDefinition, visit: Visit) -> list[FunctionDefinition]:
    """The functions through which one asks that it gives a name which is written there."""
    told = {
        last_name(call.func)
        for call in definition.calls
        if any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in call.args)
    }
    return [one for one in visit.within if one.name in told and one is not definition]


def has_imported_rules(visit: Visit, modules: Iterable[Module]) -> bool:
    """Whether the system message of a prompt is, or begins with, a constant that one of the modules
    imports."""
    rules = [one for one in own_rules(visit) if isinstance(one, ast.expr)]
    return are_imported(rules, modules)


def fills_imported(visit: Visit, modules: Iterable[Module], words: Evidence) -> bool:
    """Whether what a prompt asks is a template that isn't at hand, filled: a constant that one of
    the modules imports (`PLAN.format(goal=goal)`), or one that is loaded by its name."""
    asked = [pieces_of(value) for role, value in visit.prompt if role != "system"]
    filled = [piece.source for pieces in asked for piece in pieces if isinstance(piece, Hole)]
    templates = [
        source.func.value
        for source in filled
        if isinstance(source, ast.Call)
        and isinstance(source.func, ast.Attribute)
        and source.func.attr in FILLING
    ]
    return are_imported(templates, modules) or any(is_loaded(one, words) for one in templates)


def is_loaded(source: ast.expr, words: Evidence) -> bool:
    """Whether an expression loads a template by its name: `load_prompt("reply")`."""
    if not isinstance(source, ast.Call) or not source.args:
        return False
    is_literal = isinstance(source.args[0], ast.Constant)
    return is_literal and not words.templates.isdisjoint(words_of(last_name(source.func)))


FILLING = ("format", "format_map", "render", "substitute", "safe_substitute")
"""Methods that fill a template."""


def are_imported(constants: Iterable[ast.expr], modules: Iterable[Module]) -> bool:
    """Whether one of some expressions names a constant that one of the modules imports, or of a
    module that it does."""
    named = [dotted_name(one) for one in constants if last_name(one).isupper()]
    return any(name.partition(".")[0] in module.imports for name in named for module in modules)


def own_rules(visit: Visit) -> list[ast.expr | str]:
    """What the system messages of a prompt begin with, where that isn't told, nor given by the
    caller."""
    told = [pieces_of(value)[:1] for role, value in visit.prompt if role == "system"]
    open_ones = [piece for pieces in told for piece in pieces if isinstance(piece, Hole)]
    return [piece.source for piece in open_ones if not parameters_in(piece.value.all_origins())]


def names_filed(source: ast.expr | str, module: Module, words: Evidence) -> bool:
    """Whether a module keeps under a name, or one of its objects under an attribute, what a file
    says."""
    is_name = isinstance(source, ast.Name)
    name = source if isinstance(source, str) else last_name(source)
    return bool(name) and any(
        isinstance(target, ast.Name if is_name else ast.Attribute)
        and last_name(target) == name
        and is_filed(statement.value, words)
        for statement in (module.tree.body if is_name else statements(module.tree))
        if isinstance(statement, ast.Assign)
        for target in statement.targets
    )


def keeps_loaded(source: ast.expr | str, function: FunctionDefinition, words: Evidence) -> bool:
    """Whether a function keeps under a name what it loads, or looks up in a constant, by the name
    that it is given: `system = load_prompt(name)`, `system = PROMPTS[name]["system"]`."""
    name = source.id if isinstance(source, ast.Name) else source
    return any(
        isinstance(node, ast.Assign)
        and (loads_rules(node.value, words) or looks_up(node.value, function))
        and any(isinstance(one, ast.Name) and one.id == name for one in node.targets)
        for node in (walk(function.node) if isinstance(name, str) else ())
    )


def looks_up(source: ast.expr, function: FunctionDefinition) -> bool:
    """Whether an expression looks something up in a constant by a parameter of a function."""
    while isinstance(source, ast.Subscript):
        key = source.slice
        if isinstance(key, ast.Name) and key.id in function.parameters:
            return last_name(source.value).isupper()
        source = source.value
    return False


def is_filed(source: ast.expr | str, words: Evidence) -> bool:
    """Whether an expression calls something with the name of a text file, or what by its name loads
    rules that are always the same: `load_instructions()`."""
    if not isinstance(source, ast.Call):
        return False
    is_fixed = all(isinstance(argument, ast.Constant) for argument in source.args)
    if is_fixed and loads_rules(source, words):
        return not source.keywords
    return names_text_file(source)


def loads_rules(source: ast.expr, words: Evidence) -> bool:
    """Whether an expression loads rules, by the name of what it calls: `load_instructions()`."""
    verb = words_of(last_name(source.func)) if isinstance(source, ast.Call) else ()
    return bool(verb) and verb[0] in words.rules_loading and verb[-1] in words.rules_loaded


def names_text_file(source: ast.expr) -> bool:
    """Whether the name of a text file is written in an expression."""
    return any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and not WRITTEN_IN.isdisjoint((PurePath(node.value).suffix, node.value))
        for node in ast.walk(source)
    )
