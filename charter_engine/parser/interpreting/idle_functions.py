"""Functions that do nothing but give a value. Where nobody takes it they need not be followed, but
their steps are counted."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.idle import Idle
from charter_engine.parser.source.symbols import FunctionDefinition

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class IdleFunctions:
    """Tells them by their bodies, each found out once."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.known: dict[FunctionDefinition, Idle | None] = {}

    def steps_of(self, definition: FunctionDefinition) -> int:
        """In how many steps a function is followed that does nothing; 0: it may do something, or
        reasons are wanted."""
        if definition not in self.known:
            self.known[definition] = self.idle_body(definition)
        idle = self.known[definition]
        if idle is None or self.progress.asked is not None:
            return 0
        defined = self.evaluator.names.global_name
        is_other = any(defined(definition.module, name) is not None for name in idle.functions)
        return 0 if is_other else idle.steps

    def idle_body(self, definition: FunctionDefinition) -> Idle | None:
        """What a body takes that does nothing; None where it may do something, or is given more
        than what its caller says."""
        node = definition.node
        if isinstance(node, ast.Lambda) or definition.name == "__init__" or definition.decorators:
            return None
        if definition.outer is not None or self.is_given_more(definition):
            return None
        steps, functions = 0, frozenset[str]()
        for statement in node.body:
            value = statement.value if isinstance(statement, ast.Return | ast.Expr) else None
            if value is None:
                return None
            taken = self.program.steps_of_naming(value)
            idle = Idle(taken, frozenset()) if taken else self.program.idle_part(value)
            if idle is None or idle.logger is not None:
                return None
            steps, functions = steps + idle.steps, functions | idle.functions
        given = {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
        return Idle(steps, functions) if given.isdisjoint(functions) else None

    def is_given_more(self, definition: FunctionDefinition) -> bool:
        """Whether a function may have a parameter from elsewhere than its caller: by default, from
        a provider, or as the state of a graph or the event of a workflow."""
        states, arguments = self.evaluator.states, self.evaluator.arguments
        return (
            any(one.default or one.provider for one in arguments.parameters_of(definition))
            or states.parameter(definition) is not None
            or bool(states.events_of(definition))
            or definition.owner in self.program.flows.bases
        )
