"""Functions that the programs of a package followed in vain: until their steps were spent, without
coming to a model.

Many programs (examples, tests) call the same functions of one library. Once the top levels have
used up the steps that they share, each next program would spend its few on the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from charter_engine.parser.symbols import FunctionDefinition
from charter_engine.parser.values import Function, Value

ENOUGH_PROGRAMS = 3
"""After so many programs that followed a function in vain, the next one does not."""

MAX_DEPTH = 3
"""Lists within lists that are looked through for a function."""


@dataclass(slots=True)
class DeadEnd:
    """How many programs followed a function in vain, and with how many steps left at most."""

    programs: int = 0
    steps: int = 0


@dataclass(slots=True)
class DeadEnds:
    """What is known of the functions that were followed in vain."""

    known: dict[FunctionDefinition, DeadEnd] = field(default_factory=dict)

    def note(self, function: FunctionDefinition, steps: int) -> None:
        """Keep that a program followed a function in vain, with so many steps left."""
        found = self.known.setdefault(function, DeadEnd())
        found.programs += 1
        found.steps = max(found.steps, steps)

    def is_one(self, function: FunctionDefinition, given: Iterable[Value], steps: int) -> bool:
        """Whether a program with so many steps left would follow a function in vain. One that is
        given a function does what that does, which may be another thing in each program."""
        found = self.known.get(function)
        return (
            found is not None
            and found.programs >= ENOUGH_PROGRAMS
            and found.steps >= steps
            and not any(map(holds_function, given))
        )


def holds_function(value: Value, depth: int = 0) -> bool:
    """Whether a value is a function, or a list, dict or object with one in it."""
    if any(isinstance(kind, Function) for kind in value.types):
        return True
    if value.box is None or depth == MAX_DEPTH:
        return False
    return any(holds_function(member, depth + 1) for member in value.box.members())
