"""Rules that a method of a base sends for each of its classes, of which these name a part: they are
what its object holds, and no prompt of the method's own."""

from __future__ import annotations

import ast
import dataclasses
from collections import Counter

from charter_engine.parser.model_calls.findings import Visit
from charter_engine.parser.source.program import Program
from charter_engine.parser.source.symbols import FunctionDefinition, walk
from charter_engine.parser.source.told_once import told_once


def without_class_rules(
    program: Program, definition: FunctionDefinition, visits: list[Visit]
) -> list[Visit]:
    """The visits of a function without the rules of its object's class."""
    has_rules = any(role == "system" for visit in visits for role, _ in visit.prompt)
    if not has_rules or not reads_of_classes(program, definition):
        return visits
    return [
        dataclasses.replace(
            visit, prompt=tuple(part for part in visit.prompt if part[0] != "system")
        )
        for visit in visits
    ]


def reads_of_classes(program: Program, definition: FunctionDefinition) -> bool:
    """Whether a method, or one of its object's that it calls, reads an attribute that several
    classes which have the method from it declare, each for itself."""
    owner = definition.owner
    heirs = program.made_from(owner) if owner is not None and definition.takes_self else []
    if owner is None or len(heirs) < SEVERAL:
        return False
    declared = Counter(
        name
        for heir in heirs
        if program.method_of(heir, definition.name) is definition
        for name in names_given(heir.node)
    )
    called = [program.method_of(owner, name) for name in attributes_read(definition)]
    methods = [definition, *(one for one in called if one is not None)]
    return any(declared[name] >= SEVERAL for one in methods for name in attributes_read(one))


SEVERAL = 2
"""Derived: what one class alone declares tells nothing of what the base asks for others."""


def names_given(node: ast.ClassDef) -> set[str]:
    """The names to which the body of a class gives a value."""
    found = [one for one in node.body if isinstance(one, ast.Assign | ast.AnnAssign) and one.value]
    targets = [
        target
        for one in found
        for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
    ]
    return {target.id for target in targets if isinstance(target, ast.Name)}


@told_once
def attributes_read(definition: FunctionDefinition) -> frozenset[str]:
    """The attributes of its object that a method reads, those that it calls with them."""
    return frozenset(
        node.attr
        for node in walk(definition.node)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id == definition.own_name
    )
