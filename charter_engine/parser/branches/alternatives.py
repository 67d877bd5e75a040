"""Which outputs were made on another way through a function than the one that is followed.

Branches of an `if` or `match`, and the handlers of errors, exclude each other: what one of them
leaves in a list, an object or a graph's state is not there yet when another one is run. Nor is it
in what follows a branch that leaves the function.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from charter_engine.parser.values.origins import Chain

Elsewhere = Mapping[Chain, int]
"""Outputs made on other ways only, each with the length of the log when this way began: once it is
made on this way too, it is there."""

NOWHERE: Final[Elsewhere] = {}


@dataclass(slots=True)
class OutputLog:
    """The outputs made since an analysis started from a function or a module, in order; of each
    when it was made first and last, and its `sites`. `earlier` are the sites whose outputs a
    function that is started from finds there of an earlier turn alone; so it does those of the
    calls `left` by what a server runs, but for the sites `in_turn`. `at_events` are those made
    where a page answers an event of its user's: another event has none of them in its run."""

    made: list[Chain] = field(default_factory=list)
    first: dict[Chain, int] = field(default_factory=dict)
    last: dict[Chain, int] = field(default_factory=dict)
    sites: dict[Chain, tuple[int, ...]] = field(default_factory=dict)
    earlier: frozenset[tuple[int, ...]] = frozenset()
    left: AbstractSet[int] = frozenset()
    in_turn: AbstractSet[tuple[int, ...]] = frozenset()
    at_events: set[Chain] = field(default_factory=set)

    def begin(
        self,
        earlier: frozenset[tuple[int, ...]] = frozenset(),
        left: AbstractSet[int] = frozenset(),
        in_turn: AbstractSet[tuple[int, ...]] = frozenset(),
    ) -> None:
        self.made.clear()
        self.first.clear()
        self.last.clear()
        self.sites.clear()
        self.earlier, self.left, self.in_turn = earlier, left, in_turn

    def is_earlier(self, chain: Chain) -> bool:
        """Whether an output that was there at the start is one of an earlier turn."""
        if chain in self.last or not (self.earlier or self.left):
            return False
        sites = sites_of(chain)
        return sites in self.earlier or (sites[0] in self.left and sites not in self.in_turn)

    def add(self, *chains: Chain) -> None:
        for chain in chains:
            self.last[chain] = len(self.made)
            if chain not in self.first:
                self.first[chain] = len(self.made)
                self.sites[chain] = sites_of(chain)
            self.made.append(chain)

    def new_since(self, start: int, end: int | None = None) -> AbstractSet[Chain]:
        """The outputs made first since the log had a length; `end`: made until it had that."""
        return {chain for chain in self.made[start:end] if self.first[chain] >= start}

    def is_elsewhere(self, chain: Chain, elsewhere: Elsewhere) -> bool:
        """Whether an output was not made on the way that is followed."""
        since = elsewhere.get(chain)
        return since is not None and self.last.get(chain, -1) < since

    def unmade(self, elsewhere: Elsewhere) -> frozenset[Chain]:
        """The outputs that were not made on the way that is followed."""
        return frozenset(chain for chain in elsewhere if self.is_elsewhere(chain, elsewhere))


def sites_of(chain: Chain) -> tuple[int, ...]:
    return tuple(site for site, _ in chain)


class Ways:
    """Ways through a function that exclude each other, as they are followed one after another from
    the same place."""

    def __init__(self, log: OutputLog, elsewhere: Elsewhere) -> None:
        self.log = log
        self.before = elsewhere
        self.start = self.begun = len(log.made)
        self.on_those_that_go_on: set[Chain] = set()

    def on_the_next(self, *, is_at_event: bool = False) -> Elsewhere:
        """What was not made on the way that begins here; `is_at_event`: a page goes it where it
        answers an event."""
        self.begun = len(self.log.made)
        others = self.log.new_since(self.start) if self.begun > self.start else set[Chain]()
        return self.with_others(others | self.log.at_events if is_at_event else others)

    def end(self, goes_on: bool, *, is_at_event: bool = False) -> None:
        """End a way; `goes_on`: what follows the ways can be reached by it."""
        if is_at_event:
            self.log.at_events |= self.log.new_since(self.begun)
        if goes_on and self.begun < len(self.log.made):
            self.on_those_that_go_on.update(self.log.made[self.begun :])

    def on_what_follows(self) -> Elsewhere:
        """What was made only on ways that left the function."""
        if self.start == len(self.log.made):
            return self.before
        return self.with_others(self.log.new_since(self.start) - self.on_those_that_go_on)

    def with_others(self, chains: AbstractSet[Chain]) -> Elsewhere:
        if not chains:
            return self.before
        return {**self.before, **dict.fromkeys(chains, len(self.log.made))}
