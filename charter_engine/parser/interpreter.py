"""The order of an analysis: every module and function on its own to find the wrappers, then twice
over for the edges.

The first pass interprets each function with its parameters unknown. A function whose prompt comes
from outside and whose answer goes back is a wrapper. The passes after it record edges; the second
of them starts from what the first left in attributes and globals, as a driver that calls the
functions again and again would.
"""

from __future__ import annotations

import ast

from charter_engine.parser import wrappers
from charter_engine.parser.catalogue import Catalogue
from charter_engine.parser.core import Frame, Wrapper
from charter_engine.parser.reach import functions_that_reach
from charter_engine.parser.state import state_parameter
from charter_engine.parser.state_graphs import graph_of
from charter_engine.parser.statements import Statements
from charter_engine.parser.symbols import FunctionDefinition, Module
from charter_engine.parser.values import NOTHING, UNKNOWN, Function, Value

STEPS_PER_FUNCTION = 4_000
STEPS_PER_MODULE = 60_000
"""So many expressions are evaluated from one start, the functions it calls included."""

PLENTY = 600_000
FEWEST_STEPS = 600
"""In a very large package every function still gets a look, if a short one."""


class Interpreter(Statements):
    """Interprets modules; afterwards `sites` holds their calls."""

    def run(self) -> None:
        self.graph = graph_of(self.modules.values())
        self.cycles = self.graph.cyclic() if self.graph is not None else set()
        self.reaching = functions_that_reach(self.modules.values(), self.catalogue)
        visited = self.find_wrappers()
        if not self.sites:
            return
        self.notes.clear()
        for round_number in (0, 1):
            self.round = round_number
            self.start_round(round_number)
            for module in self.modules.values():
                self.run_module(module)
            for definition in visited:
                self.run_alone(definition)

    def start_round(self, round_number: int) -> None:
        if round_number == 0:
            self.objects.clear()
            self.globals.clear()
            self.shared.clear()
            self.handed_down.clear()
            for site in self.sites.values():
                site.edges.clear()
                site.prompt = ()

    def find_wrappers(self) -> list[FunctionDefinition]:
        """Interpret everything on its own; returns the functions worth interpreting again."""
        for module in self.modules.values():
            self.run_module(module)
        worth = [
            definition
            for definition in self.definitions()
            if definition in self.reaching or state_parameter(definition) or definition.stores
        ]
        found: dict[FunctionDefinition, Wrapper] = {}
        visited = {definition for definition in worth if self.judged(definition, found)}
        told_by_callers = {site.function for site in self.sites.values()} - visited
        visited |= {
            definition
            for definition in worth
            if definition in told_by_callers and self.judged(definition, found)
        }
        self.visits = None
        self.wrappers = found
        return [definition for definition in worth if definition in visited]

    def judged(
        self, definition: FunctionDefinition, found: dict[FunctionDefinition, Wrapper]
    ) -> bool:
        """Interpret a function on its own and add it to the wrappers `found` if it is one. Whether
        it matters again."""
        self.visits = []
        result = self.run_alone(definition)
        if state_parameter(definition) is not None:
            return True
        wrapper = wrappers.wrapper_of(self, definition, result, self.visits)
        if wrapper is not None:
            found[definition] = wrapper
        return bool(self.visits) or definition.name == "__init__"

    def definitions(self) -> list[FunctionDefinition]:
        found = [
            definition
            for module in self.modules.values()
            for definition in module.functions.values()
        ]
        plain = [definition for definition in found if not isinstance(definition.node, ast.Lambda)]
        rank = self.graph.rank() if self.graph is not None else {}
        last = len(rank)
        return sorted(
            plain,
            key=lambda item: (
                item.module.path,
                item.name != "__init__",
                rank.get(item.name, last),
                item.node.lineno,
            ),
        )

    def run_module(self, module: Module) -> None:
        self.budget = self.steps + STEPS_PER_MODULE
        self.start = ""
        frame = Frame(module, self.globals.setdefault(module.path, {}))
        self.execute(frame, module.tree.body)
        self.globals[module.path] = frame.names

    def run_alone(self, definition: FunctionDefinition) -> Value:
        """A function with its parameters unknown: each is an origin of its own, so that it can be
        told in a prompt."""
        self.budget = self.steps + (STEPS_PER_FUNCTION if self.steps < PLENTY else FEWEST_STEPS)
        self.start = definition.name
        self.followed.clear()
        function = Function(definition)
        names = self.first_names(function, {})
        spec = definition.node.args
        for arg in (
            *spec.posonlyargs,
            *spec.args,
            *spec.kwonlyargs,
            *(item for item in (spec.vararg, spec.kwarg) if item),
        ):
            if definition.takes_self and definition.parameters[:1] == (arg.arg,):
                continue
            value = names.get(arg.arg, UNKNOWN)
            handed_down = self.handed_down.get((definition, arg.arg), NOTHING)
            names[arg.arg] = value.with_origins(
                self.parameter_origin(definition, arg.arg) | handed_down
            )
        result = self.run_body(Frame(definition.module, names, function=definition))
        self.absorb(definition, result)
        return result


def interpret(
    modules: dict[str, Module], catalogue: Catalogue, asked_line: int | None = None
) -> Interpreter:
    """Analyse modules that belong together, keyed by dotted name. `notes` tell of the line that is
    asked for."""
    interpreter = Interpreter(modules, catalogue)
    interpreter.asked_line = asked_line
    interpreter.run()
    return interpreter
