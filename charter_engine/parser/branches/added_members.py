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

    `left` are the members of ways that left the function, `turned` of those that left the turn of
    a loop.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.begun = len(memory.added)
        self.absent: list[Absent] = []
        self.left: list[Absent] = []
        self.turned: list[Absent] = []

    def end(self, *, goes_on: bool, turns: bool, is_last: bool) -> None:
        """End a way. `goes_on`: what follows the ways can be reached by it; `turns`: the next turn
        of a loop, or what follows that, can; `is_last`: nothing is run on the ways after it."""
        if not goes_on:
            gone = self.turned if turns else self.left
            gone += take_out(self.memory, self.begun)
        elif not is_last:
            self.absent += take_out(self.memory, self.begun)
        self.begun = len(self.memory.added)

    def end_all(self) -> None:
        """Go on with what the ways have added that did not leave."""
        put_back(self.memory, self.absent)


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


def note_absent(absent: list[Absent], left: list[Absent]) -> None:
    """Note members of ways that left the function, each once, however often a loop went there."""
    absent += [one for one in left if not any(is_same(one, other) for other in absent)]


def is_same(one: Absent, other: Absent) -> bool:
    """Whether two members were added to a list in the same place, of the same answers."""
    return (
        one.box is other.box
        and one.member.place == other.member.place
        and one.member.value.all_origins() == other.member.value.all_origins()
    )
