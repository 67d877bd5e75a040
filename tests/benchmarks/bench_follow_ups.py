"""What following up every answer costs, on the embedded Triton.

Sessions send, wait and send again, their prompts growing by every answer. Rounds without and with
follow-ups take turns; in the latter the reuse times are made so that every answer moves its request
to the other rule and is followed up. Clients should notice nothing but that the engine, which has
only this machine's processor, has more to do. What that is is measured apart: the time of a
follow-up beside that of the request it follows.

Quantiles stand with their 95 % intervals, by order statistics, and their ratios with intervals by
drawing pairs of rounds anew, which take what drifts on the machine with them: what lies within them
is noise. The default of 2,000 requests each takes a quarter of an hour on a quiet machine.

    bench_follow_ups.py [--requests N] [--minutes M]
"""

import argparse
import asyncio
import math
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import aiohttp
import numpy as np
from msgspec.structs import replace

from charter_engine.bls.features import FEATURES
from charter_engine.bls.forest import Forest
from charter_engine.bls.retention import DecideAt, Rule
from charter_engine.bls.reuse_times import ReuseTimeRules
from charter_engine.contracts.plan import Plan
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.servers.attaching import target_for
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.metrics import scrape
from charter_engine.triton.request import ENGINE_MODEL, GenerateRequest

SESSIONS = 4
TURNS = 8
PROMPT_TOKENS = 600
MORE_TOKENS = 40
OUTPUTS = (8, 16)
"""Answers take turns, so that the last one never tells what the next will be."""
WAIT_S = 0.4
REPEATS = 12
DRAWS = 2_000


def reuse_times(decide_at: DecideAt) -> ReuseTimeRules:
    """One tree that asks for the output only."""
    cuts = tuple((sum(OUTPUTS) / 2,) if name == "output" else () for name in FEATURES)
    return ReuseTimeRules(
        decide_at=decide_at,
        near_levels=0,
        steps=(0.5,),
        rules=(Rule(60, 60_000), Rule(50, 60_000)),
        nodes={},
        forest=Forest(cuts, 0.0, ((FEATURES.index("output"),),), ((0,),), ((0.0, 1.0),)),
    )


@dataclass
class Latencies:
    """Milliseconds of every request but the sessions' first, as the client sees them.

    By whether answers were followed up, and by round; the rounds of one number followed each other.
    """

    without: list[list[float]] = field(default_factory=list)
    following: list[list[float]] = field(default_factory=list)

    def ratio(self, share: float) -> tuple[float, float]:
        """The 95 % interval of a quantile with follow-ups over that without."""
        random = np.random.default_rng(0)
        pairs = list(zip(self.without, self.following, strict=True))
        ratios = []
        for _ in range(DRAWS):
            drawn = [pairs[index] for index in random.integers(0, len(pairs), len(pairs))]
            without, following = (np.concatenate(rounds) for rounds in zip(*drawn, strict=True))
            ratios.append(np.quantile(following, share) / np.quantile(without, share))
        low, high = np.quantile(ratios, (0.025, 0.975))
        return float(low), float(high)


async def play(client: TritonClient, seed: int) -> list[float]:
    """The latencies of a round."""

    async def session(index: int) -> list[float]:
        random = np.random.default_rng((seed, index))
        tokens = random.integers(0, 2_000, PROMPT_TOKENS).tolist()
        found = []
        await asyncio.sleep(index * WAIT_S / SESSIONS)
        for turn in range(TURNS):
            request = GenerateRequest(
                token_ids=tuple(tokens), max_tokens=OUTPUTS[turn % 2], session=f"{seed}-{index}"
            )
            answer = await client.generate(request)
            found.append(answer.latency_ms)
            tokens += [*answer.output_ids, *random.integers(0, 2_000, MORE_TOKENS).tolist()]
            await asyncio.sleep(WAIT_S)
        return found[1:]

    return [
        latency
        for found in await asyncio.gather(*map(session, range(SESSIONS)))
        for latency in found
    ]


async def engine_times(client: TritonClient) -> tuple[float, float]:
    """Median milliseconds of a session's request and of its follow-up, each alone at the engine."""
    random = np.random.default_rng(7)
    requests, follow_ups = [], []
    tokens = random.integers(0, 2_000, PROMPT_TOKENS).tolist()
    for _ in range(REPEATS):
        request = GenerateRequest(token_ids=tuple(tokens), max_tokens=OUTPUTS[0])
        answer = await client.generate(request, model=ENGINE_MODEL)
        requests.append(answer.latency_ms)
        tokens += answer.output_ids
        follow_up = replace(request, token_ids=tuple(tokens), max_tokens=1)
        follow_ups.append((await client.generate(follow_up, model=ENGINE_MODEL)).latency_ms)
        tokens += random.integers(0, 2_000, MORE_TOKENS).tolist()
    return statistics.median(requests[1:]), statistics.median(follow_ups[1:])


def quantile(found: list[float], share: float) -> tuple[float, float, float]:
    """A quantile and its 95 % interval: the order statistics between which it lies whatever the
    distribution."""
    ordered, count = sorted(found), len(found)
    spread = 1.96 * math.sqrt(count * share * (1 - share))
    low = max(0, math.floor(count * share - spread))
    high = min(count - 1, math.ceil(count * share + spread))
    return float(np.quantile(ordered, share)), ordered[low], ordered[high]


async def run(directory: Path, requests: int, minutes: float) -> None:
    """Play until there are so many requests of each kind, or the time is over."""
    end = time.monotonic() + 60 * minutes
    repository = write_embedded_repository(directory / "models")
    latencies = Latencies()
    async with (
        EmbeddedTriton(repository) as server,
        TritonClient(server.state.connection) as client,
    ):
        deployer = Deployer(target_for(client, repository=repository))
        await play(client, 0)
        for number in range(1, math.ceil(requests / (SESSIONS * (TURNS - 1))) + 1):
            await deployer.push(Plan(agent=""), (), reuse_times=reuse_times("sent"))
            latencies.without.append(await play(client, 2 * number))
            await deployer.push(Plan(agent=""), (), reuse_times=reuse_times("answered"))
            latencies.following.append(await play(client, 2 * number + 1))
            if time.monotonic() > end:
                break
        async with aiohttp.ClientSession() as session:
            refreshes = (await scrape(session, server.state.metrics_url)).refreshes
        request_ms, follow_up_ms = await engine_times(client)
    show(latencies, refreshes)
    added_ms = follow_up_ms * refreshes.get("sent", 0) / sum(map(len, latencies.following))
    print(
        f"added engine time: {added_ms:.1f} ms a request that a session goes on with "
        "(measured; the median follow-up times how many were sent)"
    )
    print(
        f"a follow-up takes {follow_up_ms:.1f} ms, the request it follows {request_ms:.1f} ms: "
        f"{follow_up_ms / request_ms:.0%} (measured; medians, each alone at the engine)"
    )


def show(latencies: Latencies, refreshes: dict[str, int]) -> None:
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        without, following = (
            quantile([*chain.from_iterable(rounds)], share)
            for rounds in (latencies.without, latencies.following)
        )
        low, high = latencies.ratio(share)
        print(
            f"client latency {name}: {_in_words(without)} without follow-ups, "
            f"{_in_words(following)} with; ratio {following[0] / without[0]:.2f} "
            f"({low:.2f} to {high:.2f}; measured, {sum(map(len, latencies.without))} requests each)"
        )
    print(
        "follow-ups: "
        + ", ".join(f"{outcome} {count}" for outcome, count in sorted(refreshes.items()))
    )


def _in_words(found: tuple[float, float, float]) -> str:
    middle, low, high = found
    return f"{middle:.1f} ms ({low:.1f} to {high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=2_000, help="with follow-ups and without")
    parser.add_argument("--minutes", type=float, default=60.0, help="end after so long")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory), args.requests, args.minutes))


if __name__ == "__main__":
    main()
