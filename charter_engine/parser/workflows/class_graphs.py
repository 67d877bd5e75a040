"""Classes that frameworks run one after the other: which these are, what each leads to, and the
order of a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from charter_engine.parser.flows.ways import led_to
from charter_engine.parser.source.symbols import ClassDefinition, Module

Resolve = Callable[[Module, str], ClassDefinition | None]
"""The class at hand that a module means by a name."""


@dataclass(slots=True)
class ClassGraph:
    """`after` tells which classes each leads to, `starts` are those with which a run begins."""

    after: dict[ClassDefinition, set[ClassDefinition]] = field(default_factory=dict)
    starts: list[ClassDefinition] = field(default_factory=list)

    def led_to(self, node: ClassDefinition) -> set[ClassDefinition]:
        """The classes that one may lead to, at once or after others."""
        return led_to(self.after, node)

    def goes_round(self, node: ClassDefinition) -> bool:
        return node in self.led_to(node)

    def ranked(self, nodes: Collection[ClassDefinition]) -> dict[ClassDefinition, int]:
        """Classes in the order of a run: each behind those that lead to it, but for those that it
        leads back to; of a cycle, those first that are nearer to where a run begins."""
        reach = {node: self.led_to(node) for node in nodes}
        away = self.distances()
        before = {
            node: sum(node in reach[other] and other not in reach[node] for other in nodes)
            for node in nodes
        }
        order = sorted(nodes, key=lambda node: (before[node], away.get(node, len(away))))
        return {node: number for number, node in enumerate(order)}

    def distances(self) -> dict[ClassDefinition, int]:
        """How many classes lie between each and the nearest with which a run begins."""
        found = dict.fromkeys(self.starts, 0)
        pending = list(self.starts)
        for node in pending:
            for following in self.after.get(node, ()):
                if following not in found:
                    found[following] = found[node] + 1
                    pending.append(following)
        return found


def derived_from(
    is_base: Callable[[str], bool], modules: Iterable[Module], resolve: Resolve
) -> dict[ClassDefinition, str]:
    """The classes that are made from a framework's, perhaps by others at hand, each with the dotted
    name of that one; `is_base` tells the framework's by theirs."""
    classes = [item for module in modules for item in module.classes.values()]
    found: dict[ClassDefinition, str] = {}
    fresh = True
    while fresh:
        fresh = False
        for definition in classes:
            base = base_of(definition, is_base, found, resolve) if definition not in found else ""
            if base:
                found[definition] = base
                fresh = True
    return found


def base_of(
    definition: ClassDefinition,
    is_base: Callable[[str], bool],
    known: dict[ClassDefinition, str],
    resolve: Resolve,
) -> str:
    """What of a framework's a class is made from, perhaps by a class that is known; empty: none."""
    for name in definition.bases:
        dotted = definition.module.imports.get(name, "")
        if is_base(dotted):
            return dotted
        base = resolve(definition.module, name)
        if base in known and base is not None:
            return known[base]
    return ""
