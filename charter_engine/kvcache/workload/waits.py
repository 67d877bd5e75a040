"""Which requests are sent after which others have ended, in columns."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
from msgspec import Struct

from charter_engine.kvcache.workload.batch import Floats, column, within
from charter_engine.kvcache.workload.ids import Ints

_LEFT_OUT = -1
"""Derived: no place is below nought."""


class Follows(Struct, frozen=True, gc=False):
    """A request is sent `delay_ms` after the last of the others has ended, which are named by their
    places in the workload."""

    after: tuple[int, ...]
    delay_ms: float = 0.0


class Waits(Mapping[int, Follows]):
    """What requests follow, by their places. One entry for each that waits, in order of place, but
    for `after`, which holds the places of all that are waited for, `counts` by each."""

    def __init__(self, places: Ints, counts: Ints, after: Ints, delay_ms: Floats) -> None:
        self.places = places
        self.counts = counts
        self.after = after
        self.delay_ms = delay_ms
        self._end = np.cumsum(counts)

    @classmethod
    def of(cls, follows: Mapping[int, Follows]) -> "Waits":
        """The same in columns."""
        if isinstance(follows, cls):
            return follows
        known = [follows[place] for place in sorted(follows)]
        return cls(
            column(sorted(follows)),
            column([len(one.after) for one in known]),
            column([*chain.from_iterable(one.after for one in known)]),
            np.array([one.delay_ms for one in known], dtype=np.float64),
        )

    @classmethod
    def joined(cls, parts: Sequence["Waits"]) -> "Waits":
        """Those of several, which stand in order of place."""
        return cls(
            np.concatenate([one.places for one in parts]),
            np.concatenate([one.counts for one in parts]),
            np.concatenate([one.after for one in parts]),
            np.concatenate([one.delay_ms for one in parts]),
        )

    def __getitem__(self, place: int) -> Follows:
        index = int(np.searchsorted(self.places, place))
        if index == len(self) or self.places[index] != place:
            raise KeyError(place)
        end = int(self._end[index])
        after = self.after[end - int(self.counts[index]) : end]
        return Follows(tuple(after.tolist()), float(self.delay_ms[index]))

    def __iter__(self) -> Iterator[int]:
        return iter(self.places.tolist())

    def __len__(self) -> int:
        return len(self.places)

    def shifted(self, by: int) -> "Waits":
        """The same of requests that stand so many places further behind."""
        return Waits(self.places + by, self.counts, self.after + by, self.delay_ms)

    def selected(self, chosen: Ints, count: int) -> "Waits":
        """Those of some of `count` requests, in that order; requests that are left out are waited
        for no more."""
        place_of = np.full(count, _LEFT_OUT, dtype=np.int64)
        place_of[chosen] = np.arange(len(chosen))
        places = place_of[self.places]
        order = np.argsort(places, kind="stable")
        order = order[np.searchsorted(places[order], 0) :]
        counts = self.counts[order]
        after = place_of[self.after[within(self._end[order] - counts, counts)]]
        waiter = np.repeat(np.arange(len(order)), counts)
        is_kept = after != _LEFT_OUT
        return Waits(
            places[order],
            np.bincount(waiter[is_kept], minlength=len(order)).astype(np.int64),
            after[is_kept],
            self.delay_ms[order],
        )


class WaitsBuilder:
    """Collects what requests follow, in order of place."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self._counts: list[int] = []
        self._after: list[int] = []
        self._delay_ms: list[float] = []

    def __len__(self) -> int:
        return len(self._places)

    def add(self, place: int, after: Sequence[int], delay_ms: float) -> None:
        """The next request waits for others."""
        self._places.append(place)
        self._counts.append(len(after))
        self._after.extend(after)
        self._delay_ms.append(delay_ms)

    def add_each(
        self, places: Sequence[int], after: Sequence[int], delays_ms: Sequence[float]
    ) -> None:
        """Each of the next requests waits for one other."""
        self._places.extend(places)
        self._counts.extend([1] * len(places))
        self._after.extend(after)
        self._delay_ms.extend(delays_ms)

    def build(self) -> Waits:
        """All of them."""
        return Waits(
            column(self._places),
            column(self._counts),
            column(self._after),
            np.array(self._delay_ms, dtype=np.float64),
        )
