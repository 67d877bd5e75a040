"""When the requests of one of Charter's own runs arrive: so many items are under way at once, and
requests that begin alike give the first of them a head start.

The rules are those of `executor.run` and `executor.head_starts`, over simulated time.
"""

import heapq
import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from charter_engine.kvcache.workload.columns import Workload

CONTENTION = 3.0
"""By how much prompts that are computed beside it may slow another one down."""


class HeadStart(Struct, frozen=True):
    """A request that goes ahead, by its place in the workload, and by how many milliseconds; None:
    by as long as its first token is thought to take, by the slowest one so far, and while there was
    none until it is answered."""

    ahead: int
    ms: float | None = None


class Sending(Struct, frozen=True, kw_only=True):
    """How a run sends its requests: `at_once` items are under way, and as many requests.

    Each entry is of one request: `items` has the number of its item, in the order in which items
    begin, `after` the requests that have been answered before, `head_starts` those that go ahead.
    """

    at_once: int
    items: tuple[int, ...]
    after: tuple[tuple[int, ...], ...]
    head_starts: tuple[tuple[HeadStart, ...], ...]


class RunArrivals:
    """The requests of a run that are still to come, by the time they do."""

    def __init__(self, workload: "Workload", sending: Sending) -> None:
        """Raises ValueError where `sending` is not one entry a request."""
        for entries in (sending.items, sending.after, sending.head_starts):
            if len(entries) != len(workload):
                raise ValueError(f"{len(entries)} entries for {len(workload)} requests")
        self._sending = sending
        self._lengths: list[int] = workload.input_length.tolist()
        self._missing = [1 + len(set(needed)) for needed in sending.after]
        """What each request waits for: the answers that it needs, and that its item begins."""
        self._since = [0.0] * len(workload)
        self._held_until = [
            {start.ahead: math.inf for start in starts} for starts in sending.head_starts
        ]
        """Until when each request is held for each of those ahead of it."""
        self._followers = _by_place(sending.after)
        self._behind = _by_place(self._held_until)
        self._of_item = _by_place([(item,) for item in sending.items])
        self._to_begin = deque(sorted(self._of_item))
        self._left = Counter(sending.items)
        self._coming: list[tuple[float, int, int]] = []
        self._sent: set[int] = set()
        self._in_flight = 0
        self._free_since = 0.0
        """When a request could be sent again for the first time after none could."""
        self._first_token_ms: dict[int, float] = {}
        self._slowest: tuple[float, int] | None = None
        for _ in range(sending.at_once):
            self._begin_item(0.0)

    def __bool__(self) -> bool:
        return any(request not in self._sent for *_, request in self._coming)

    @property
    def next_ms(self) -> float:
        """When the next one comes, as far as that is known; infinity where none is."""
        while self._coming and self._coming[0][2] in self._sent:
            heapq.heappop(self._coming)
        is_full = self._in_flight >= self._sending.at_once
        return math.inf if is_full or not self._coming else self._coming[0][0]

    def until(self, now: float) -> list[tuple[float, int]]:
        """Those that have come by now, each with its time; they are told once."""
        come = []
        while self.next_ms <= now:
            at, _, request = heapq.heappop(self._coming)
            at = max(at, self._free_since)
            self._sent.add(request)
            self._in_flight += 1
            self._let_go_ahead(request, at)
            come.append((at, request))
        return come

    def first_token(self, request: int, took_ms: float) -> None:
        """Note how long a request's first token took, from its arrival on."""
        self._first_token_ms[request] = took_ms

    def ended(self, request: int, now: float) -> None:
        """Note that a request is through, or refused, and what may come by that."""
        if self._in_flight == self._sending.at_once:
            self._free_since = now
        self._in_flight -= 1
        if request in self._first_token_ms:
            seen = (self._first_token_ms[request], self._lengths[request])
            self._slowest = max(self._slowest or seen, seen)
        for follower in self._followers.get(request, ()):
            self._met(follower, now)
        for follower in self._behind.get(request, ()):
            self._hold(follower, request, now)
        item = self._sending.items[request]
        self._left[item] -= 1
        if not self._left[item]:
            self._begin_item(now)

    def require_all_came(self) -> None:
        """Raises ValueError where requests wait for each other in a circle."""
        waiting = len(self._missing) - len(self._sent)
        if waiting:
            raise ValueError(f"{waiting} requests wait for each other and are never sent")

    def _begin_item(self, now: float) -> None:
        if self._to_begin:
            for request in self._of_item[self._to_begin.popleft()]:
                self._met(request, now)

    def _let_go_ahead(self, request: int, now: float) -> None:
        """Hold those behind a request that is sent for as long as its head start is."""
        for follower in self._behind.get(request, ()):
            for start in self._sending.head_starts[follower]:
                if start.ahead == request:
                    ms = self._thought_ms(follower) if start.ms is None else start.ms
                    self._hold(follower, request, now + ms)

    def _thought_ms(self, request: int) -> float:
        """How long the first token of such a prompt is thought to take."""
        if self._slowest is None:
            return math.inf
        ms, length = self._slowest
        return CONTENTION * ms * max(1.0, self._lengths[request] / max(1, length))

    def _met(self, request: int, now: float) -> None:
        """One thing less to wait for."""
        self._missing[request] -= 1
        self._since[request] = max(self._since[request], now)
        self._consider(request)

    def _hold(self, request: int, ahead: int, until: float) -> None:
        held = self._held_until[request]
        held[ahead] = min(held[ahead], until)
        self._consider(request)

    def _consider(self, request: int) -> None:
        """Let a request come where it is known when."""
        at = max(self._since[request], *self._held_until[request].values(), 0.0)
        if not self._missing[request] and at < math.inf:
            heapq.heappush(self._coming, (at, self._sending.items[request], request))


def _by_place(named: Sequence[Iterable[int]]) -> dict[int, list[int]]:
    """Who names a number, by that number."""
    found: dict[int, list[int]] = {}
    for place, numbers in enumerate(named):
        for number in set(numbers):
            found.setdefault(number, []).append(place)
    return found
