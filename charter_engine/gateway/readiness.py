"""Whether servers take requests: asked of them again and again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from charter_engine.routing.router import RoutedServer, Router

EVERY_SECONDS = 1.0
"""Assumed: as often as balancers ask."""
PATIENT_SECONDS = 5.0
"""Assumed: a server that takes longer to say that it is up is not."""
log = logging.getLogger(__name__)
IsReady = Callable[[], Awaitable[bool]]


@asynccontextmanager
async def watching(router: Router, ready: Mapping[str, IsReady]) -> AsyncIterator[None]:
    """The router knows meanwhile which servers take requests. One that is shutting down says that
    it is not ready, and answers what it has to the end."""
    async with asyncio.TaskGroup() as group:
        watchers = [
            group.create_task(_watch(router.servers[name], ask)) for name, ask in ready.items()
        ]
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.cancel()


async def _watch(server: RoutedServer, ask: IsReady) -> None:
    while True:
        is_ready = await _answer(ask)
        if is_ready != server.ready:
            log.warning(
                "%s %s", server.name, "takes requests again" if is_ready else "takes no requests"
            )
        server.ready = is_ready
        await asyncio.sleep(EVERY_SECONDS)


async def _answer(ask: IsReady) -> bool:
    try:
        async with asyncio.timeout(PATIENT_SECONDS):
            return await ask()
    except TimeoutError:
        return False
