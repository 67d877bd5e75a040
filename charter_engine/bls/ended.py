"""The engine's streams that have ended, kept until Triton has forgotten them.

Triton's Python backend forgets a stream on a thread of its own, which holds no Python lock
(python_backend up to release 24.11, `Stub::SendCleanupId`; from 24.12 on tensors take it when they
go, pull request 390). Where nobody else holds the stream by then, that thread frees its arrays
while others run Python: memory is corrupted, and the process crashes, under load once in some
hundred requests. Whoever holds the stream longer frees it as is right.
"""

import time
from collections import deque
from typing import Any

IDLE_SECONDS = 5.0
"""After so long a stream is forgotten for sure where that thread has nothing else to do."""


class EndedStreams:
    """Streams are kept from any thread, and let go of by one."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Any]] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, stream: Any) -> None:
        """It has ended, and nothing more is read from it."""
        self._kept.append((time.monotonic(), stream))

    def let_go(self, count: int) -> None:
        """Triton has forgotten the first so many."""
        for _ in range(count):
            self._kept.popleft()

    def let_go_of_old(self, now: float) -> None:
        """Nothing was asked of Triton for a while."""
        while self._kept and now - self._kept[0][0] > IDLE_SECONDS:
            self._kept.popleft()
