"""Retention refresh: asking again for blocks that are there already, once an answer has changed
when its session is due back.

TensorRT-LLM takes retention only with a request.
A request that finds its whole prompt overwrites the priority and duration of what it finds.
So one of a single token, over an answered prompt and its answer, changes what they are kept for.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .sessions import Sent, Sessions

DEFAULT_AT_ONCE = 8


class RetentionRefreshes:
    """Refreshes in the background, at most `at_once` of them.

    More are dropped, for they only save time later.
    `send` makes one request of token ids with retention inputs and raises if it fails.
    `count` hears of each outcome.
    """

    def __init__(
        self,
        sessions: Sessions,
        send: Callable[[str, list[int], dict[str, list[int]]], object],
        count: Callable[[str], None],
        at_once: int = DEFAULT_AT_ONCE,
    ) -> None:
        self._sessions, self._send, self._count = sessions, send, count
        self._room = threading.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(max(at_once, 1), thread_name_prefix="refresh")

    def follow(self, name: str, sent: Sent, level: int, output_ids: tuple[int, ...]) -> None:
        """Ask again for an answered request's blocks, at this retention level.

        `name` is its id at the engine.
        Returns at once.
        """
        if self._room.acquire(blocking=False):
            self._threads.submit(self._follow, name, sent, level, output_ids)
        else:
            self._count("busy")

    def close(self) -> None:
        """Wait for those that are on their way."""
        self._threads.shutdown(wait=True)

    def _follow(self, name: str, sent: Sent, level: int, output_ids: tuple[int, ...]) -> None:
        try:
            if self._sessions.overtaken(sent):
                self._count("overtaken")
                return
            token_ids = [*sent.token_ids.tolist(), *output_ids]
            retention = self._sessions.refreshed(sent, level, len(token_ids))
            self._send(f"{name}-restamp", token_ids, retention)
            self._count("sent")
        except Exception:  # nobody waits for it, and the counter tells
            self._count("failed")
        finally:
            self._room.release()
