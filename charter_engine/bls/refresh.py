"""Retention refresh: asking again for blocks that are there already, once an answer has changed
when its session is due back.

TensorRT-LLM takes retention only with a request.
A request that finds its whole prompt overwrites the priority and duration of what it finds.
So one of a single token, over an answered prompt and its answer, changes what they are kept for.
One over what is left of a prompt that is worth less by now than what is evicted next demotes it.
"""

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import numpy as np

from .refresh_timing import (
    LONGEST_S,
    PAUSE_S,
    HeldRefresh,
    Misjudged,
    Turnover,
    hold,
    worthiest,
)
from .sessions import Demoted, Sent, Sessions

DEFAULT_MOST = 64
"""Assumed: refreshes that wait at once; the worthier ones take the place of others."""

Send = Callable[[str, Any, dict[str, list[int]]], int | None]
"""Makes one request of an array of token ids with retention inputs, by a name; gives how many of
the tokens were reused, None where the engine does not tell. Raises if the request fails."""


class RetentionRefreshes:
    """Refreshes in the background, one at a time; at most `most` wait, of which the least worth is
    dropped first.

    `under_way` tells how many requests of clients are.
    `count` hears of each outcome.
    """

    def __init__(
        self,
        sessions: Sessions,
        send: Send,
        count: Callable[[str], None],
        under_way: Callable[[], int],
        most: int = DEFAULT_MOST,
    ) -> None:
        self._sessions, self._send, self._count = sessions, send, count
        self._under_way, self._most = under_way, most
        self._held: list[HeldRefresh] = []
        self._turnover, self._misjudged = Turnover(), Misjudged()
        self._served_one = False
        """Whether a request of a client has ended since it was last asked whether to demote."""
        self._stirred = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="refresh", daemon=True)
        self._thread.start()

    def follow(self, name: str, sent: Sent, level: int, output_ids: tuple[int, ...]) -> None:
        """Ask again for an answered request's blocks, at this retention level, when that is due.

        `name` is its id at the engine.
        Returns at once.
        """
        worth, computed = self._sessions.reuse_times.refresh, self._turnover.computed
        refresh = hold(worth, name, sent, level, output_ids, time.monotonic(), computed)
        with self._stirred:
            self._held.append(refresh)
            if len(self._held) > self._most:
                self._drop(min(self._held, key=lambda one: one.worth), "busy")
            self._stirred.notify()

    def answered(self, computed_tokens: int) -> None:
        """A client's request is no longer under way, for which so many tokens were computed."""
        with self._stirred:
            self._turnover.computed += computed_tokens
            self._served_one = True
            self._stirred.notify()

    def close(self) -> None:
        """Give up those that wait, and wait for the one that is on its way."""
        with self._stirred:
            self._closing = True
            self._stirred.notify()
        self._thread.join()

    def _work(self) -> None:
        while (refresh := self._next()) is not None:
            if isinstance(refresh, Demoted):
                self._demote(refresh)
            else:
                self._follow(refresh)

    def _next(self) -> HeldRefresh | Demoted | None:
        """The next to send, once there is one; None where this is being closed."""
        with self._stirred:
            while not self._closing:
                self._let_go(time.monotonic())
                refresh = worthiest(self._held, time.monotonic(), self._under_way())
                if refresh is not None:
                    self._held.remove(refresh)
                    return refresh
                if (demoted := self._next_demoted()) is not None:
                    return demoted
                self._stirred.wait(PAUSE_S if self._held else None)
        return None

    def _next_demoted(self) -> Demoted | None:
        """What is to be demoted behind a client's request, unless what the pool holds is
        misjudged."""
        if not (self._served_one and self._most):
            return None
        self._served_one = False
        if self._misjudged.too_much(self._turnover.computed):
            return None
        try:
            return self._sessions.demotion(time.monotonic(), self._under_way())
        except Exception:  # refreshes go on without demotions, and the counter tells
            self._count("failed")
            return None

    def _let_go(self, now_s: float) -> None:
        """Drop what is of no use any more."""
        for refresh in tuple(self._held):
            if self._sessions.overtaken(refresh.sent):
                self._drop(refresh, "overtaken")
            elif self._turnover.presumably_evicted(refresh):
                self._drop(refresh, "stale")
            elif now_s - refresh.answered_s >= LONGEST_S:
                self._drop(refresh, "busy")

    def _drop(self, refresh: HeldRefresh, outcome: str) -> None:
        self._held.remove(refresh)
        self._count(outcome)

    def _follow(self, refresh: HeldRefresh) -> None:
        try:
            token_ids = np.concatenate((refresh.sent.token_ids, refresh.output_ids))
            now_s = time.monotonic()
            retention = self._sessions.refreshed(
                refresh.sent, refresh.level, refresh.tokens, now_s, now_s - refresh.answered_s
            )
            reused_tokens = self._send(f"{refresh.name}-restamp", token_ids, retention)
            if reused_tokens is not None:
                self._turnover.found(refresh, reused_tokens)
            self._count("sent")
        except Exception:  # nobody waits for it, and the counter tells
            self._count("failed")

    def _demote(self, demoted: Demoted) -> None:
        try:
            reused_tokens = self._send(
                f"demoted-{uuid4().hex}", demoted.token_ids, demoted.retention
            )
            if reused_tokens is not None:
                self._misjudged.computed += len(demoted.token_ids) - 1 - reused_tokens
            self._count("demoted")
        except Exception:  # as above
            self._count("failed")
