"""Three embedded Tritons behind the gateway: what routing does for conversations, and what is lost
when one of them is killed.

Conversations of several turns are sent side by side, each turn holding all before it, once to each
way of routing, with words of their own for each. Then they are sent by affinity, and a third
through one of the servers is killed -9 with all it has: what it had begun to answer is lost, since
its client has a part of it. All measured.

    bench_routing.py [--conversations 12] [--turns 6] [--at-once 4]
"""

import argparse
import asyncio
import itertools
import os
import signal
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import openai
from openai.types.chat import ChatCompletionMessageParam

from charter_engine.api.gateway import listening
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gateway import GatewayExchange, GatewayRecord, GatewayRequest
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton

SERVERS = 3
ANSWER_TOKENS = 12
SYSTEM = "You answer questions about the harbour of {0}, a small town, in plain words. " * 6
QUESTION = (
    "Conversation {0}, question {1}: when does the ferry of pier {0} leave, and who steers it?"
)
Pick = Callable[[int], int]
"""The server of the request of that number."""


@dataclass
class Way:
    """One way of routing: a client for each request, and what the gateway told of them."""

    name: str
    clients: Sequence[openai.AsyncOpenAI]
    exchanges: list[GatewayExchange]
    lost: list[Exception] = field(default_factory=list)
    number: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def client(self) -> openai.AsyncOpenAI:
        """Of the next request. With several, each is a gateway in front of one server."""
        return self.clients[next(self.number) % len(self.clients)]

    @property
    def records(self) -> list[GatewayRecord]:
        return [exchange.record for exchange in self.exchanges]


async def converse(way: Way, conversation: int, turns: int) -> None:
    """One conversation, a turn after the other."""
    system = SYSTEM.format(way.name)
    said: list[ChatCompletionMessageParam] = [{"role": "system", "content": system}]
    for turn in range(turns):
        said.append({"role": "user", "content": QUESTION.format(conversation, turn)})
        try:
            stream = await way.client.chat.completions.create(
                model="charter_bls",
                messages=said,
                max_tokens=ANSWER_TOKENS,
                stream=True,
                extra_headers={"X-Session-Id": f"{way.name} {conversation}"},
            )
            text = ""
            async for chunk in stream:
                text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        except openai.OpenAIError as error:
            way.lost.append(error)
            return
        said.append({"role": "assistant", "content": text})


async def all_of(way: Way, args: argparse.Namespace, between: "Callable[[], None] | None") -> None:
    """All conversations, so many at once; `between` is done once a third has begun."""
    room = asyncio.Semaphore(args.at_once)
    begun = itertools.count()

    async def one(conversation: int) -> None:
        async with room:
            if between is not None and next(begun) == args.conversations // 3:
                between()
            await converse(way, conversation, args.turns)

    await asyncio.gather(*(one(number) for number in range(args.conversations)))


def told(way: Way) -> str:
    """What was measured of a way of routing."""
    done = [record for record in way.records if record.finish in {"stop", "length"}]
    prompt = sum(record.prompt_tokens or 0 for record in done)
    reused = sum(record.reused_tokens or 0 for record in done)
    first = sorted(record.ttft_ms for record in done if record.ttft_ms is not None)
    servers = sorted({record.server for record in done})
    shares = [sum(record.server == server for record in done) for server in servers]
    return (
        f"{way.name:>12}: {len(done)} answered, {len(way.lost)} lost; hit rate "
        f"{reused / prompt:.1%}, {prompt - reused:,} tokens computed; first token p50 "
        f"{statistics.median(first):.0f} ms, p95 {first[int(len(first) * 0.95)]:.0f} ms; "
        f"requests by server {shares} (measured)"
    )


@asynccontextmanager
async def tritons(folder: Path) -> AsyncIterator[list[EmbeddedTriton]]:
    """Three servers of one model, each with memory of its own."""
    servers = []
    for number in range(SERVERS):
        repository = write_embedded_repository(folder / f"{number}" / "models", decoupled=True)
        servers.append(EmbeddedTriton(repository, private=False))
    await asyncio.gather(*(server.start() for server in servers))
    try:
        yield servers
    finally:
        await asyncio.gather(*(server.stop() for server in servers))


@asynccontextmanager
async def way_of(name: str, fleets: Sequence[Sequence[TritonOptions]]) -> AsyncIterator[Way]:
    """A gateway in front of each of the fleets."""
    exchanges: list[GatewayExchange] = []
    async with AsyncExitStack() as stack:
        clients = []
        for fleet in fleets:
            request = GatewayRequest(listen="127.0.0.1:0")
            opened = listening(request, fleet, exchanges.append)
            gateway = await stack.enter_async_context(opened)
            client = openai.AsyncOpenAI(
                base_url=f"http://{gateway.address}/v1", api_key="none", max_retries=0
            )
            clients.append(await stack.enter_async_context(client))
        yield Way(name, clients, exchanges)


async def measure(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CHARTER_STATE"] = folder
        async with tritons(Path(folder)) as servers:
            fleet = [TritonOptions(url=server.state.grpc_url) for server in servers]
            ways = {"one server": [fleet[:1]], "in turn": [[one] for one in fleet]}
            for name, fleets in (ways | {"affinity": [fleet]}).items():
                async with way_of(name, fleets) as way:
                    await all_of(way, args, None)
                    print(told(way), flush=True)
                    for error in way.lost[:3]:
                        print(f"  lost: {error}")
            async with way_of("one killed", [fleet]) as way:
                victim = servers[0].state.server
                await all_of(way, args, lambda: os.kill(victim, signal.SIGKILL))
                print(told(way), flush=True)
                for error in way.lost[:3]:
                    print(f"  lost: {error}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=12)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--at-once", type=int, default=4)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
