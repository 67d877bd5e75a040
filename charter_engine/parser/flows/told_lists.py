"""Which of the lists that are kept may hold what some calls made, without going through all of what
each holds."""

from __future__ import annotations

from charter_engine.parser.flows.edges import EARLIER_RUN, is_of_round
from charter_engine.parser.values.values import Box, Element


class ToldLists:
    """Finds the lists that may hold what some calls made in this turn.

    `lists` are kept by others, by their numbers, and only added to. `seen` is what each held when
    it was looked at last: from one start to the next few hold anything else. `by_call` are those
    that hold an output of a call, `calls` the calls of each, `open_ones` those whose members hold
    boxes, into which more may have come; `places` is the order of all.
    """

    def __init__(self, lists: dict[int, Box]) -> None:
        self.lists = lists
        self.seen: dict[int, list[Element]] = {}
        self.places: dict[int, int] = {}
        self.by_call: dict[int, set[int]] = {}
        self.open_ones: set[int] = set()
        self.calls: dict[int, set[int]] = {}

    def told_by(self, calls: set[int]) -> list[int]:
        """The numbers of lists that may hold what some calls made, in the order of all."""
        seen = self.seen
        for number in [one for one, box in self.lists.items() if seen.get(one) != box.items]:
            self.look_at(number, self.lists[number])
        found = self.open_ones.union(*[self.by_call.get(call, NONE) for call in calls])
        return sorted(found, key=self.places.__getitem__)

    def look_at(self, number: int, box: Box) -> None:
        self.places.setdefault(number, len(self.places))
        self.open_ones.discard(number)
        for call in self.calls.pop(number, ()):
            self.by_call[call].discard(number)
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


NONE: frozenset[int] = frozenset()
