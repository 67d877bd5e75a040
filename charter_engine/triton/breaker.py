"""A circuit breaker: what keeps a server that does not answer from being asked on and on.

Closed, every call goes through. After some failures in a row it opens, and calls fail at once. When
its delay is over it is half-open: one call goes through, and what comes of it closes the circuit
or opens it for twice as long. Source: M. Nygard, "Release It!", 2007.
"""

import random
from collections.abc import Callable

from charter_engine.contracts.live import BreakerState

FAILURES_TO_OPEN = 5
"""Assumed: so many in a row are no accident."""
FIRST_DELAY_SECONDS = 0.5
"""Assumed: a server that was only busy is back by then."""
LONGEST_DELAY_SECONDS = 5.0
"""A server that comes back is noticed within that time and the next call."""


class CircuitBreaker:
    """The breaker of one server. Only what is no answer is a failure: a refusal is an answer.

    Delays are drawn from the upper half of what is due, so that many clients don't come back at
    once. `clock` gives seconds of any origin.
    """

    def __init__(
        self, clock: Callable[[], float], draw: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._draw = draw
        self._failures = 0
        self._retry_at = 0.0
        self._trying_since: float | None = None
        self.reason = ""
        """What the last call met that got no answer."""

    @property
    def state(self) -> BreakerState:
        if self._failures < FAILURES_TO_OPEN:
            return "closed"
        return "open" if self._clock() < self._retry_at else "half-open"

    @property
    def seconds_left(self) -> float:
        """Until a call goes through again."""
        return max(0.0, self._retry_at - self._clock()) if self.state == "open" else 0.0

    def admits(self) -> bool:
        """Whether a call may go through now. Half-open, the next may not before this one ended, or
        took as long as the longest delay."""
        state, now = self.state, self._clock()
        if state == "closed":
            return True
        since = self._trying_since
        if state == "open" or (since is not None and now - since < LONGEST_DELAY_SECONDS):
            return False
        self._trying_since = now
        return True

    def answered(self) -> None:
        """The server answered."""
        self.reset()
        self.reason = ""

    def reset(self) -> None:
        """Let calls through again at once, whatever came of the last."""
        self._failures = 0
        self._trying_since = None

    def failed(self, reason: str = "") -> None:
        """The server did not answer; `reason` is what the call met."""
        self.reason = reason
        self._failures += 1
        self._trying_since = None
        over = self._failures - FAILURES_TO_OPEN
        if over >= 0:
            due = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(over, 10))
            self._retry_at = self._clock() + due * (0.5 + 0.5 * self._draw())
