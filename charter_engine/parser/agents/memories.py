"""Memories of libraries: objects that hold a conversation, which those carry on that are given one
(LlamaIndex' `ChatMemoryBuffer`)."""

from __future__ import annotations

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.catalogue import Catalogue, Family
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.prompts import prompts
from charter_engine.parser.values.containers import copied
from charter_engine.parser.values.values import UNKNOWN, Box, Kind, Value, is_answer, moved

HELD_AS = "memory"
"""Under this name what keeps a conversation is given the memory for it, when it is made."""


def memory_made(frame: Frame, kind: str, shape: CallShape) -> Value:
    """A memory as it is made: of nothing, or of the messages that it is given."""
    given = shape.argument(0, "chat_history") or UNKNOWN
    begun = given.box if given.box is not None and given.box.kind == "list" else Box("list")
    box = Box("list", copied(begun), {}, begun.rest, frame.certainty, frame.branches)
    return Value(types=frozenset((Kind(kind),)), box=box)


def is_memory(value: Value, catalogue: Catalogue) -> bool:
    kinds = (catalogue.kinds[kind.name] for kind in value.types if isinstance(kind, Kind))
    return value.box is not None and any(rule.talks for rule in kinds)


def memory_held(shape: CallShape, catalogue: Catalogue) -> Value | None:
    """The memory that what is asked was made with; None without one."""
    fields = shape.held.fields if shape.held is not None else {}
    held = fields.get(HELD_AS, UNKNOWN)
    return held if is_memory(held, catalogue) else None


def memory_given(shape: CallShape, family: Family, catalogue: Catalogue) -> Value | None:
    """The memory that a call is given to go on with; None without one."""
    given = (value for name, _, value in shape.keywords if name in family.talks_in)
    return next((value for value in given if is_memory(value, catalogue)), None)


def said_with(shape: CallShape, family: Family, answer: Value) -> list[Value]:
    """What a call leaves in a memory of answers: of those that it is asked with, and its own."""
    asked = [part for role, part in prompts.prompt_of(shape, family) if role != "system"]
    parts = [Value(origins=part.all_origins()) for part in asked if is_answer(part)]
    return [moved(part, "history") for part in (*parts, Value(origins=answer.all_origins()))]
