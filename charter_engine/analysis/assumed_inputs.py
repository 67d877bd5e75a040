"""What inputs don't tell, assumed: turns of loops, and text for what fills a prompt, new in each
run and turn."""

from collections.abc import Mapping, Sequence
from typing import Any

from charter_engine.contracts.graph import Call
from charter_engine.prompts.assembly import TURNS, is_counted, repetition_of, runnable
from charter_engine.prompts.histories import grows
from charter_engine.prompts.parts import is_constant

ASSUMED_RUNS = 4
ASSUMED_PASSES = 8
"""Turns of a loop whose length only the running program knows."""

MOST_NAMED = 3
ASSUMED_WORDS = 100
"""Words in a variable nobody gave: a short paragraph."""


def synthetic_inputs(calls: Sequence[Call], run: int) -> dict[str, Any]:
    """Inputs that fill every variable of every call; the elements of a loop fill those inside
    it."""
    inputs: dict[str, Any] = dict(constants_in(calls))
    for call in runnable(calls):
        names = names_in(call)
        for name in names:
            inputs.setdefault(name, _words(name, f"{run}"))
        loop = repetition_of(call)
        if loop is not None:
            key = loop.iterable if is_counted(loop) else TURNS
            passes = inputs.setdefault(key, [{} for _ in range(ASSUMED_PASSES)])
            changing = names_in(call, changing=True)
            if isinstance(passes, list):
                for number, element in enumerate(passes):
                    element.update({name: _words(name, f"{run}.{number}") for name in changing})
    return inputs


def completed(calls: Sequence[Call], inputs: Mapping[str, Any], run: int) -> Mapping[str, Any]:
    """Given inputs with what they leave open: the constants and texts that aren't at hand, and
    turns of histories. Each turn fills what it leaves in the history, unless the inputs do."""
    texts = {name: _words(name, f"{run}") for name in unknown_in(calls)}
    known = {**texts, **constants_in(calls), **inputs}
    growing = [call for call in runnable(calls) if grows(call) and is_open(call, inputs)]
    if not growing:
        return known
    names = {name for call in growing for name in names_in(call, changing=True)}
    names -= known.keys() - texts.keys()
    turns = [
        {name: _words(name, f"{run}.{number}") for name in names}
        for number in range(ASSUMED_PASSES)
    ]
    return {**known, TURNS: turns}


def constants_in(calls: Sequence[Call]) -> dict[str, str]:
    """Text for the constants whose own isn't at hand, the same in every run."""
    return {
        key: _words(key, "")
        for call in calls
        for segment in call.segments
        if segment.kind == "variable" and is_constant(segment)
        for key in (segment.expression, segment.name)
        if key
    }


def unknown_in(calls: Sequence[Call]) -> list[str]:
    """The names under which inputs may give the texts of which a source doesn't tell anything."""
    return [
        f"unknown_{segment.line}"
        for call in runnable(calls)
        for segment in call.segments
        if not (segment.expression or segment.name) and segment.kind == "unknown"
    ]


def what_is_open(calls: Sequence[Call], inputs: Mapping[str, Any]) -> tuple[str, str]:
    """What inputs leave open, in words: calls whose turns they don't tell, and constants, texts and
    definitions of tools that aren't at hand. Empty: nothing."""
    turns = [call.id for call in runnable(calls) if grows(call) and is_open(call, inputs)]
    named = [*constants_in(runnable(calls)), *unknown_in(calls)]
    texts = [name for name in named if name not in inputs]
    texts += [
        part.expression or part.name
        for call in runnable(calls)
        for part in call.head
        if part.kind != "static"
    ]
    return _named(turns), _named(list(dict.fromkeys(texts)))


def _named(found: Sequence[str]) -> str:
    others = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + others


def is_open(call: Call, inputs: Mapping[str, Any]) -> bool:
    """Whether inputs leave it open how often a call is repeated."""
    loop = repetition_of(call)
    if loop is None or TURNS in inputs or loop.iterable in inputs:
        return False
    return not is_counted(loop)


def names_in(call: Call, *, changing: bool = False) -> set[str]:
    """The names under which inputs may fill a call's prompt; of those, what changes from turn to
    turn."""
    return {
        key
        for segment in call.segments
        if not is_constant(segment) and not (changing and segment.fixed)
        for key in (segment.expression, segment.name, f"unknown_{segment.line}")
        if key
    }


def _words(name: str, key: str) -> str:
    return " ".join(f"{name}{key}-{number}" for number in range(ASSUMED_WORDS // 4))
