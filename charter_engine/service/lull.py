"""Whether a deployment is idle, so that its tap need not be read every second."""

import math
import time
from collections.abc import Callable
from typing import Final

LINGER_SECONDS: Final = 3.0
"""A record is written just after its request was counted: the tap is read a little longer."""
LONGEST_SECONDS: Final = 10.0
"""Between two readings of the tap, whatever the counts say."""


class Lull:
    """Tells by a count of requests when the tap is to be read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count: int | None = None
        self._counted_at = -math.inf
        self._read_at = -math.inf

    def is_over(self, count: int | None) -> bool:
        """Whether to read the tap now: `count` is of the requests that others sent, None where
        nobody counts them."""
        now = self._clock()
        if count is None or count != self._count:
            self._count, self._counted_at = count, now
        quiet = now - self._counted_at >= LINGER_SECONDS
        if quiet and now - self._read_at < LONGEST_SECONDS:
            return False
        self._read_at = now
        return True
