"""KV events as trtllm-serve keeps them: in a buffer that forgets what was read, and what it has no
room for."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from charter_engine.contracts.server import KIND_IN_WORDS
from charter_engine.errors import CharterError, UsageError
from charter_engine.servers.completions import LACKING
from charter_engine.servers.finding import kind_of
from charter_engine.servers.http import Reply, ServerHttp

PATH = "/kv_cache_events"
BETWEEN_SECONDS = 1.0
"""As often as figures are shown."""
SWITCH = "kv_cache_config: {event_buffer_max_size: 10000, enable_block_reuse: true}"
"""What has trtllm-serve keep events at all."""
Read = Callable[[], Awaitable[Reply]]


async def drained_events(http: ServerHttp) -> AsyncGenerator[bytes]:
    """What came since it was last read, as JSON, again and again. Raises `UsageError` for a server
    that is no trtllm-serve, and `CharterError`."""
    kind = await kind_of(http)
    if kind != "trtllm-serve":
        raise UsageError(
            f"{http.url} is {KIND_IN_WORDS[kind]}, which publishes its events",
            remedy="give the address of its publisher: tcp://HOST:5557",
        )
    read = await _reading(http)
    while True:
        reply = await read()
        if not reply.ok:
            raise CharterError(f"{reply.url}: {reply.status}: {reply.error}", kind="refused")
        yield reply.body
        await asyncio.sleep(BETWEEN_SECONDS)


async def _reading(http: ServerHttp) -> Read:
    """How this release is read: older front ends want a POST, newer ones a GET. Whichever it does
    not know takes nothing."""
    ways: tuple[Read, ...] = (lambda: http.post(PATH, {}), lambda: http.get(PATH))
    for read in ways:
        reply = await read()
        if reply.status not in LACKING:
            return _beginning_with(reply, read)
    raise CharterError(
        f"{http.url} has no {PATH}", remedy=f"start it with {SWITCH}", kind="refused"
    )


def _beginning_with(first: Reply, read: Read) -> Read:
    """A reader that gives an answer that was read already before it asks again: it is gone at the
    server."""
    waiting = [first]

    async def next_reply() -> Reply:
        return waiting.pop() if waiting else await read()

    return next_reply
