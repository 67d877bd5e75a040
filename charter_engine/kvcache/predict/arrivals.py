"""When requests arrive: by their time stamps, or when those that they wait for have ended.

What a request waits for is what the workload says. Where it was recorded how long requests took, a
session goes on from its own answers: a request waits for the one of its session that had ended last
when it came, and is sent as much later as it was then. So a slower server is sent less at a time,
as it is by clients that wait for their answers.
"""

import heapq
from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence

import numpy as np

from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.waits import Follows


class Arrivals:
    """The requests of a workload that are still to come, by the time they do.

    `after` names for each request those it waits for; empty: as the workload says, or its sessions.
    """

    def __init__(self, workload: Workload, after: Sequence[tuple[int, ...]] = ()) -> None:
        """Raises ValueError where `after` is not one entry a request."""
        if after and len(after) != len(workload):
            raise ValueError(f"`after` has {len(after)} entries for {len(workload)} requests")
        follows = (
            {request: Follows(needed) for request, needed in enumerate(after) if needed}
            if after
            else {**_after_own_answers(workload), **workload.follows}
        )
        self._delay_ms = {request: known.delay_ms for request, known in follows.items()}
        self._missing = [0] * len(workload)
        self._followers: dict[int, list[int]] = {}
        for request, known in follows.items():
            self._missing[request] = len(set(known.after))
            for earlier in set(known.after):
                self._followers.setdefault(earlier, []).append(request)
        arrivals = workload.arrival_ms.tolist()
        self._coming = [
            (arrivals[request], request)
            for request, missing in enumerate(self._missing)
            if not missing
        ]
        heapq.heapify(self._coming)

    def __bool__(self) -> bool:
        return bool(self._coming)

    @property
    def next_ms(self) -> float:
        """When the next one comes, as far as that is known; infinity where none is."""
        return self._coming[0][0] if self._coming else np.inf

    def until(self, now: float) -> list[tuple[float, int]]:
        """Those that have come by now, each with its time; they are told once."""
        come = []
        while self._coming and self._coming[0][0] <= now:
            come.append(heapq.heappop(self._coming))
        return come

    def first_token(self, request: int, took_ms: float) -> None:
        """Nobody waits for that."""

    def ended(self, request: int, now: float) -> None:
        """Note that a request is through, or refused, and let those come that waited for it
        alone."""
        for follower in self._followers.get(request, ()):
            self._missing[follower] -= 1
            if not self._missing[follower]:
                heapq.heappush(self._coming, (now + self._delay_ms.get(follower, 0.0), follower))

    def require_all_came(self) -> None:
        """Raises ValueError where requests wait for each other in a circle."""
        if any(self._missing):
            raise ValueError(
                f"{sum(map(bool, self._missing))} requests wait for each other and are never sent"
            )


def _after_own_answers(workload: Workload) -> Mapping[int, Follows]:
    """Which request of its session each one followed, and how much later it came, where that was
    recorded."""
    if workload.served_ms is None:
        return {}
    follows: dict[int, Follows] = {}
    ended: dict[int, list[tuple[float, int]]] = {}
    served = np.nan_to_num(workload.served_ms, nan=np.inf).tolist()
    sessions, arrivals = workload.conversation.tolist(), workload.arrival_ms.tolist()
    for request, (session, arrival) in enumerate(zip(sessions, arrivals, strict=True)):
        if not session:
            continue
        earlier = ended.setdefault(session, [])
        place = bisect_right(earlier, (arrival, request))
        if place:
            end, previous = earlier[place - 1]
            follows[request] = Follows((previous,), arrival - end)
        insort(earlier, (arrival + served[request], request))
    return follows
