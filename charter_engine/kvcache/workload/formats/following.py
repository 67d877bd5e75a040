"""Requests that are sent after others of the same file have ended."""

from charter_engine.kvcache.workload.batch import Run, to_runs
from charter_engine.kvcache.workload.columns import Follows, WorkloadBuilder

HASH_BITS = (1 << 63) - 1
"""What is kept of hashes of 64 bits: ids are signed numbers."""


class Followers:
    """Adds requests by name, each at a time or after others.

    Where the recording gives no time, a request arrives when the last one it waits for has arrived,
    and its delay later: how long that one took is not known.
    """

    def __init__(self) -> None:
        self._place: dict[str, int] = {}
        self._arrival: dict[str, float] = {}
        self._waits = self._unknown = 0

    def wait(self, after: list[str], delay_ms: float, builder: WorkloadBuilder) -> float | None:
        """Have the next request that is added wait. Gives when it arrives; None if it waits for
        nobody that is known."""
        known = [name for name in after if name in self._place]
        self._unknown += len(after) - len(known)
        if not known:
            return None
        self._waits += 1
        places = tuple(self._place[name] for name in known)
        builder.follows[len(builder)] = Follows(places, delay_ms)
        return max(self._arrival[name] for name in known) + delay_ms

    def wait_for_previous(
        self, session: str, delay_ms: float, builder: WorkloadBuilder
    ) -> float | None:
        """Have the next request that is added wait for the one before it in its session, if there
        is one. Gives when it arrives."""
        if session not in self._place:
            return None
        return self.wait([session], delay_ms, builder)

    def added(self, name: str, arrival_ms: float, builder: WorkloadBuilder) -> None:
        """Remember the request added last."""
        self._place[name] = len(builder) - 1
        self._arrival[name] = arrival_ms

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
        return found


def runs_of(hash_ids: list[int]) -> list[Run]:
    """Ids of up to 64 bits as runs."""
    ids = [identity & HASH_BITS for identity in hash_ids]
    return [(first, count) for first, count in to_runs(ids).tolist()]
