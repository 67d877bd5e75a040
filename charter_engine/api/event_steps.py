"""KV cache events of a server, message by message, as steps that a map of its cache takes."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from charter_engine.contracts.server import ProfileRequest
from charter_engine.kvcache.manager.event_batches import follow_batch
from charter_engine.kvcache.manager.event_log import follow_event_log
from charter_engine.kvcache.manager.event_map import EventMap

Step = Callable[[EventMap], None]
"""Follows one message of a source."""


async def published_steps(address: str, *, listen: bool, replay: str) -> AsyncGenerator[Step]:
    """What a publisher sends, without an end. `replay` is where it sends again what it sent before.
    Raises `UsageError` for what is no address, and `CharterError`."""
    from charter_engine.servers.event_stream import event_messages

    async with aclosing(event_messages(address, listen=listen, replay=replay)) as messages:
        async for message in messages:
            yield partial(follow_batch, number=message.number, message=message.batch)


async def drained_steps(request: ProfileRequest) -> AsyncGenerator[Step]:
    """What a trtllm-serve keeps until it is read, without an end. Raises `CharterError`."""
    from charter_engine.servers.drained_events import drained_events
    from charter_engine.servers.finding import url_of
    from charter_engine.servers.http import ServerHttp

    url = url_of(request.address or "", tls=request.tls)
    async with (
        ServerHttp(url, request.key, request.root_certificates) as http,
        aclosing(drained_events(http)) as kept,
    ):
        async for body in kept:
            yield partial(follow_event_log, lines=[body])
