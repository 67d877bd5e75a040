"""State that functions share through a framework: LangGraph's state, Streamlit's session, workflow
events."""

from __future__ import annotations

import ast

from charter_engine.parser.memory import Memory
from charter_engine.parser.symbols import FunctionDefinition, dotted_name
from charter_engine.parser.values import Box, Value, join, moved


def absorb(memory: Memory, definition: FunctionDefinition, result: Value) -> None:
    """A node's returned dict, or the `update` of its `Command`, becomes part of the state."""
    if state_parameter(definition) is not None and result.box is not None:
        absorb_box(memory, result.box, "state")


def absorb_box(memory: Memory, box: Box, name: str) -> None:
    update = box.fields.get("update")
    if update is not None and update.box is not None:
        box = update.box
    if box.kind == "list" and not box.fields:
        for element in box.items:
            if element.value.box is not None and element.value.box.kind != "list":
                absorb_box(memory, element.value.box, name)
        return
    if box is memory.shared_box(name):
        return
    fields = memory.shared_box(name).fields
    for key, value in box.fields.items():
        if not key.isdigit():
            memory.changes += 1
            fields[key] = join(fields.get(key), in_state(value), key)


def in_state(value: Value) -> Value:
    """A value and its members after they went through a framework's state."""
    value = moved(value, "state")
    if value.box is None:
        return value
    origins = moved(Value(origins=value.all_origins()), "state").origins
    return Value(
        types=value.types,
        pieces=value.pieces,
        origins=value.origins | origins,
        constant=value.constant,
    )


def state_parameter(definition: FunctionDefinition) -> str | None:
    """The parameter that holds a graph's state, by its name or annotation."""
    spec = definition.node.args
    for arg in [*spec.posonlyargs, *spec.args][:3]:
        named = dotted_name(arg.annotation).rpartition(".")[2] if arg.annotation is not None else ""
        if isinstance(arg.annotation, ast.Constant) and isinstance(arg.annotation.value, str):
            named = arg.annotation.value
        if named.endswith("State"):
            return arg.arg
        if (
            (arg.arg == "state" or arg.arg.endswith("_state"))
            and named != "str"
            and looked_into(definition, arg.arg)
        ):
            return arg.arg
    return None


def looked_into(definition: FunctionDefinition, name: str) -> bool:
    """Whether a function takes parts of what a name holds."""
    return any(
        isinstance(node, ast.Subscript | ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        for node in ast.walk(definition.node)
    )


def event_parameters(definition: FunctionDefinition) -> dict[str, str]:
    """Parameters annotated as a workflow's events, by the event's class."""
    spec = definition.node.args
    found = {}
    for arg in [*spec.posonlyargs, *spec.args]:
        if arg.annotation is None:
            continue
        names = [node.id for node in ast.walk(arg.annotation) if isinstance(node, ast.Name)]
        events = [name for name in names if name.endswith("Event")]
        if events:
            found[arg.arg] = events[0]
    return found
