"""The socket server over a real socket: answers, subscriptions, slow readers, reconnection."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from charter_engine.contracts.commands import CancelRun, Command, ListRevisions, StartRun, Subscribe
from charter_engine.contracts.gauges import Event, Gauge, Run
from charter_engine.contracts.live import RunProgress
from charter_engine.contracts.protocol import Request
from charter_engine.errors import CharterError
from charter_engine.service.client import (
    ConnectionLost,
    EngineClient,
    LinkState,
    Message,
    RequestFailed,
)
from charter_engine.service.hub import Hub
from charter_engine.service.protocol import FrameSplitter, decode_message, frame
from charter_engine.service.server import MAX_CONNECTIONS, AlreadyRunning, Server

Handle = Callable[[Command], Awaitable[object]]


async def nothing(command: Command) -> object:
    return None


@asynccontextmanager
async def serving(path: Path, hub: Hub, handle: Handle = nothing) -> AsyncIterator[Server]:
    server = Server(path, hub, handle)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def collect(client: EngineClient, enough: Callable[[list[Message]], bool]) -> list[Message]:
    """Messages until there are enough of them."""
    seen: list[Message] = []
    async with asyncio.timeout(60):
        async for message in client.messages():
            seen.append(message)
            if enough(seen):
                break
    return seen


def events(seen: list[Message]) -> list[str]:
    return [message.text for message in seen if isinstance(message, Event)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.sock"


async def test_the_socket_is_for_its_owner_alone(path: Path) -> None:
    async with serving(path, Hub()):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


async def test_an_answer_carries_the_commands_record(path: Path) -> None:
    async def handle(command: Command) -> object:
        return ()

    async with serving(path, Hub(), handle):
        client = EngineClient(path)
        await client.connect()
        assert await client.request(ListRevisions()) == ()
        await client.close()


async def test_a_refusal_reaches_the_sender_with_its_remedy(path: Path) -> None:
    async def handle(command: Command) -> object:
        raise CharterError(
            "this engine only watches", remedy="start it without --read-only", kind="read-only"
        )

    async with serving(path, Hub(), handle):
        client = EngineClient(path)
        await client.connect()
        with pytest.raises(RequestFailed) as caught:
            await client.request(CancelRun())
        await client.close()
    assert (caught.value.failure.kind, caught.value.failure.remedy) == (
        "read-only",
        "start it without --read-only",
    )


async def test_an_error_in_a_command_leaves_the_connection_working(path: Path) -> None:
    async def handle(command: Command) -> object:
        if isinstance(command, StartRun):
            raise ZeroDivisionError("one over nothing")
        return None

    async with serving(path, Hub(), handle):
        client = EngineClient(path)
        await client.connect()
        with pytest.raises(RequestFailed, match="ZeroDivisionError: one over nothing"):
            await client.request(StartRun())
        assert await client.request(CancelRun()) is None
        await client.close()


async def test_a_subscriber_gets_the_latest_gauges_at_once(path: Path) -> None:
    hub = Hub()
    hub.publish(Run(RunProgress(run="first")))
    hub.publish(Run(RunProgress(run="second")))
    async with serving(path, hub):
        client = EngineClient(path)
        seen = await collect(client, lambda seen: any(isinstance(m, Gauge) for m in seen))
        await client.close()
    gauges = [message.payload for message in seen if isinstance(message, Gauge)]
    assert gauges == [Run(RunProgress(run="second"))]


async def test_gauges_coalesce_and_events_do_not_for_a_subscriber_that_reads_late(
    path: Path,
) -> None:
    hub = Hub()
    async with serving(path, hub):
        client = EngineClient(path)
        messages = client.messages()
        while (
            not isinstance(message := await anext(messages), LinkState)
            or message.state != "connected"
        ):
            pass
        for number in range(1000):
            hub.publish(Run(RunProgress(run=str(number))))
            hub.event("run", str(number))
        seen = await collect_from(messages, lambda seen: len(events(seen)) == 1000)
        await client.close()
    assert events(seen) == [str(number) for number in range(1000)]
    assert sum(isinstance(message, Gauge) for message in seen) < 1000


async def collect_from(
    messages: AsyncIterator[Message], enough: Callable[[list[Message]], bool]
) -> list[Message]:
    seen: list[Message] = []
    async with asyncio.timeout(60):
        while not enough(seen):
            seen.append(await anext(messages))
    return seen


async def test_a_reader_that_stops_reading_is_told_to_come_back_and_misses_nothing(
    path: Path,
) -> None:
    hub = Hub()
    async with serving(path, hub):
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1024)
        writer.write(frame(Request(1, Subscribe(topics=()))))
        splitter = FrameSplitter()
        splitter.feed(await reader.read(65536))
        for number in range(1, 30_001):
            hub.event("run", "x" * 50 + str(number))
            if number % 1000 == 0:
                await asyncio.sleep(0)
        received = []
        while data := await reader.read(65536):
            received += [decode_message(payload) for payload in splitter.feed(data)]
        writer.close()
        goodbye = received[-1]
        assert getattr(goodbye, "reason", "").startswith("too slow")
        last = max((m.sequence for m in received if isinstance(m, Event)), default=0)
        assert getattr(goodbye, "resume_after", None) in (last, None)


async def test_a_client_that_comes_back_gets_the_events_it_missed(path: Path) -> None:
    hub = Hub()
    client = EngineClient(path)
    messages = client.messages()
    async with serving(path, hub):
        await collect_from(messages, lambda seen: any(connected(m) for m in seen))
        hub.event("run", "before")
        await collect_from(messages, lambda seen: "before" in events(seen))
    hub.event("run", "while away")
    async with serving(path, hub):
        seen = await collect_from(messages, lambda seen: "while away" in events(seen))
        await client.close()
    assert next(message.state for message in seen if isinstance(message, LinkState)) == "lost"
    assert events(seen) == ["while away"]


def connected(message: Message) -> bool:
    return isinstance(message, LinkState) and message.state == "connected"


async def test_events_that_left_the_ring_are_counted_as_missed(path: Path) -> None:
    hub = Hub(ring=10)
    client = EngineClient(path)
    messages = client.messages()
    async with serving(path, hub):
        hub.event("run", "0")
        await collect_from(messages, lambda seen: any(connected(m) for m in seen))
    for number in range(25):
        hub.event("run", str(number))
    async with serving(path, hub):
        seen = await collect_from(messages, lambda seen: any(connected(m) for m in seen))
        await client.close()
    assert [m.missed for m in seen if isinstance(m, LinkState) and m.state == "connected"] == [15]


async def test_an_engine_started_anew_is_noticed(path: Path) -> None:
    client = EngineClient(path)
    messages = client.messages()
    async with serving(path, Hub()):
        await collect_from(messages, lambda seen: any(connected(m) for m in seen))
    async with serving(path, Hub()):
        seen = await collect_from(messages, lambda seen: any(connected(m) for m in seen))
        await client.close()
    assert isinstance(seen[-1], LinkState)
    assert "started anew" in seen[-1].text


async def test_a_request_fails_when_the_connection_breaks_before_the_answer(path: Path) -> None:
    begun = asyncio.Event()

    async def handle(command: Command) -> object:
        begun.set()
        await asyncio.sleep(60)
        return None

    server = Server(path, Hub(), handle)
    await server.start()
    client = EngineClient(path)
    await client.connect()
    answer = asyncio.create_task(client.request(StartRun()))
    await begun.wait()
    await client.close()
    with pytest.raises(ConnectionLost):
        await answer
    await server.close()


async def test_a_command_is_finished_even_if_its_sender_leaves(path: Path) -> None:
    begun, finished = asyncio.Event(), asyncio.Event()

    async def handle(command: Command) -> object:
        begun.set()
        await asyncio.sleep(0.05)
        finished.set()
        return None

    async with serving(path, Hub(), handle):
        client = EngineClient(path)
        await client.connect()
        sent = asyncio.create_task(client.request(StartRun()))
        await begun.wait()
        await client.close()
        await asyncio.gather(sent, return_exceptions=True)
        async with asyncio.timeout(60):
            await finished.wait()


async def test_a_second_engine_on_the_same_socket_is_refused(path: Path) -> None:
    async with serving(path, Hub()):
        with pytest.raises(AlreadyRunning, match="already listens"):
            await Server(path, Hub(), nothing).start()
        assert path.exists()


async def test_a_socket_left_by_a_dead_engine_is_replaced(path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    async with serving(path, Hub()):
        client = EngineClient(path)
        await client.connect()
        await client.close()


async def test_something_else_at_the_sockets_path_is_not_removed(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(OSError):
        await Server(path, Hub(), nothing).start()
    assert path.read_text() == "precious"


async def test_garbage_ends_the_connection_with_a_reason_and_the_engine_goes_on(path: Path) -> None:
    async with serving(path, Hub()):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        payloads = FrameSplitter().feed(await reader.read())
        writer.close()
        assert "larger than the limit" in getattr(decode_message(payloads[0]), "reason", "")
        client = EngineClient(path)
        await client.connect()
        assert await client.request(CancelRun()) is None
        await client.close()


async def test_a_client_without_an_engine_says_where_it_looked(path: Path) -> None:
    with pytest.raises(ConnectionLost, match="no engine listens on"):
        await EngineClient(path).connect()


async def silently(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(path))


async def test_silent_connections_beyond_the_limit_make_room_for_whoever_asks(path: Path) -> None:
    async with serving(path, Hub()):
        silent = [await silently(path) for _ in range(MAX_CONNECTIONS + 50)]
        client = EngineClient(path)
        await client.connect()
        assert await client.request(CancelRun()) is None
        goodbye = FrameSplitter().feed(await silent[0][0].read())
        assert "too many connections" in getattr(decode_message(goodbye[0]), "reason", "")
        silent += [await silently(path) for _ in range(50)]
        assert await client.request(CancelRun()) is None
        await client.close()
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize("payload", [b"\x91" * 100_000, b"\x81\xa1a" * 100_000, b"\xa2\xff\xfe"])
async def test_a_request_nested_beyond_the_stack_or_no_text_ends_the_connection(
    path: Path, payload: bytes
) -> None:
    async with serving(path, Hub()):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(len(payload).to_bytes(4, "big") + payload)
        said = FrameSplitter().feed(await reader.read())
        writer.close()
        assert "not a message of this protocol" in getattr(decode_message(said[0]), "reason", "")
