"""The KV cache events of a deployment, followed for as long as the engine process runs."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from charter_engine.api.event_steps import Step, drained_steps, published_steps
from charter_engine.contracts.contents import KvEventSource, MeasuredContents
from charter_engine.contracts.server import ProfileRequest
from charter_engine.errors import CharterError, UsageError
from charter_engine.kvcache.manager.event_log import follow_event_log
from charter_engine.traffic.measured import GrainOwners, MeasuredPool

PUBLISHED = ("tcp://", "ipc://")
KEPT = ("http://", "https://")
AGAIN_SECONDS = 5.0
"""Until a source that failed is tried again."""


class FollowedEvents:
    """A server's pool as its events tell of it. They are taken in off the event loop, and `report`
    may be called from any thread."""

    def __init__(self, source: KvEventSource) -> None:
        self._source = source
        self._pool = MeasuredPool(source)
        self._turn = threading.Lock()

    async def follow(self) -> None:
        """Take in events until cancelled. A source that fails is tried again, and `report` tells
        why meanwhile."""
        while True:
            try:
                async with aclosing(steps(self._source)) as messages:
                    async for step in messages:
                        await asyncio.to_thread(self._take, step)
            except CharterError as error:
                self._pool.trouble = str(error)
            await asyncio.sleep(AGAIN_SECONDS)

    def report(
        self, now: float, owners: GrainOwners, predicted: Mapping[int, int]
    ) -> MeasuredContents:
        """As `MeasuredPool.report`."""
        with self._turn:
            return self._pool.report(now, owners, predicted)

    def blocks_on_gpu(self) -> int | None:
        """As `MeasuredPool.blocks_on_gpu`."""
        with self._turn:
            return self._pool.blocks_on_gpu()

    def _take(self, step: Step) -> None:
        with self._turn:
            step(self._pool.events)
            self._pool.trouble = ""


async def steps(source: KvEventSource) -> AsyncGenerator[Step]:
    """What a source tells, message by message, without an end. Raises `CharterError`."""
    if source.address.startswith(PUBLISHED):
        told = published_steps(source)
    elif source.address.startswith(KEPT):
        require_source(source)
        told = drained_steps(
            ProfileRequest(
                address=source.address,
                key=source.key,
                drain=source.drain,
                root_certificates=source.root_certificates,
            )
        )
    else:
        told = _grown_steps(Path(source.address))
    async with aclosing(told) as following:
        async for step in following:
            yield step


async def _grown_steps(path: Path) -> AsyncGenerator[Step]:
    from charter_engine.servers.event_file import grown_lines

    async with aclosing(grown_lines(path)) as grown:
        async for lines in grown:
            yield partial(follow_event_log, lines=lines)


def asked_as(source: KvEventSource, server: ProfileRequest | None) -> KvEventSource:
    """The source with the key and the certificates of the server that an engine works on, where it
    is that very server: no key is sent to another address than it is for."""
    from charter_engine.servers.finding import url_of

    if server is None or server.address is None or not source.address.startswith(KEPT):
        return source
    addresses = (source.address, url_of(server.address, tls=server.tls))
    if len({url_of(one).removesuffix("/v1") for one in addresses}) > 1:
        return source
    return replace(source, key=server.key, root_certificates=server.root_certificates)


def require_source(source: KvEventSource) -> None:
    """Raises `UsageError` for what cannot be a source as it is asked for."""
    published, kept = (source.address.startswith(some) for some in (PUBLISHED, KEPT))
    if (source.listen or source.replay) and not published:
        raise UsageError(
            f"--kv-events {source.address}: no publisher of events",
            remedy="--kv-events-listen and --kv-events-replay are of tcp://HOST:PORT",
        )
    if kept and not source.drain:
        raise UsageError(
            f"{source.address} forgets which events were read: another reader would miss them",
            remedy="add --kv-events-drain where nobody else reads them",
        )
