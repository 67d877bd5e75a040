"""What following up answers costs, on the embedded Triton.

Sessions send, wait and send again, their prompts growing by every answer. Rounds without follow-ups
take turns with rounds of those alone that are predicted to save more than they cost, by reuse times
learnt from such sessions and by the time that a follow-up takes here. Both decide by the same reuse
times; without, no follow-up is taken to save anything. With `--every`, there are also rounds of one
for every answer, the reuse times being made so that it moves its request to the other rule, and
whatever it saves seems worth its time. What a follow-up takes is measured first, beside the request
it follows.

Quantiles stand with their 95 % intervals, by order statistics, and their ratios with intervals by
drawing pairs of rounds anew, which take what drifts on the machine with them: what lies within them
is noise. The default of 2,000 requests of each kind takes about five minutes on a quiet machine.

    bench_follow_ups.py [--requests N] [--minutes M] [--wait SECONDS] [--every]
"""

import argparse
import asyncio
import itertools
import math
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from charter_engine.bls.features import FEATURES
from charter_engine.bls.forest import Forest
from charter_engine.bls.retention import Rule
from charter_engine.bls.reuse_times import RefreshWorth, ReuseTimeRules
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.reuse_times import RefreshCost
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.kvcache.workload.columns import as_workload
from charter_engine.plan.retention.model import learn
from charter_engine.plan.retention.online import online
from charter_engine.servers.attaching import target_for
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.metrics import scrape
from charter_engine.triton.request import ENGINE_MODEL, GenerateRequest

SESSIONS = 6
TURNS = 15
PROMPT_TOKENS = 600
MORE_TOKENS = 40
OUTPUTS = (4, 8)
"""Answers take turns, so that the last one never tells what the next will be."""
KINDS = ("without", "where they pay")
EVERY = "behind every answer"
LEARNT_FROM = 3
"""Rounds from which reuse times are learnt."""
REPEATS = 12
DRAWS = 2_000


def of_every_answer() -> ReuseTimeRules:
    """One tree that asks for the output only, by which every answer is followed up."""
    cuts = tuple((sum(OUTPUTS) / 2,) if name == "output" else () for name in FEATURES)
    return ReuseTimeRules(
        decide_at="answered",
        refresh=RefreshWorth(((1.0, 1.0),) * 3),
        steps=(0.5,),
        rules=(Rule(60, 60_000), Rule(50, 60_000)),
        nodes={},
        forest=Forest(cuts, 0.0, ((FEATURES.index("output"),),), ((0,),), ((0.0, 1.0),)),
    )


def without_gain(rules: ReuseTimeRules) -> ReuseTimeRules:
    """The same, by which no answer is followed up."""
    levels = len(rules.rules)
    return replace(rules, refresh=RefreshWorth(((0.0,) * levels,) * (levels + 1)))


@dataclass
class Rounds:
    """Milliseconds of every request but the sessions' first, as the client sees them, by kind of
    round; the rounds of one number followed each other."""

    by_kind: defaultdict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))

    def all_of(self, kind: str) -> list[float]:
        """The latencies of all rounds of a kind."""
        return [*itertools.chain.from_iterable(self.by_kind[kind])]

    def ratio(self, kind: str, share: float) -> tuple[float, float]:
        """The 95 % interval of a quantile over that without follow-ups."""
        random = np.random.default_rng(0)
        pairs = list(zip(self.by_kind[KINDS[0]], self.by_kind[kind], strict=True))
        ratios = []
        for _ in range(DRAWS):
            drawn = [pairs[index] for index in random.integers(0, len(pairs), len(pairs))]
            without, following = (np.concatenate(rounds) for rounds in zip(*drawn, strict=True))
            ratios.append(np.quantile(following, share) / np.quantile(without, share))
        low, high = np.quantile(ratios, (0.025, 0.975))
        return float(low), float(high)


async def play(client: TritonClient, seed: int, wait_s: float) -> list[WorkloadRequest]:
    """The requests of a round as they were sent and served."""
    began = time.monotonic()

    async def session(index: int) -> list[WorkloadRequest]:
        random = np.random.default_rng((seed, index))
        tokens = random.integers(0, 2_000, PROMPT_TOKENS).tolist()
        found = []
        await asyncio.sleep(index * wait_s / SESSIONS)
        for turn in range(TURNS):
            sent_s = time.monotonic() - began
            request = GenerateRequest(
                token_ids=tuple(tokens), max_tokens=OUTPUTS[turn % 2], session=f"{seed}-{index}"
            )
            answer = await client.generate(request)
            found.append(
                WorkloadRequest(
                    timestamp=1000 * sent_s,
                    input_length=len(tokens),
                    output_length=len(answer.output_ids),
                    token_ids=tuple(tokens),
                    session=request.session,
                    served_ms=answer.latency_ms,
                )
            )
            tokens += [*answer.output_ids, *random.integers(0, 2_000, MORE_TOKENS).tolist()]
            await asyncio.sleep(wait_s)
        return found

    found = await asyncio.gather(*map(session, range(SESSIONS)))
    return sorted(itertools.chain.from_iterable(found), key=lambda request: request.timestamp)


def gone_on_with(played: list[WorkloadRequest]) -> list[float]:
    """The latencies of all requests but the sessions' first."""
    return [one.served_ms or 0.0 for one in played if one.input_length > PROMPT_TOKENS]


@dataclass(frozen=True)
class EngineTimes:
    """Median milliseconds of a new prompt, of a session's later request and of its follow-up, each
    alone at the engine."""

    new_prompt: float
    request: float
    follow_up: float

    @property
    def cost(self) -> RefreshCost:
        """What a follow-up costs in tokens of a new prompt."""
        return RefreshCost(self.follow_up * PROMPT_TOKENS / self.new_prompt, 0.0)


async def engine_times(client: TritonClient) -> EngineTimes:
    """Measure them."""
    random = np.random.default_rng(7)
    new_prompts, requests, follow_ups = [], [], []

    async def latency_ms(tokens: list[int], outputs: int) -> tuple[float, tuple[int, ...]]:
        request = GenerateRequest(token_ids=tuple(tokens), max_tokens=outputs)
        answer = await client.generate(request, model=ENGINE_MODEL)
        return answer.latency_ms, answer.output_ids

    for _ in range(REPEATS):
        tokens = random.integers(0, 2_000, PROMPT_TOKENS).tolist()
        new_prompts.append((await latency_ms(tokens, 1))[0])
        tokens += random.integers(0, 2_000, MORE_TOKENS).tolist()
        took_ms, output_ids = await latency_ms(tokens, OUTPUTS[0])
        requests.append(took_ms)
        follow_ups.append((await latency_ms([*tokens, *output_ids], 1))[0])
    return EngineTimes(*map(statistics.median, (new_prompts, requests, follow_ups)))


def quantile(found: list[float], share: float) -> tuple[float, float, float]:
    """A quantile and its 95 % interval: the order statistics between which it lies whatever the
    distribution."""
    ordered, count = sorted(found), len(found)
    spread = 1.96 * math.sqrt(count * share * (1 - share))
    low = max(0, math.floor(count * share - spread))
    high = min(count - 1, math.ceil(count * share + spread))
    return float(np.quantile(ordered, share)), ordered[low], ordered[high]


async def run(
    directory: Path, kinds: Sequence[str], requests: int, minutes: float, wait_s: float
) -> None:
    """Play until there are so many requests of each kind, or the time is over."""
    end = time.monotonic() + 60 * minutes
    repository = write_embedded_repository(directory / "models")
    rounds = Rounds()
    outcomes = {kind: Counter[str]() for kind in kinds}
    async with (
        EmbeddedTriton(repository) as server,
        TritonClient(server.state.connection) as client,
    ):
        deployer = Deployer(target_for(client, repository=repository))
        times = await engine_times(client)
        past = itertools.chain.from_iterable(
            [await play(client, seed, wait_s) for seed in range(LEARNT_FROM)]
        )
        learnt = online(learn(as_workload(past), "answered", refresh_cost=times.cost))
        rules = dict(zip(KINDS, (without_gain(learnt), learnt), strict=True))
        rules[EVERY] = of_every_answer()
        seed = LEARNT_FROM
        before = Counter((await scrape(server.state.metrics_url)).refreshes)
        for _ in range(math.ceil(requests / (SESSIONS * (TURNS - 1)))):
            for kind in kinds:
                await deployer.push(Plan(agent=""), (), reuse_times=rules[kind])
                seed += 1
                rounds.by_kind[kind].append(gone_on_with(await play(client, seed, wait_s)))
                counted = Counter((await scrape(server.state.metrics_url)).refreshes)
                for known in (*outcomes.values(), before):
                    counted.subtract(known)
                outcomes[kind].update(counted)
            if time.monotonic() > end:
                break
    show(rounds, outcomes, times)


def show(rounds: Rounds, outcomes: dict[str, Counter[str]], times: EngineTimes) -> None:
    print(
        f"a follow-up takes {times.follow_up:.1f} ms, the request it follows {times.request:.1f} "
        f"ms, {PROMPT_TOKENS} new tokens {times.new_prompt:.1f} ms (measured; medians, each alone)"
    )
    for kind, counted in outcomes.items():
        follow_ups, count = counted["sent"], len(rounds.all_of(kind))
        dropped = {outcome: number for outcome, number in counted.items() if outcome != "sent"}
        print(
            f"{kind}: {follow_ups} follow-ups for {count} requests that sessions go on with, "
            f"{times.follow_up * follow_ups / count:.1f} ms of engine time each (measured; the "
            "median follow-up times how many were sent); dropped: "
            + ", ".join(f"{number} {outcome}" for outcome, number in dropped.items())
        )
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            middle, low, high = quantile(rounds.all_of(kind), share)
            least, most = rounds.ratio(kind, share)
            without = np.quantile(rounds.all_of(KINDS[0]), share)
            print(
                f"  client latency {name}: {middle:.1f} ms ({low:.1f} to {high:.1f}); ratio "
                f"{middle / without:.2f} ({least:.2f} to {most:.2f}; measured)"
            )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=2_000, help="with follow-ups and without")
    parser.add_argument("--minutes", type=float, default=20.0, help="end after so long")
    parser.add_argument("--wait", type=float, default=0.2, help="between answer and next request")
    parser.add_argument("--every", action="store_true", help="follow up every answer, too")
    args = parser.parse_args()
    kinds = (*KINDS, EVERY) if args.every else KINDS
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory), kinds, args.requests, args.minutes, args.wait))


if __name__ == "__main__":
    main()
