"""Requests that are sent after others of the same file have ended."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from charter_engine.kvcache.workload.columns import Follows, WorkloadBuilder
from charter_engine.kvcache.workload.formats.reading import BatchReader


class Followers:
    """The requests of a file by name, each at a time or after others.

    Where the recording gives no time, a request arrives when the last one it waits for has arrived,
    and its delay later: how long that one took is not known.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, float]] = {}
        self._waits = self._unknown = self._repeated = 0

    def waiting(self, after: Sequence[str], delay_ms: float) -> tuple[float, Follows] | None:
        """When a request arrives that waits for others, and how. None if it waits for nobody that
        is known."""
        if len(after) == 1 and after[0] in self._known:
            return self.after_previous(after[0], delay_ms)
        known = [self._known[name] for name in after if name in self._known]
        self._unknown += len(after) - len(known)
        if not known:
            return None
        places, arrivals = zip(*known, strict=True)
        return max(arrivals) + delay_ms, Follows(places, delay_ms)

    def begin(self, name: str) -> None:
        """A request of that name is about to be added, which should be the first."""
        self._repeated += name in self._known

    def sent(self, name: str) -> float:
        """When another request arrives; the start where it is not known."""
        if name not in self._known:
            self._unknown += 1
            return 0.0
        return self._known[name][1]

    def after_previous(self, session: str, delay_ms: float) -> tuple[float, Follows] | None:
        """When a request arrives that waits for the one before it in its session, and how. None if
        it is the first."""
        previous = self._known.get(session)
        if previous is None:
            return None
        place, arrived_ms = previous
        return arrived_ms + delay_ms, Follows((place,), delay_ms)

    def added(
        self,
        name: str,
        place: int,
        arrival_ms: float,
        follows: Follows | None,
        builder: WorkloadBuilder,
    ) -> None:
        """Remember a request by its place among all, and what it follows."""
        self._known[name] = place, arrival_ms
        if follows is not None:
            builder.follows[place] = follows
            self._waits += 1

    def notes(self) -> list[str]:
        """What a report has to say of the waits."""
        found = []
        if self._waits:
            found.append(
                "times of requests that wait for others are assumed to count from their arrival; "
                "a timed prediction sends them after these have ended"
            )
        if self._unknown:
            found.append(f"{self._unknown} waits are for requests that do not precede them")
        if self._repeated:
            found.append(f"{self._repeated} requests have the name of an earlier one")
        return found


class FollowingReader(BatchReader):
    """A reader of requests that may follow others, in the order in which they stand."""

    def __init__(self) -> None:
        self.followers = Followers()

    def arrival(self, row: Any, place: int, builder: WorkloadBuilder) -> float:
        """When the request of a record arrives in ms, which is to stand at that place; tells
        `followers` of it."""
        raise NotImplementedError

    def take(self, rows: Sequence[Any], builder: WorkloadBuilder) -> dict[int, str]:
        """See `Reader`. The times of `columns` are not looked at."""
        batch, requests, problems = self.usable(rows)
        places = enumerate(requests, start=len(builder))
        arrivals = [self.arrival(row, place, builder) for place, row in places]
        builder.extend(replace(batch, arrival_ms=np.array(arrivals, dtype=np.float64)))
        return problems

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""
        builder.notes += self.followers.notes()
