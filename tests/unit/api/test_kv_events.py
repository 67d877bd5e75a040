"""Following KV events as they are published or kept, over real sockets."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from charter_engine.api import kv_log
from charter_engine.api.event_steps import published_steps
from charter_engine.api.kv_log import (
    EventLogReport,
    follow_drained_events,
    follow_kv_events,
    follow_server_events,
    notes_of,
)
from charter_engine.contracts.contents import KvEventSource
from charter_engine.contracts.server import ProfileRequest
from charter_engine.errors import CharterError, UsageError
from charter_engine.kvcache.manager.event_batches import follow_batch
from charter_engine.kvcache.manager.event_map import EventMap
from charter_engine.servers.event_stream import EventMessage, event_messages
from tests.unit.servers.answering import Answer, Routes, answering, trtllm_serve, vllm

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


def stored(number: int, block: int, parent: int | None) -> dict[str, Any]:
    """An event as trtllm-serve keeps it: one block of four tokens below another."""
    return {
        "event_id": number,
        "data": {
            "type": "stored",
            "parent_hash": parent,
            "blocks": [{"block_hash": block, "tokens": [{"token_id": one} for one in range(4)]}],
        },
    }


def keeping(*readings: list[dict[str, Any]]) -> Callable[[Mapping[str, Any]], Any]:
    """A buffer that forgets what was read: these readings, and nothing from then on."""
    waiting = list(readings)
    return lambda _: web.json_response(waiting.pop(0) if waiting else [])


async def drained(routes: Routes, seconds: float = 0.3, **options: Any) -> EventLogReport:
    async with answering(routes) as (_, url):
        request = ProfileRequest(address=url, drain=True)
        return await follow_drained_events(request, seconds=seconds, **options)


@pytest.fixture
def without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charter_engine.servers.drained_events.BETWEEN_SECONDS", 0.01)


async def test_a_buffer_is_read_again_and_again_and_what_it_lost_is_told(
    without_pause: None,
) -> None:
    kept = keeping([stored(0, 11, None)], [], [stored(3, 12, 11)])
    report = await drained(trtllm_serve(kv_cache_events=kept), seconds=3.0)
    (tree,) = report.trees
    assert (tree.blocks, tree.tokens, report.events) == (2, 8, 2)
    assert (report.lost_events, report.complete) == (2, False)


async def test_nothing_is_read_unless_that_is_asked_for() -> None:
    async with answering(trtllm_serve()) as (told, url):
        with pytest.raises(UsageError, match="forgets what is read") as refusal:
            await follow_drained_events(ProfileRequest(address=url))
        assert "--drain" in refusal.value.remedy and told.asked == []


@pytest.mark.parametrize("kept", [404, keeping()])
async def test_a_server_that_keeps_no_events_names_the_switch(
    kept: Answer, without_pause: None
) -> None:
    with pytest.raises(CharterError) as failure:
        await drained(trtllm_serve(kv_cache_events=kept))
    assert "event_buffer_max_size" in failure.value.remedy and failure.value.exit_code == 3


async def test_a_server_that_publishes_its_events_is_not_read_by_http() -> None:
    with pytest.raises(UsageError, match="publishes its events") as refusal:
        await drained(vllm())
    assert "tcp://" in refusal.value.remedy


async def replay(router: Any, *numbers: int) -> None:
    """Answer one request with so many of the batches that a publisher still has."""
    client, _, asked = await router.recv_multipart()
    for number in numbers:
        if number >= int.from_bytes(asked, "big"):
            await router.send_multipart([client, b"", number.to_bytes(8, "big"), b"%d" % number])
    await router.send_multipart([client, b"", (-1).to_bytes(8, "big", signed=True), b""])


async def test_batches_of_before_and_those_that_were_lost_are_asked_for(tmp_path: Path) -> None:
    """As SGLang and vLLM replay them: a number is asked for, and -1 ends what comes."""
    address, replayed = f"ipc://{tmp_path}/events", f"ipc://{tmp_path}/replay"
    context = asynchronous.Context()

    async def publisher(pub: Any, router: Any) -> None:
        await pub.recv()
        await replay(router, 3, 4)
        for number in (4, 7):
            await pub.send_multipart([b"", number.to_bytes(8, "big"), b"%d" % number])
        await replay(router, 3, 4, 5, 6, 7)

    async def reader() -> list[int]:
        async with aclosing(event_messages(address, replay=replayed)) as messages:
            return [(await anext(messages)).number for _ in range(5)]

    with context, context.socket(zmq.XPUB) as pub, context.socket(zmq.ROUTER) as router:
        pub.linger = router.linger = 0
        pub.bind(address)
        router.bind(replayed)
        found, _ = await asyncio.gather(reader(), publisher(pub, router))
    assert found == [3, 4, 5, 6, 7]


def batch(block: int, rank: int | None) -> bytes:
    """A batch in which one block of four tokens was stored."""
    stored = {
        "type": "BlockStored",
        "block_hashes": [block],
        "parent_block_hash": None,
        "token_ids": [1, 2, 3, 4],
        "block_size": 4,
    }
    return msgspec.msgpack.encode([1.0, [stored], rank])


@pytest.mark.parametrize("tells", [True, False])
async def test_the_ranks_of_a_server_are_followed_each_by_its_own_numbers(
    tells: bool, tmp_path: Path
) -> None:
    """Where batches name no rank, the publisher tells them apart."""
    addresses = [f"ipc://{tmp_path}/events{rank}" for rank in range(2)]
    context = asynchronous.Context()

    async def publish_as(rank: int, socket: Any) -> None:
        await socket.recv()
        for number in range(2):
            sent = batch(10 * rank + number, rank if tells else None)
            await socket.send_multipart([b"", number.to_bytes(8, "big"), sent])

    async def follow() -> EventMap:
        found = EventMap()
        async with aclosing(published_steps(KvEventSource(address=",".join(addresses)))) as steps:
            for _ in range(4):
                (await anext(steps))(found)
        return found

    with context, context.socket(zmq.XPUB) as one, context.socket(zmq.XPUB) as other:
        for socket, address in zip((one, other), addresses, strict=True):
            socket.linger = 0
            socket.bind(address)
        found, *_ = await asyncio.gather(follow(), publish_as(0, one), publish_as(1, other))
    report = found.report()
    assert [(tree.attention_dp_rank, tree.blocks) for tree in report.trees] == [(0, 2), (1, 2)]
    assert (report.lost_events, report.restarts) == (0, 0)


async def test_as_many_addresses_to_replay_from_are_named_as_publishers() -> None:
    with pytest.raises(UsageError, match="2 publishers and 1 addresses"):
        await follow_kv_events("tcp://h:5557,tcp://h:5558", replay="tcp://h:6557")


async def test_a_servers_url_tells_where_its_ranks_publish() -> None:
    sources = {"0": {"enable_kv_cache_events": True, "endpoint": "tcp://*:1"}}
    async with answering(vllm(kv_event_sources=sources)) as (_, url):
        with pytest.raises(CharterError, match=r"tcp://127\.0\.0\.1:1: nothing was published"):
            await follow_server_events(ProfileRequest(address=url), seconds=0.05)


async def test_a_servers_url_that_publishes_nothing_names_the_option() -> None:
    async with answering(vllm(kv_event_sources={})) as (_, url):
        with pytest.raises(CharterError, match="publishes no KV events") as failure:
            await follow_server_events(ProfileRequest(address=url))
    assert "--kv-events-config" in failure.value.remedy


async def test_a_buffer_is_not_read_unasked_by_its_servers_url() -> None:
    async with answering(trtllm_serve(kv_cache_events=keeping())) as (told, url):
        with pytest.raises(UsageError, match="forgets what is read"):
            await follow_server_events(ProfileRequest(address=url))
    assert "/kv_cache_events" not in told.asked


def test_what_was_published_before_one_listened_is_told_with_what_would_give_it() -> None:
    found = EventMap()
    follow_batch(found, 8, batch(1, 0))
    told, *_, in_all = notes_of(found.report(), published=True)
    assert told.message == "8 batches lost before batch 8"
    assert "replay_endpoint" in in_all.remedy
    _, buffered = notes_of(found.report())
    assert "event_buffer_max_size" in buffered.remedy
