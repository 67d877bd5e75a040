"""Agents that a server runs and no call at hand does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from charter_engine.parser.values.candidates import in_order
from charter_engine.parser.values.values import UNKNOWN, Made, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

ANY_NAME = "*"
"""Of a kind that is served under any name, what no call at hand runs."""


class ServedAgents:
    """Finds what is served: `modules` are the program's, by their paths."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.evaluator = evaluator
        self.modules = {module.path: module for module in analysis.program.modules.values()}

    def found(self) -> list[Made]:
        """What a framework's own server runs and no call does: what stands under the name that it
        looks for, and what a server at hand is made with."""
        teams = self.evaluator.teams
        found = [one for one in self.evaluator.agents.servers if one not in teams.ran]
        found += teams.led
        left: list[Made] = []
        for rule in self.program.catalogue.served:
            is_named = rule.served_as != ANY_NAME
            for path, names in self.memory.globals.items():
                kept = [self.kept_as(path, rule.served_as)] if is_named else names.values()
                made = [kind for value in kept for kind in in_order(value.types)]
                (found if is_named else left).extend(
                    kind for kind in made if isinstance(kind, Made) and kind.kind == rule.name
                )
        is_run = self.led_to(teams.ran)
        named = [made for made in found if made not in is_run and not self.only_holds(made, is_run)]
        led_to = is_run | self.led_to(left)
        whole = [made for made in left if made not in teams.ran and made not in led_to]
        return list(dict.fromkeys([*named, *whole]))

    def kept_as(self, path: str, name: str) -> Value:
        """What a module keeps under a name, also as it imports it."""
        held = self.memory.globals[path].get(name)
        module = self.modules[path] if held is None else None
        is_imported = module is not None and name in module.imports
        found = self.evaluator.names.global_name(module, name) if module and is_imported else held
        return found or UNKNOWN

    def led_to(self, runs: Iterable[Made]) -> set[Made]:
        """The agents and teams that others lead to."""
        team_of = self.evaluator.teams.team_of
        return {part for made in runs for part in team_of(made, []).parts if part != made}

    def only_holds(self, made: Made, is_run: set[Made]) -> bool:
        """Whether this asks no model itself, as an app does, and what it leads to is run."""
        led_to = self.led_to([made])
        is_asked = self.program.catalogue.kinds[made.kind].role == "model"
        return not is_asked and bool(led_to) and led_to <= is_run

    def may_serve(self) -> bool:
        """Whether something is served, or may be once all files are known: what stands under the
        name may come from one that is read later."""
        names = {rule.served_as for rule in self.program.catalogue.served}
        kept = self.memory.globals.values()
        return bool(self.found()) or any(not names.isdisjoint(known) for known in kept)
