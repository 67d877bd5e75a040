"""Tools that the program runs itself: `search.invoke({"query": query})` calls the function that
LangChain's decorator made a tool, or that one was made of, and `_run` of a class."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from charter_engine.parser.agents.agent_functions import PLAIN_TOOL
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.values.candidates import functions_in
from charter_engine.parser.values.values import Function, Value

RUN_OF_TOOLS = frozenset("invoke ainvoke run arun".split())
"""Methods by which a tool is run."""

RUN_OF_CLASSES = frozenset(("_run", "_arun"))
"""What these call of a tool that is a class of the program's own."""


def is_tool(definition: FunctionDefinition) -> bool:
    """Whether a decorator makes a function a tool: `@tool`, `@tool("search")`."""
    return any(name.rpartition(".")[2] == "tool" for name in definition.decorators)


def functions_run(receiver: Value, shape: CallShape) -> list[Function]:
    """The functions that the run of a tool calls that was made of them: `Tool(name="look",
    func=look)`, `StructuredTool.from_function(look)`."""
    if shape.verb not in RUN_OF_TOOLS or PLAIN_TOOL not in receiver.types or receiver.box is None:
        return []
    held = receiver.box.fields.values()
    return [function for value in held for function in functions_in(value)]


def as_tool_run(functions: Sequence[Function], receiver: Value, shape: CallShape) -> CallShape:
    """The run of a tool as the call of its function: the members of the record that it is given,
    or of the arguments in a model's request for it, are what that takes; any other as it is."""
    is_run = shape.verb in RUN_OF_TOOLS and shape.positional
    given = shape.positional[0][1] if is_run else None
    if given is None or given.pieces is not None:
        return shape
    made = functions_run(receiver, shape)
    if not all(one in made or runs_as_tool(one) for one in functions):
        return shape
    fields = given.box.fields if given.box is not None else {}
    asked = fields["args"] if {"name", "args"} <= fields.keys() else given
    named = asked.box.fields.keys() if asked.box is not None else ()
    if named and not any(name in one.definition.parameters for one in functions for name in named):
        return shape
    return replace(shape, positional=(), keywords=(("**", shape.node, asked),))


def runs_as_tool(function: Function) -> bool:
    """Whether a function is what the run of a tool calls."""
    definition = function.definition
    return definition.name in RUN_OF_CLASSES or is_tool(definition)
