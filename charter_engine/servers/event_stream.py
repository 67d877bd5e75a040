"""KV events over ZeroMQ, as vLLM and SGLang publish them.

A publisher that is told `tcp://*:PORT` listens; one that is told another address connects to it, so
that the subscriber must listen there (vLLM, distributed/kv_events.py; SGLang,
srt/disaggregation/kv_events.py). Of several engines, data-parallel rank N listens N ports further.
One with a replay endpoint sends the batches that it still has from a number on, and then the number
-1 without a batch.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any

from msgspec import Struct

from charter_engine.errors import CharterError, UsageError

ADDRESS = re.compile(r"(tcp|ipc)://\S+")
QUEUED = 1_000_000
"""Messages that wait to be read; ZeroMQ drops what comes beyond."""
REPLAY_SECONDS = 5.0
"""Assumed: a publisher that replays does so at once."""
LAST = (-1).to_bytes(8, "big", signed=True)
"""The number that a publisher sends behind the last batch of a replay."""
OVERLAPPING = 1_000
"""Replayed batches that may come once more as they were published meanwhile."""


class EventMessage(Struct, frozen=True):
    """One batch as it was sent, by its number."""

    number: int
    batch: bytes


async def event_messages(
    address: str, *, listen: bool = False, replay: str = ""
) -> AsyncGenerator[EventMessage]:
    """The batches that are published at `tcp://HOST:PORT`, as they come, without an end. With the
    publisher's `replay` endpoint they begin with those that it still has, and those that were lost
    on the way are asked for. Raises `UsageError` for what is no address, and `CharterError` where
    nothing can listen there."""
    zmq = _zmq(address)
    context = import_module("zmq.asyncio").Context()
    socket = context.socket(zmq.SUB)
    try:
        socket.set(zmq.RCVHWM, QUEUED)
        socket.subscribe(b"")
        try:
            socket.bind(address) if listen else socket.connect(address)
        except zmq.ZMQError as error:
            raise CharterError(
                f"{address}: {error.strerror or error}",
                remedy="--listen binds an address of this machine",
                kind="usage",
            ) from None
        if replay:
            async for message in _with_replayed(socket, _Replay(context, _zmq(replay), replay)):
                yield message
        while True:
            yield await _next(socket)
    finally:
        socket.close(linger=0)
        context.term()


async def _next(socket: Any) -> EventMessage:
    parts = await socket.recv_multipart()
    return EventMessage(int.from_bytes(parts[-2], "big"), parts[-1])


async def _with_replayed(socket: Any, replay: "_Replay") -> AsyncGenerator[EventMessage]:
    """What is published, with what was published before, each batch once."""
    earlier = await replay.since(0)
    for message in earlier:
        yield message
    known = set(earlier[-OVERLAPPING:])
    last = earlier[-1].number if earlier else None
    while True:
        message = await _next(socket)
        if message in known:
            continue
        if last is not None and message.number > last + 1:
            for missed in await replay.since(last + 1):
                if missed.number < message.number:
                    yield missed
        last = message.number
        yield message


class _Replay:
    """Asks a publisher for batches that it sent before."""

    def __init__(self, context: Any, zmq: Any, address: str) -> None:
        self._context, self._zmq, self._address = context, zmq, address

    async def since(self, number: int) -> list[EventMessage]:
        """Those that it still has from a number on; none where it does not answer in time."""
        found: list[EventMessage] = []
        socket = self._context.socket(self._zmq.DEALER)
        try:
            socket.connect(self._address)
            await socket.send_multipart([b"", number.to_bytes(8, "big")])
            async with asyncio.timeout(REPLAY_SECONDS):
                while True:
                    *_, sent, batch = await socket.recv_multipart()
                    if sent == LAST:
                        break
                    found.append(EventMessage(int.from_bytes(sent, "big"), batch))
        except TimeoutError:
            pass
        finally:
            socket.close(linger=0)
        return found


def _zmq(address: str) -> Any:
    if not ADDRESS.fullmatch(address):
        raise UsageError(
            f"{address}: no address of a publisher", remedy="write tcp://HOST:PORT, 5557 by default"
        )
    try:
        return import_module("zmq")
    except ImportError:
        raise UsageError(
            "KV events are published over ZeroMQ, and the package pyzmq is not installed",
            remedy="pip install 'charter-kv[events]'",
        ) from None
