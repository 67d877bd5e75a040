"""Inputs for an agent that was given none: every variable filled with text of an assumed length,
new in each run."""

from collections.abc import Sequence
from typing import Any

from charter_engine.contracts.graph import Call

ASSUMED_RUNS = 4
ASSUMED_PASSES = 8
ASSUMED_WORDS = 100
"""Words in a variable nobody gave: a short paragraph."""


def synthetic_inputs(calls: Sequence[Call], run: int) -> dict[str, Any]:
    """Inputs that fill every variable of every call; the elements of a loop fill those inside
    it."""
    inputs: dict[str, Any] = {}
    for call in calls:
        names = {
            key
            for segment in call.segments
            if segment.kind != "static"
            for key in (segment.expression, segment.name, f"unknown_{segment.line}")
            if key
        }
        for name in names:
            inputs.setdefault(name, _words(name, f"{run}"))
        if call.loop is not None and call.loop.iterable:
            passes = inputs.setdefault(call.loop.iterable, [{} for _ in range(ASSUMED_PASSES)])
            if isinstance(passes, list):
                for number, element in enumerate(passes):
                    element.update({name: _words(name, f"{run}.{number}") for name in names})
    return inputs


def _words(name: str, key: str) -> str:
    return " ".join(f"{name}{key}-{number}" for number in range(ASSUMED_WORDS // 4))
