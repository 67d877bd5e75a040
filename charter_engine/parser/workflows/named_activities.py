"""Activities and workflows of Temporal's that are run by their names:
`workflow.execute_activity("judge", text)`."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property

from msgspec.structs import replace

from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.called_names import calls_named
from charter_engine.parser.source.symbols import FunctionDefinition, Module, dotted_name
from charter_engine.parser.values.values import Function, Value, object_of

RUNNING = frozenset(
    f"{way}_{what}"
    for way in ("execute", "start")
    for what in ("activity", "local_activity", "child_workflow", "workflow")
)
"""Methods that run an activity or a workflow, which they are given first, by itself or its name."""

ACTIVITY, WORKFLOW = "activity.defn", "workflow.defn"
BEGINNING = "workflow.run"
"""The decorator of the method that a workflow begins with."""


class NamedActivities:
    """Finds the functions that are run by a name."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = modules

    @cached_property
    def known(self) -> dict[str, FunctionDefinition]:
        found: dict[str, FunctionDefinition] = {}
        for module in self.modules:
            for function in module.functions.values():
                owner = function.owner
                if ACTIVITY in function.decorators:
                    found[name_given(function.node, ACTIVITY) or function.name] = function
                elif BEGINNING in function.decorators and owner is not None:
                    found[name_given(owner.node, WORKFLOW) or owner.name] = function
        return found

    def named_in(self, definition: FunctionDefinition) -> list[str]:
        """The names of the functions that a function runs by the names of activities."""
        given = [call.args[0] for call in calls_named(definition, RUNNING) if call.args]
        said = [str(one.value) for one in given if isinstance(one, ast.Constant)]
        return [self.known[name].name for name in said if name in self.known]

    def given(self, shape: CallShape) -> CallShape:
        """A call with the function in the place of the name by which it runs that; any other as it
        is."""
        if shape.verb not in RUNNING or not shape.positional:
            return shape
        (source, first), *others = shape.positional
        function = self.known.get(first.static_text() or "")
        if function is None:
            return shape
        bound = object_of(function.owner) if function.owner is not None else None
        run = Value(types=frozenset((Function(function, bound),)))
        return replace(shape, positional=((source, run), *others))


def name_given(node: ast.AST, decorator: str) -> str:
    """The name that a decorator gives; empty where it gives none."""
    names = [
        keyword.value.value
        for one in getattr(node, "decorator_list", ())
        if isinstance(one, ast.Call) and dotted_name(one.func) == decorator
        for keyword in one.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    ]
    return str(names[0]) if names else ""
