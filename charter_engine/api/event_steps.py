"""KV cache events of a server, message by message, as steps that a map of its cache takes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from itertools import zip_longest

from charter_engine.contracts.contents import KvEventSource
from charter_engine.contracts.server import ProfileRequest
from charter_engine.errors import CharterError, UsageError
from charter_engine.kvcache.manager.event_batches import follow_batch
from charter_engine.kvcache.manager.event_log import follow_event_log
from charter_engine.kvcache.manager.event_map import EventMap

Step = Callable[[EventMap], None]
"""Follows one message of a source."""


async def published_steps(source: KvEventSource) -> AsyncGenerator[Step]:
    """What the publishers of a source send, without an end. Raises `UsageError` for what is no
    address, and `CharterError`."""
    addresses, replays = source.address.split(","), source.replay.split(",")
    if source.replay and len(replays) != len(addresses):
        raise UsageError(
            f"{len(addresses)} publishers and {len(replays)} addresses to replay from",
            remedy="name as many, in the same order",
        )
    followed = [
        _steps_of(address, replay, number if len(addresses) > 1 else None, listen=source.listen)
        for number, (address, replay) in enumerate(zip_longest(addresses, replays, fillvalue=""))
    ]
    async with aclosing(merged(followed)) as steps:
        async for step in steps:
            yield step


async def _steps_of(
    address: str, replay: str, publisher: int | None, *, listen: bool
) -> AsyncGenerator[Step]:
    from charter_engine.servers.event_stream import event_messages

    async with aclosing(event_messages(address, listen=listen, replay=replay)) as messages:
        async for message in messages:
            yield partial(
                follow_batch,
                number=message.number,
                message=message.batch,
                publisher=publisher,
            )


async def merged(sources: Sequence[AsyncGenerator[Step]]) -> AsyncGenerator[Step]:
    """What several sources tell, as it comes; they end with it. Raises what one of them raises."""
    came: asyncio.Queue[Step | CharterError] = asyncio.Queue(maxsize=1)

    async def follow(source: AsyncGenerator[Step]) -> None:
        try:
            async with aclosing(source) as steps:
                async for step in steps:
                    await came.put(step)
        except CharterError as error:
            await came.put(error)

    tasks = [asyncio.create_task(follow(source)) for source in sources]
    try:
        while True:
            step = await came.get()
            if isinstance(step, CharterError):
                raise step
            yield step
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
