"""What `charter_bls` adds to a request over calling `tensorrt_llm` directly, and what finding a node costs.

Bars: overhead per request (median) below 3 ms, however many are in flight; a node found in less than 0.2 ms of
processor time in a plan of 200 nodes.
"""

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from charter_engine.embedded.engine.tokenizer import load_tokenizer, tokenizer_path
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.triton.bls.matching import NodeIndex
from charter_engine.triton.bls.plan import Form, Node
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import ENGINE_MODEL, GenerateRequest

ROUNDS = 120
IN_FLIGHT = (1, 8, 32)
PROMPT = "The committee met on Tuesday and agreed to publish every figure it had been given. " * 20
NODES = 200
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau".split()


async def overhead(client: TritonClient, in_flight: int) -> tuple[float, float]:
    """Median milliseconds of one-token requests on a warm cache: direct, and through `charter_bls`, taken in turns."""
    token_ids = tuple(load_tokenizer(tokenizer_path()).encode(PROMPT).ids)
    direct: list[float] = []
    through: list[float] = []

    async def pair() -> None:
        for _ in range(ROUNDS // in_flight + 4):
            request = GenerateRequest(token_ids=token_ids, max_tokens=1)
            direct.append((await client.generate(request, model=ENGINE_MODEL)).latency_ms)
            through.append((await client.generate(GenerateRequest(text=PROMPT, max_tokens=1))).latency_ms)

    await pair()
    direct.clear()
    through.clear()
    await asyncio.gather(*(pair() for _ in range(in_flight)))
    return statistics.median(direct), statistics.median(through)


def match_cost() -> float:
    """Median processor milliseconds to find one of 200 nodes by a prompt of some 12,000 characters."""
    chance = random.Random(1)
    system = "You are an expert. " + " ".join(chance.choices(WORDS, k=200))
    nodes = [
        Node(
            name=f"node{index}",
            forms=(
                Form((f"{system}\nTask {index}: {chance.choice(WORDS)}\n", None, f"\nCue {index % 7}:"), (0, 1, 2)),
            ),
        )
        for index in range(NODES)
    ]
    index = NodeIndex(nodes)
    variable = " ".join(chance.choices(WORDS, k=2000))
    costs = []
    for node in nodes:
        first, _, last = node.forms[0].pieces
        prompt = f"{first}{variable}{last}"
        started = time.process_time_ns()
        match = index.find(prompt)
        costs.append((time.process_time_ns() - started) / 1e6)
        assert match is not None and match.node is node
    return statistics.median(costs)


async def run() -> None:
    with tempfile.TemporaryDirectory() as directory:
        repository = write_embedded_repository(Path(directory) / "models")
        async with EmbeddedTriton(repository) as server, TritonClient(server.state.grpc_url) as client:
            for in_flight in IN_FLIGHT:
                direct, through = await overhead(client, in_flight)
                print(
                    f"{in_flight:3d} in flight: direct {direct:7.2f} ms, charter_bls {through:7.2f} ms, "
                    f"overhead {through - direct:6.2f} ms (bar: 3)"
                )


def main() -> None:
    print(f"find one of {NODES} nodes: {match_cost():.4f} ms of processor time (bar: 0.2)")
    asyncio.run(run())


if __name__ == "__main__":
    main()
