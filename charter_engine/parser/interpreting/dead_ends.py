"""Functions that were followed in vain: until the steps were spent, without coming to a model.

Many programs of a package (examples, tests) call the same functions of one library. Once the top
levels have used up the steps that they share, each next program would spend its few on the same
way. So would the functions of a very large package that are looked at a little way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.values.values import Function, Value

ENOUGH = 3
"""After so many times that a function was followed in vain, it is not followed again."""

SO_MANY_MORE = 2
"""Assumed: who has more steps left than so many times those that were spent in vain may come
through."""

MAX_DEPTH = 3
"""Lists within lists that are looked through for a function."""


@dataclass(slots=True)
class DeadEnd:
    """How often a function was followed in vain, and with how many steps left at most."""

    times: int = 0
    steps: int = 0


@dataclass(slots=True)
class DeadEnds:
    """What is known of the functions that were followed in vain."""

    known: dict[FunctionDefinition, DeadEnd] = field(default_factory=dict)

    def note(self, function: FunctionDefinition, steps: int, *, is_looking: bool = False) -> None:
        """Keep that a function was followed in vain, with so many steps left. While it is only
        looked which functions ask, what a constructor makes, or another keeps in a global, may
        still serve."""
        if is_looking and (function.stores or function.name == "__init__"):
            return
        found = self.known.setdefault(function, DeadEnd())
        found.times += 1
        found.steps = max(found.steps, steps)

    def is_one(self, function: FunctionDefinition, given: Iterable[Value], steps: int) -> bool:
        """Whether a function would be followed in vain with so many steps left: not many more than
        were spent so. One that is given a function does what that does, which may be another thing
        each time."""
        found = self.known.get(function)
        return (
            found is not None
            and found.times >= ENOUGH
            and found.steps * SO_MANY_MORE >= steps
            and not any(map(holds_function, given))
        )


def holds_function(value: Value, depth: int = 0) -> bool:
    """Whether a value is a function, or a list, dict or object with one in it."""
    if any(isinstance(kind, Function) for kind in value.types):
        return True
    if value.box is None or depth == MAX_DEPTH:
        return False
    return any(holds_function(member, depth + 1) for member in value.box.members())
