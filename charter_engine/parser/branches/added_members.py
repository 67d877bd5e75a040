"""Members that ways through a function add to lists: what one of them adds is not there yet when
another one is run, nor in what follows a way that leaves the function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from charter_engine.parser.values.values import Box, Element

if TYPE_CHECKING:
    from charter_engine.parser.flows.memory import Memory


class Absent(NamedTuple):
    """A member that was taken out of a list, and its number there."""

    box: Box
    member: Element
    number: int


class AddedOnWays:
    """What the ways through a function add, as they are run one after another from the same place.

    `left` are the members of ways that left the function.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.begun = len(memory.added)
        self.absent: list[Absent] = []
        self.left: list[Absent] = []

    def end(self, *, goes_on: bool, is_last: bool) -> None:
        """End a way. `goes_on`: what follows the ways can be reached by it; `is_last`: nothing is
        run on the ways after it."""
        if not goes_on:
            self.left += take_out(self.memory, self.begun)
        elif not is_last:
            self.absent += take_out(self.memory, self.begun)
        self.begun = len(self.memory.added)

    def end_all(self) -> list[Absent]:
        """Go on with what the ways have added that did not leave; returns what the others have."""
        put_back(self.memory, self.absent)
        return self.left


def take_out(memory: Memory, since: int) -> list[Absent]:
    """Take the members out of their lists that were added since so many had been."""
    absent: list[Absent] = []
    for box, member in reversed(memory.added[since:]):
        number = next((at for at, one in enumerate(box.items) if one is member), None)
        if number is not None:
            del box.items[number]
            absent.append(Absent(box, member, number))
    absent.reverse()
    memory.changes += bool(absent)
    return absent


def put_back(memory: Memory, absent: list[Absent]) -> None:
    """Put members back where they stood in their lists."""
    for box, member, number in absent:
        box.items.insert(number, member)
    memory.changes += bool(absent)
    absent.clear()
