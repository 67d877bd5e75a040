"""A server's events are followed for as long as the engine process runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from charter_engine.api.measuring import FollowedEvents, asked_as, require_source, steps
from charter_engine.contracts.contents import KvEventSource, MeasuredContents
from charter_engine.contracts.server import ProfileRequest
from charter_engine.errors import UsageError
from charter_engine.kvcache.manager.event_map import EventMap
from charter_engine.servers import event_file
from charter_engine.traffic.measured import GrainOwners
from tests.unit.servers.answering import answering, trtllm_serve


def event(number: int, block: int, parent: int | None = None) -> bytes:
    """A block of sixteen tokens that was stored: a line of a log."""
    tokens = list(range(16 * block, 16 * block + 16))
    data = {
        "type": "stored",
        "parent_hash": parent,
        "blocks": [{"block_hash": block, "tokens": tokens}],
    }
    return msgspec.json.encode({"event_id": number, "data": data}) + b"\n"


@asynccontextmanager
async def following(source: KvEventSource) -> AsyncIterator[FollowedEvents]:
    events = FollowedEvents(source)
    task = asyncio.create_task(events.follow())
    try:
        yield events
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def told(
    events: FollowedEvents, holds: Callable[[MeasuredContents], object]
) -> MeasuredContents:
    """The report as soon as this holds of it."""
    async with asyncio.timeout(60):
        while True:
            report = events.report(1.0, GrainOwners(), {})
            if holds(report):
                return report
            await asyncio.sleep(0.01)


async def test_a_log_is_followed_as_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_file, "BETWEEN_SECONDS", 0.01)
    path = tmp_path / "events.jsonl"
    path.write_bytes(event(0, 1))
    async with following(KvEventSource(address=str(path))) as events:
        assert (await told(events, lambda one: one.blocks == 1)).source == str(path)
        with path.open("ab") as file:
            file.write(event(1, 2, 1) + event(5, 3, 2))
        report = await told(events, lambda one: one.blocks == 3)
    assert (report.lost_events, report.complete, report.tokens) == (3, False, 48)


async def test_why_no_events_come_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "none.jsonl"
    async with following(KvEventSource(address=str(missing))) as events:
        report = await told(events, lambda one: one.trouble)
    assert f"{missing}: No such file" in report.trouble
    assert report.blocks == 0


async def test_published_batches_are_followed(tmp_path: Path) -> None:
    zmq = pytest.importorskip("zmq")
    asynchronous = pytest.importorskip("zmq.asyncio")
    address = f"ipc://{tmp_path}/events"
    stored: dict[str, Any] = {
        "type": "BlockStored",
        "block_hashes": [1, 2],
        "parent_block_hash": None,
        "token_ids": list(range(32)),
        "block_size": 16,
    }
    found = EventMap()
    context = asynchronous.Context()
    with context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.bind(address)
        async with aclosing(steps(KvEventSource(address=address))) as messages:
            waiting = asyncio.ensure_future(anext(messages))
            await socket.recv()
            batch = msgspec.msgpack.encode([1.0, [stored], 0])
            await socket.send_multipart([b"", (0).to_bytes(8, "big"), batch])
            (await waiting)(found)
    assert found.report().trees[0].blocks == 2


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        (KvEventSource(address="events.jsonl", listen=True), "--kv-events-listen"),
        (KvEventSource(address="events.jsonl", replay="tcp://host:5558"), "--kv-events-replay"),
        (KvEventSource(address="http://host:8000"), "--kv-events-drain"),
    ],
)
def test_what_cannot_be_followed_like_that_names_the_option(
    source: KvEventSource, remedy: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        require_source(source)
    assert remedy in refusal.value.remedy


KEPT = KvEventSource(address="http://host:8000", drain=True)


@pytest.mark.parametrize("address", ["http://host:8000", "host:8000", "http://host:8000/v1"])
def test_the_server_that_is_worked_on_is_asked_with_its_own_key(address: str) -> None:
    server = ProfileRequest(address=address, key="secret", root_certificates="ca.pem")
    asked = asked_as(KEPT, server)
    assert (asked.key, asked.root_certificates) == ("secret", "ca.pem")


@pytest.mark.parametrize("address", ["http://host:8001", "http://other:8000", "https://host:8000"])
def test_no_key_is_sent_to_another_address_than_it_is_for(address: str) -> None:
    assert asked_as(KEPT, ProfileRequest(address=address, key="secret")) == KEPT


def test_a_publisher_is_sent_no_key() -> None:
    source = KvEventSource(address="tcp://host:8000")
    assert asked_as(source, ProfileRequest(address="host:8000", key="secret")) == source


async def test_a_buffer_behind_a_key_is_read_with_it() -> None:
    line = msgspec.json.decode(event(0, 1))
    async with answering(trtllm_serve(kv_cache_events=[line])) as (told, url):
        source = KvEventSource(address=url, drain=True, key="secret")
        async with aclosing(steps(source)) as kept:
            (await anext(kept))(found := EventMap())
    assert found.events == 1
    assert set(told.keys) == {"Bearer secret"}
