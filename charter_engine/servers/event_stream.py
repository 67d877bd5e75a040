"""KV events over ZeroMQ, as vLLM and SGLang publish them.

A publisher that is told `tcp://*:PORT` listens; one that is told another address connects to it, so
that the subscriber must listen there (vLLM, distributed/kv_events.py).
"""

import re
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any

from msgspec import Struct

from charter_engine.errors import CharterError, UsageError

ADDRESS = re.compile(r"(tcp|ipc)://\S+")
QUEUED = 1_000_000
"""Messages that wait to be read; ZeroMQ drops what comes beyond."""


class EventMessage(Struct, frozen=True):
    """One batch as it was sent, by its number."""

    number: int
    batch: bytes


async def event_messages(address: str, *, listen: bool = False) -> AsyncGenerator[EventMessage]:
    """The batches that are published at `tcp://HOST:PORT`, as they come, without an end. Raises
    `UsageError` for what is no address, and `CharterError` where nothing can listen there."""
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
        while True:
            parts = await socket.recv_multipart()
            yield EventMessage(int.from_bytes(parts[-2], "big"), parts[-1])
    finally:
        socket.close(linger=0)
        context.term()


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
