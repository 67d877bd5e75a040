"""Has a server forget what sessions have left behind, as the live plan says."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from charter_engine.bls.releases import SessionReleases
from charter_engine.bls.retention import ReleaseWhen
from charter_engine.errors import CharterError
from charter_engine.servers.protocol import InferenceServer

SECONDS = 30.0
"""For one release."""
log = logging.getLogger(__name__)


class ServerReleases:
    """`server` gives the server by now; it raises `CharterError` while there is none. Until
    `follow` is called nothing is released. `trouble` says why the last release failed; empty where
    it did not."""

    def __init__(self, server: Callable[[], InferenceServer]) -> None:
        self._server = server
        self._sessions: SessionReleases | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.trouble = ""

    async def follow(self, when: ReleaseWhen) -> None:
        """Release from now on what is left behind by then; what sessions did before is
        forgotten."""
        await self.close()
        self._loop = asyncio.get_running_loop()
        self._sessions = None if when == "never" else SessionReleases(when, self._send)

    def answered(self, session: str, tokens: Any, *, ends: bool) -> None:
        """A request of a session was answered: as `SessionReleases` says. May be called from any
        thread."""
        if self._sessions is not None:
            self._sessions.answered(session, tokens, ends=ends)

    async def close(self) -> None:
        """Wait for what is on its way."""
        sessions, self._sessions = self._sessions, None
        if sessions is not None:
            await asyncio.to_thread(sessions.close)

    def _send(self, tokens: Any, keep_tokens: int) -> None:
        assert self._loop is not None
        sending = asyncio.run_coroutine_threadsafe(self._release(tokens, keep_tokens), self._loop)
        try:
            sending.result(SECONDS)
            self.trouble = ""
        except (CharterError, TimeoutError) as error:
            self.trouble = f"nothing was released: {error or 'no answer in time'}"
            log.warning("%s", self.trouble)

    async def _release(self, tokens: Any, keep_tokens: int) -> None:
        await self._server().release(tuple(tokens.tolist()), keep_tokens)
