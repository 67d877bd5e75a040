"""Following KV events as they are published, over real sockets."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from charter_engine.api import kv_log
from charter_engine.api.kv_log import follow_kv_events
from charter_engine.errors import CharterError, UsageError
from charter_engine.servers.event_stream import EventMessage, event_messages

zmq = pytest.importorskip("zmq")
asynchronous = pytest.importorskip("zmq.asyncio")
SENT = [EventMessage(7, b"one"), EventMessage(8, b"two")]


async def read(address: str, *, listen: bool) -> list[EventMessage]:
    async with aclosing(event_messages(address, listen=listen)) as messages:
        return [await anext(messages) for _ in SENT]


async def publish(socket: Any) -> None:
    """Once somebody has subscribed."""
    await socket.recv()
    for message in SENT:
        await socket.send_multipart([b"", message.number.to_bytes(8, "big"), message.batch])


@pytest.mark.parametrize("listen", [False, True])
async def test_batches_come_with_their_numbers_whoever_listens(
    listen: bool, tmp_path: Path
) -> None:
    """vLLM's publisher listens at `tcp://*:PORT`, and connects to any other address."""
    address = f"ipc://{tmp_path}/events"
    context = asynchronous.Context()
    with context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.connect(address) if listen else socket.bind(address)
        found, _ = await asyncio.gather(read(address, listen=listen), publish(socket))
    assert found == SENT


async def test_an_address_at_which_nothing_is_published_is_told() -> None:
    with pytest.raises(CharterError, match="nothing was published") as failure:
        await follow_kv_events("tcp://127.0.0.1:1", seconds=0.05)
    assert "--listen" in failure.value.remedy and failure.value.exit_code == 3


async def test_that_nothing_comes_is_told_while_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kv_log, "SILENT_SECONDS", 0.0)
    heard: list[str] = []
    with pytest.raises(CharterError):
        await follow_kv_events(
            "tcp://127.0.0.1:1", seconds=0.05, report=lambda one: heard.append(one.stage)
        )
    assert len(heard) == 1 and "nothing was published" in heard[0]


@pytest.mark.parametrize("address", ["tcp://", "http://127.0.0.1:1", "127.0.0.1:5557"])
async def test_what_is_no_publishers_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no address of a publisher"):
        await follow_kv_events(address)


async def test_an_address_that_cannot_be_bound_is_told() -> None:
    with pytest.raises(CharterError, match=r"192\.0\.2\.1"):
        await follow_kv_events("tcp://192.0.2.1:5557", listen=True)
