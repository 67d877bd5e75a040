"""Agents and tasks that a function is given to run: what these are told is the caller's."""

from __future__ import annotations

from charter_engine.parser.flows.edges import parameters_in
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.values.values import Box, Value

TASKS = "tasks"
ASKED = ("agents", "agent", TASKS)
"""Arguments that tell whom a run asks, and what."""


def runs_what_is_given(receiver: Value, shape: CallShape) -> bool:
    """Whether a call asks nobody but whom the function around it is given."""
    if shape.held is None:
        return is_given(receiver)
    asked = asked_by(shape.held)
    return bool(asked) and all(map(is_given, asked))


def tasks_given(shape: CallShape) -> list[Value]:
    """The tasks that a function is given for a run."""
    tasks = shape.held.fields.get(TASKS) if shape.held is not None else None
    return [tasks] if tasks is not None and is_given(tasks) else []


def asked_by(box: Box) -> list[Value]:
    """Those whom a run asks, and what, as far as it isn't written who they are."""
    held = [box.fields[name] for name in ASKED if name in box.fields]
    held += box.members() if box.kind == "list" else []
    return [one for value in held for one in asked_in(value)]


def asked_in(value: Value) -> list[Value]:
    box = value.box
    is_open = box is None or (box.kind != "list" and box.fields.keys().isdisjoint(ASKED))
    return [value] if box is None or is_open else asked_by(box)


def is_given(value: Value) -> bool:
    """Whether a value is what a function's caller gave it."""
    return value.box is None and bool(parameters_in(value.origins))
