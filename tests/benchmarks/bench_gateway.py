"""What the gateway adds: latency, requests a second, the first streamed token, and its memory while
clients vanish.

The gateway runs in a process of its own. Clients and the stand-in upstream, which speak plain
bytes, share this one, so that both ends of a passage are timed by one clock.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import psutil

from charter_engine.api.gateway import listening
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gateway import GatewayExchange, GatewayLimits, GatewayRequest
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL, GenerateRequest
from tests.benchmarks.bench_tap import IMMEDIATE_ENGINE

ROUNDS = 1500
AT_ONCE = 64
SERVICE_SECONDS = 0.2
"""How long the stand-in takes on average where 64 are in flight, between half and one and a half of
it: 320 requests a second then come of themselves, which both ways can carry."""
VANISHING = 10_000
VANISHING_AT_ONCE = 128
STREAM_SECONDS = 0.02
USAGE = {"prompt_tokens": 900, "completion_tokens": 8, "total_tokens": 908}
TEXT = "The report covers the year. " * 160


SLEPT = "x-slept-ms: "


def body(stream: bool) -> bytes:
    messages = [{"role": "system", "content": TEXT}, {"role": "user", "content": "Sum it up."}]
    return json.dumps({"model": "tiny", "messages": messages, "stream": stream}).encode()


def request(path: str, content: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer none\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def whole_answer(slept_ms: float) -> bytes:
    """It tells how long the stand-in slept, which differs by far more than a gateway takes."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "Yes."}}
    content = json.dumps({"id": "1", "choices": [choice], "usage": USAGE}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    return f"{head}\r\n{SLEPT}{slept_ms:.3f}\r\n\r\n".encode() + content


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(number: int) -> bytes:
    choice = {"index": 0, "delta": {"content": f"word {number} "}}
    return b"data: " + json.dumps({"id": "1", "choices": [choice]}).encode() + b"\n\n"


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST = b"data: [DONE]\n\n"
END = b"0\r\n\r\n"


class StandIn:
    """An upstream that answers after `seconds`, or streams eight words that far apart."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.first_sent: dict[int, float] = {}
        self.streams = 0
        self._spread = random.Random(7)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                content = await reader.readexactly(length)
                if b'"stream": true' in content[-40:]:
                    await self._stream(writer)
                    continue
                came = time.perf_counter()
                if self.seconds:
                    await asyncio.sleep(self.seconds * self._spread.uniform(0.5, 1.5))
                writer.write(whole_answer((time.perf_counter() - came) * 1000))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        self.first_sent[self.streams] = time.perf_counter()
        self.streams += 1
        for number in range(8):
            writer.write(chunk(event(number)))
            await writer.drain()
            await asyncio.sleep(self.seconds)
        writer.write(chunk(LAST) + END)


class Client:
    """One connection, kept. `sent` counts what all of them sent, by address."""

    sent: ClassVar[Counter[str]] = Counter()

    def __init__(self, address: str) -> None:
        self._address = address
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, content: bytes) -> asyncio.StreamReader:
        Client.sent[self._address] += 1
        if self._writer is None or self._reader is None:
            host, _, port = self._address.rpartition(":")
            self._reader, self._writer = await asyncio.open_connection(host, int(port))
        self._writer.write(content)
        return self._reader

    async def whole(self, asked: bytes | None = None) -> float:
        """How long one answer took beyond what the stand-in slept, in ms."""
        started = time.perf_counter()
        reader = await self.send(asked or WHOLE_REQUEST)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        slept = head.partition(SLEPT.encode())[2].partition(b"\r\n")[0]
        return (time.perf_counter() - started) * 1000 - float(slept or 0)

    async def first_token(self) -> float:
        """When the first words of a streamed answer came."""
        reader = await self.send(STREAM_REQUEST)
        await reader.readuntil(b"word 0")
        came = time.perf_counter()
        await reader.readuntil(b"[DONE]")
        await reader.readuntil(END)
        return came

    def vanish(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


CHAT = "/v1/chat/completions"
WHOLE_REQUEST = request(CHAT, body(stream=False))
STREAM_REQUEST = request(CHAT, body(stream=True))


async def latencies(
    address: str, at_once: int, rounds: int, asked: bytes | None = None
) -> tuple[list[float], float]:
    """The latency of each request beyond what the stand-in slept, and requests a second."""
    clients = [Client(address) for _ in range(at_once)]
    each = max(1, rounds // at_once)

    async def repeat(client: Client) -> list[float]:
        return [await client.whole(asked) for _ in range(each)]

    await asyncio.gather(*(client.whole(asked) for client in clients))
    started = time.perf_counter()
    found = await asyncio.gather(*map(repeat, clients))
    seconds = time.perf_counter() - started
    for client in clients:
        client.vanish()
    return [item for items in found for item in items], at_once * each / seconds


async def added(stand_in: str, gateway: str, at_once: int, rounds: int) -> float:
    """The median that the gateway adds, in ms."""
    direct, _ = await latencies(stand_in, at_once, rounds)
    through, _ = await latencies(gateway, at_once, rounds)
    return statistics.median(through) - statistics.median(direct)


async def first_token_delays(stand_in: StandIn, gateway: str, rounds: int) -> list[float]:
    """From the stand-in's first words to the client's, in ms; one stream at a time."""
    client = Client(gateway)
    stand_in.first_sent.clear()
    stand_in.streams = 0
    came = [await client.first_token() for _ in range(rounds)]
    return [(then - stand_in.first_sent[number]) * 1000 for number, then in enumerate(came)]


async def vanishing(gateway: str, requests: int, resident: Callable[[], float]) -> list[str]:
    """Send requests whose clients vanish at random, half of them; what came of the others."""
    chance = random.Random(7)
    left = iter(range(requests))
    answered = vanished = 0
    memory: list[float] = []

    async def work() -> None:
        nonlocal answered, vanished
        client = Client(gateway)
        for number in left:
            if number % (requests // 10) == 0:
                memory.append(resident())
            ask = client.first_token() if chance.random() < 0.5 else client.whole()
            if chance.random() < 0.5:
                try:
                    await asyncio.wait_for(ask, chance.random() * 0.25)
                    answered += 1
                except TimeoutError:
                    client.vanish()
                    vanished += 1
            else:
                await ask
                answered += 1
        client.vanish()

    await asyncio.gather(*(work() for _ in range(VANISHING_AT_ONCE)))
    memory.append(resident())
    shown = " ".join(f"{item:.0f}" for item in memory)
    return [
        f"{requests:,} requests: {answered:,} answered whole, {vanished:,} clients vanished",
        f"gateway's memory at each tenth, MiB: {shown}",
    ]


@asynccontextmanager
async def gateway_process(upstream: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        upstream,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    address = (await process.stdout.readline()).decode().strip()
    yield address, process
    process.stdin.close()
    print((await process.stdout.read()).decode().strip())
    await process.wait()


async def serve(upstream: str) -> None:
    """The gateway's own process, in front of an upstream's URL or a Triton's address: until
    standard input ends."""
    counts: Counter[str] = Counter()

    def observe(exchange: GatewayExchange) -> None:
        counts[exchange.record.finish] += 1

    is_triton = not upstream.startswith("http")
    asked = GatewayRequest(
        listen="127.0.0.1:0",
        openai=() if is_triton else (upstream,),
        limits=GatewayLimits(at_once=1024),
    )
    triton = TritonOptions(url=upstream if is_triton else None)
    async with listening(asked, [triton], observe) as gateway:
        print(gateway.address, flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print(f"records of the gateway: {counts.total():,}, of them {dict(counts)}")


async def before_triton(directory: Path) -> str:
    """What the gateway adds to a request of `charter_bls`, whose engine answers at once."""
    repository = write_embedded_repository(directory / "models")
    (repository / ENGINE_MODEL / "1" / "model.py").write_text(IMMEDIATE_ENGINE)
    fields = {"model": BLS_MODEL, "prompt": TEXT, "max_tokens": 1}
    asked = request("/v1/completions", json.dumps(fields).encode())
    async with (
        EmbeddedTriton(repository) as server,
        TritonClient(server.state.connection) as client,
        gateway_process(server.state.grpc_url) as (gateway, _),
    ):
        direct = []
        for _ in range(ROUNDS // 3):
            answer = await client.generate(GenerateRequest(text=TEXT, max_tokens=1))
            direct.append(answer.latency_ms)
        through, _ = await latencies(gateway, 1, ROUNDS // 3, asked)
    added_ms = statistics.median(through) - statistics.median(direct)
    return (
        f"added median in front of charter_bls: {added_ms:.2f} ms "
        f"(without gateway {statistics.median(direct):.2f} ms)"
    )


async def bench() -> None:
    stand_in = StandIn()
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    direct = f"{host}:{port}"
    async with gateway_process(f"http://{direct}") as (gateway, process):
        await latencies(gateway, 8, 400)
        print(f"added median at 1 in flight: {await added(direct, gateway, 1, ROUNDS):.2f} ms")
        gateway_itself = psutil.Process(process.pid)
        before = sum(gateway_itself.cpu_times()[:2])
        answered, rate = await latencies(gateway, AT_ONCE, 2 * ROUNDS)
        busy_ms = (sum(gateway_itself.cpu_times()[:2]) - before) * 1000 / len(answered)
        _, bare = await latencies(direct, AT_ONCE, 2 * ROUNDS)
        print(f"requests a second, answered at once: {rate:,.0f} (without gateway {bare:,.0f})")
        print(f"gateway's processor time a request: {busy_ms:.2f} ms")
        stand_in.seconds = SERVICE_SECONDS
        more = await added(direct, gateway, AT_ONCE, ROUNDS)
        print(f"added median at {AT_ONCE} in flight: {more:.2f} ms")
        stand_in.seconds = STREAM_SECONDS / 8
        delays = await first_token_delays(stand_in, gateway, 200)
        print(f"first streamed token passed on after: {statistics.median(delays):.2f} ms (median)")
        stand_in.seconds = STREAM_SECONDS
        resident = gateway_itself.memory_info
        for line in await vanishing(gateway, VANISHING, lambda: resident().rss / 2**20):
            print(line)
        print(f"requests sent to the gateway in all: {Client.sent[gateway]:,}")
    server.close()
    with tempfile.TemporaryDirectory() as directory:
        print(await before_triton(Path(directory)))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]) if len(sys.argv) > 1 else bench())
