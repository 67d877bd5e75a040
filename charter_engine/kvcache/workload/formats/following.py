"""Requests that are sent after others of the same file have ended."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.reading import BatchReader
from charter_engine.kvcache.workload.waits import WaitsBuilder


class Followers:
    """The requests of a file by name, each at a time or after others.

    Where the recording gives no time, a request arrives when the last one it waits for has arrived,
    and its delay later: how long that one took is not known.
    """

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, float]] = {}
        """The place of each, and when it arrives in ms."""
        self.unknown = self.repeated = 0
        """Waits for requests that do not precede them, and requests with the name of an earlier
        one."""

    def waited_for(self, names: Sequence[str]) -> tuple[Sequence[int], float]:
        """The places of those that are known of some requests, and when the last of them
        arrives."""
        found = [self.known[name] for name in names if name in self.known]
        self.unknown += len(names) - len(found)
        return [place for place, _ in found], max((at for _, at in found), default=0.0)

    def sent(self, name: str) -> float:
        """When another request arrives; the start where it is not known."""
        if name not in self.known:
            self.unknown += 1
            return 0.0
        return self.known[name][1]

    def notes(self, waits: int) -> list[str]:
        """What a report has to say of so many waits."""
        found = []
        if waits:
            found.append(
                "times of requests that wait for others are assumed to count from their arrival; "
                "a timed prediction sends them after these have ended"
            )
        if self.unknown:
            found.append(f"{self.unknown} waits are for requests that do not precede them")
        if self.repeated:
            found.append(f"{self.repeated} requests have the name of an earlier one")
        return found


class FollowingReader(BatchReader):
    """A reader of requests that may follow others, in the order in which they stand."""

    def __init__(self) -> None:
        self.followers = Followers()

    def arrivals(self, rows: Sequence[Any], first: int, waits: WaitsBuilder) -> list[float]:
        """When the requests of some records arrive in ms, which are to stand from that place on;
        notes what they wait for, and them in `followers`."""
        raise NotImplementedError

    def take(self, rows: Sequence[Any], builder: WorkloadBuilder) -> dict[int, str]:
        """See `Reader`. The times of `columns` are not looked at."""
        batch, requests, problems = self.usable(rows)
        arrivals = self.arrivals(requests, len(builder), builder.waits)
        builder.extend(replace(batch, arrival_ms=np.array(arrivals, dtype=np.float64)))
        return problems

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""
        builder.notes += self.followers.notes(len(builder.waits))
