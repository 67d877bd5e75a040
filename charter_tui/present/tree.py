"""The graph of calls as rows, in the order in which they run.

Calls that a loop repeats, and calls that may run at once, are groups that fold into one row.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Final, Literal

from charter_engine.contracts.graph import Call, Loop
from charter_tui.naming import name_by_id, names_of, split_id

LEAST_OF_WAVE: Final = 3
"""Calls that may run at once and are worth a row of their own."""
FOLDED_FROM: Final = 60
"""Calls of an agent whose groups are folded until they are opened."""


@dataclass(frozen=True, eq=False)
class TreeRow:
    """A row: a heading, a group of calls (`inside`), or a call.

    `needs` names the calls whose output it needs, `loops_from` those whose output reaches it in a
    later iteration. `group` is the kind of a group, which is `folded` or open.
    """

    key: str
    label: str
    depth: int = 0
    call: Call | None = None
    needs: tuple[str, ...] = ()
    loops_from: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    group: Literal["loop", "wave"] | None = None
    folded: bool = False


@dataclass(frozen=True, eq=False)
class Branch:
    """A group with its rows, folded and open, and what is shown below it while it is open."""

    folded: TreeRow
    opened: TreeRow
    members: "tuple[TreeRow | Branch, ...]"


@dataclass(frozen=True, eq=False)
class Tree:
    """An agent's calls, put together once."""

    calls: tuple[Call, ...] = ()
    members: tuple[TreeRow | Branch, ...] = ()
    groups: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def listed(self) -> tuple[TreeRow, ...]:
        """A row a call, by its name in full, in the order in which they run."""
        every = (row for row in self.rows(frozenset()) if row.call is not None)
        return tuple(TreeRow(row.key, _in_full(row), call=row.call) for row in every)

    @property
    def folded_at_first(self) -> frozenset[str]:
        """The groups that are folded before anybody opens or folds one."""
        return self.groups if len(self.calls) >= FOLDED_FROM else frozenset()

    def rows(self, folded: frozenset[str]) -> Iterator[TreeRow]:
        """The rows that are shown while the groups of these keys are folded."""
        return _shown(self.members, folded)


def tree_of(calls: Sequence[Call]) -> Tree:
    """The calls in the order in which they run, under a heading per function."""
    members: list[TreeRow | Branch] = []
    names = names_of(calls)
    ordered = execution_order(calls)
    for function, run in groupby(ordered, key=lambda call: split_id(call.id)[0]):
        if function:
            members.append(TreeRow(key=f"heading:{len(members)}", label=function))
        members += _Rows(names).looped(list(run))
    return Tree(tuple(calls), tuple(members), frozenset(_groups(members)))


def execution_order(calls: Sequence[Call]) -> list[Call]:
    """The calls so that each stands behind those whose output it needs, otherwise in source order.

    A loop and a function stay together where that can be. Calls that need each other in a circle
    follow in source order.
    """
    return list(_Scheduler(calls).run())


def loop_words(loop: Loop) -> str:
    """What repeats calls, as the source has it."""
    match loop.kind:
        case "for" | "comprehension":
            return f"for {loop.target} in {loop.iterable}"
        case "while":
            return f"while {loop.iterable}"
        case "caller":
            return "repeated by a caller"
        case _:
            return loop.kind


class _Scheduler:
    """Takes the next call that has all it needs: of the same loop, else of the same function, else
    the first one."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = calls
        number = {call.id: index for index, call in enumerate(calls)}
        self._followers: dict[int, list[int]] = defaultdict(list)
        self._missing = [0] * len(calls)
        for index, call in enumerate(calls):
            needed = {number[one] for one in _upstream(call) if one in number} - {index}
            self._missing[index] = len(needed)
            for one in needed:
                self._followers[one].append(index)
        self._ready: dict[tuple[object, ...], list[int]] = defaultdict(list)
        self._done: set[int] = set()

    def run(self) -> Iterator[Call]:
        for index, missing in enumerate(self._missing):
            if not missing:
                self._offer(index)
        place: tuple[object, ...] = ()
        first_left = iter(range(len(self._calls)))
        while len(self._done) < len(self._calls):
            ready = self._next(place)
            index = ready if ready is not None else self._stuck(first_left)
            self._done.add(index)
            place = self._place(index)
            yield self._calls[index]
            for follower in self._followers[index]:
                self._missing[follower] -= 1
                if not self._missing[follower]:
                    self._offer(follower)

    def _stuck(self, left: Iterator[int]) -> int:
        """The first call that is left, where each of them needs another."""
        return next(index for index in left if index not in self._done)

    def _place(self, index: int) -> tuple[object, ...]:
        call = self._calls[index]
        return (split_id(call.id)[0], _loop_place(call))

    def _offer(self, index: int) -> None:
        place = self._place(index)
        for depth in range(len(place) + 1):
            heapq.heappush(self._ready[place[:depth]], index)

    def _next(self, place: tuple[object, ...]) -> int | None:
        for depth in range(len(place), -1, -1):
            waiting = self._ready[place[:depth]]
            while waiting:
                index = heapq.heappop(waiting)
                if index not in self._done:
                    return index
        return None


class _Rows:
    """Makes the rows of one function's calls."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def looped(self, calls: Sequence[Call]) -> Iterator[TreeRow | Branch]:
        for place, run in groupby(calls, key=_loop_place):
            repeated = list(run)
            loop = repeated[0].loop
            if place is None or loop is None or len(repeated) == 1:
                yield from self.waves(repeated, 0)
            else:
                yield self._branch("loop", loop_words(loop), repeated, 0)

    def waves(self, calls: Sequence[Call], depth: int) -> Iterator[TreeRow | Branch]:
        for _, run in groupby(calls, key=_upstream):
            wave = list(run)
            if len(wave) < LEAST_OF_WAVE:
                yield from (self._call(call, depth) for call in wave)
            else:
                yield self._branch("wave", self._from_to(wave), wave, depth)

    def _branch(
        self, kind: Literal["loop", "wave"], label: str, calls: Sequence[Call], depth: int
    ) -> Branch:
        if kind == "loop":
            members = tuple(self.waves(calls, depth + 1))
            needs: tuple[str, ...] = ()
        else:
            members = tuple(self._call(call, depth + 1, told=True) for call in calls)
            needs = self._needs(calls[0])
        folded, opened = (
            TreeRow(
                key=f"{kind}:{calls[0].id}",
                label=label,
                depth=depth,
                needs=needs,
                inside=tuple(call.id for call in calls),
                group=kind,
                folded=closed,
            )
            for closed in (True, False)
        )
        return Branch(folded, opened, members)

    def _call(self, call: Call, depth: int, *, told: bool = False) -> TreeRow:
        """`told`: what it needs is told of the whole group."""
        return TreeRow(
            key=call.id,
            label=self._names[call.id],
            depth=depth,
            call=call,
            needs=() if told else self._needs(call),
            loops_from=tuple(
                self._names.get(edge.call, edge.call)
                for edge in call.depends_on
                if edge.carried == "loop"
            ),
        )

    def _needs(self, call: Call) -> tuple[str, ...]:
        names = (self._names.get(one, name_by_id(one)) for one in _upstream(call))
        return tuple(dict.fromkeys(names))

    def _from_to(self, calls: Sequence[Call]) -> str:
        first, last = self._names[calls[0].id], self._names[calls[-1].id]
        return first if first == last else f"{first} … {last}"


def _in_full(row: TreeRow) -> str:
    """The whole id of a call that ends in what the call is called, else that."""
    return row.key if row.key.endswith(f":{row.label}") else row.label


def _upstream(call: Call) -> tuple[str, ...]:
    """The calls whose output it needs in the same turn."""
    return tuple(edge.call for edge in call.depends_on if edge.carried == "data")


def _loop_place(call: Call) -> tuple[str, int] | None:
    return (call.loop.kind, call.loop.line) if call.loop is not None else None


def _groups(members: Iterable[TreeRow | Branch]) -> Iterator[str]:
    for member in members:
        if isinstance(member, Branch):
            yield member.opened.key
            yield from _groups(member.members)


def _shown(members: Iterable[TreeRow | Branch], folded: frozenset[str]) -> Iterator[TreeRow]:
    for member in members:
        if isinstance(member, TreeRow):
            yield member
        elif member.folded.key in folded:
            yield member.folded
        else:
            yield member.opened
            yield from _shown(member.members, folded)
