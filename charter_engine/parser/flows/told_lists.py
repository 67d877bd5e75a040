"""Which of the lists that are kept may hold what some calls made, without going through what each
holds."""

from __future__ import annotations

from collections.abc import Set

from charter_engine.parser.flows.edges import EARLIER_RUN, is_of_round
from charter_engine.parser.values.values import Box, Element


class ToldLists:
    """Finds the lists that may hold what some calls made in this turn.

    `seen` is what each held when it was looked at last. `by_call` are those that hold an output of
    a call, `calls` the calls of each, `open_ones` those whose members hold boxes, into which more
    may have come.
    """

    def __init__(self) -> None:
        self.seen: dict[int, list[Element]] = {}
        self.by_call: dict[int, set[int]] = {}
        self.open_ones: set[int] = set()
        self.calls: dict[int, set[int]] = {}

    def told_by(self, calls: Set[int]) -> set[int]:
        """The numbers of lists that may hold what some calls made."""
        told = [self.by_call[call] for call in self.by_call.keys() & calls]
        return self.open_ones.union(*told)

    def look_at(self, box: Box) -> None:
        """Note what a list holds now."""
        number = id(box)
        if self.seen.get(number) == box.items:
            return
        self.open_ones.discard(number)
        for call in self.calls.pop(number, ()):
            holding = self.by_call[call]
            holding.discard(number)
            if not holding:
                del self.by_call[call]
        calls = self.calls[number] = set[int]()
        self.seen[number] = list(box.items)
        for item in box.items:
            if item.value.box is not None:
                self.open_ones.add(number)
            for origin in item.value.origins:
                if not is_of_round(origin, EARLIER_RUN):
                    calls.add(origin.chain[0][0])
        for call in calls:
            self.by_call.setdefault(call, set()).add(number)
