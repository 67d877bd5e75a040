"""The bus over a real socket, to one subscriber in another process, beside a slow and a dead one.

Events a second, and their delay at 10,000/s.
"""

import asyncio
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from charter_engine.contracts.commands import Subscribe
from charter_engine.contracts.gauges import Event
from charter_engine.contracts.protocol import Request
from charter_engine.service.client import EngineClient
from charter_engine.service.client import LinkState as State
from charter_engine.service.hub import Hub
from charter_engine.service.protocol import frame
from charter_engine.service.server import Server

THROUGHPUT_EVENTS = 200_000
PACED_PER_SECOND, PACED_SECONDS = 10_000, 5
THROUGHPUT_BAR, DELAY_BAR_MS = 50_000, 5.0
SLOW_BYTES, SLOW_SECONDS = 4_096, 0.05
BATCH = 200
AHEAD = 4_000
MAX_WAITS = 10_000_000
TICK_SECONDS = 0.001


async def publish(path: Path, ready: Pipe) -> None:
    """First as fast as the subscriber keeps up, then at a steady rate."""
    hub = Hub()

    async def nothing(_: object) -> object:
        return None

    server = Server(path, hub, nothing)
    await server.start()
    beside = [asyncio.create_task(read_slowly(path)), asyncio.create_task(read_nothing(path))]
    ready.send(None)
    await asyncio.to_thread(ready.recv)
    begun = time.process_time()
    for number in range(0, THROUGHPUT_EVENTS, BATCH):
        for _ in range(BATCH):
            hub.event(
                "request",
                "item 3, 512 of 1024 prompt tokens reused, first token after 23 ms",
                node="A.b:c",
            )
        # The subscriber reports how far it is: the hub must not be further ahead of it than it may
        # be.
        for _ in range(MAX_WAITS):
            await asyncio.sleep(0)
            if number - progress(ready) <= AHEAD:
                break
    for _ in range(MAX_WAITS):
        await asyncio.sleep(TICK_SECONDS)
        if progress(ready) == THROUGHPUT_EVENTS:
            break
    spent = (time.process_time() - begun) / THROUGHPUT_EVENTS
    print(f"an event costs the engine {spent * 1e6:.1f} µs of processor time, readers beside it")
    start, sent = time.perf_counter(), 0
    while sent < PACED_PER_SECOND * PACED_SECONDS:
        due = min(
            PACED_PER_SECOND * PACED_SECONDS, int((time.perf_counter() - start) * PACED_PER_SECOND)
        )
        for _ in range(due - sent):
            hub.event(
                "request", "item 3, 512 of 1024 prompt tokens reused", node="A.b:c", at=time.time()
            )
        sent = due
        await asyncio.sleep(TICK_SECONDS)
    await asyncio.to_thread(ready.recv)
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    await server.close()


async def subscribed(path: Path) -> asyncio.StreamReader:
    """A connection that asked for everything."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(frame(Request(1, Subscribe(topics=(), console="beside"))))
    await writer.drain()
    return reader


async def read_slowly(path: Path) -> None:
    """Some kilobytes at a time; again from the start whenever the engine gives up on us."""
    reader = await subscribed(path)
    while True:
        part = await reader.read(SLOW_BYTES)
        reader = reader if part else await subscribed(path)
        await asyncio.sleep(SLOW_SECONDS)


async def read_nothing(path: Path) -> None:
    connection = await subscribed(path)
    await asyncio.Event().wait()
    del connection


_received = 0


def progress(pipe: Pipe) -> int:
    global _received  # noqa: PLW0603
    while pipe.poll():
        _received = pipe.recv()
    return _received


def publisher(path: Path, ready: Pipe) -> None:
    asyncio.run(publish(path, ready))


async def subscribe(path: Path, ready: Pipe) -> None:
    client = EngineClient(path)
    messages = client.messages()
    async for message in messages:
        if isinstance(message, State) and message.state == "connected":
            break
    ready.send(None)
    begun = time.process_time()
    start, last, count = time.perf_counter(), 0, 0
    async for message in messages:
        if not isinstance(message, Event):
            continue
        assert message.sequence == last + 1, "an event was lost"
        last, count = message.sequence, count + 1
        if count % 1_000 == 0:
            ready.send(count)
        if count == THROUGHPUT_EVENTS:
            break
    rate = count / (time.perf_counter() - start)
    spent = (time.process_time() - begun) / count
    print(f"an event costs its reader {spent * 1e6:.1f} µs of processor time")
    delays = []
    async for message in messages:
        if not isinstance(message, Event):
            continue
        assert message.sequence == last + 1, "an event was lost"
        last = message.sequence
        delays.append(1_000 * (time.time() - message.at))
        if len(delays) == PACED_PER_SECOND * PACED_SECONDS:
            break
    ready.send(None)
    await client.close()
    delays.sort()
    p50, p99 = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
    print(f"throughput: {rate:,.0f} events/s, none lost (bar {THROUGHPUT_BAR:,})")
    print(
        f"delay at {PACED_PER_SECOND:,}/s: median {p50:.2f} ms, p99 {p99:.2f} ms, "
        f"worst {delays[-1]:.1f} ms, none lost (bar: p99 {DELAY_BAR_MS} ms)"
    )


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bus.sock"
        here, there = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=publisher, args=(path, there), daemon=True
        )
        process.start()
        here.recv()
        asyncio.run(subscribe(path, here))
        process.join(5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
