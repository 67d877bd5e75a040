"""What following up answers costs, on the embedded Triton.

Sessions send, wait and send again, their prompts growing by every answer. Rounds without follow-ups
take turns with rounds of those alone that are predicted to save more than they cost, by reuse times
learnt from such sessions and by the time that a follow-up takes here. Both decide by the same reuse
times; without, no follow-up is taken to save anything. With `--every`, there are also rounds of one
for every answer, the reuse times being made so that it moves its request to the other rule, and
whatever it saves seems worth its time. What a follow-up takes is measured first, beside the request
it follows.

With `--demotions` the pool is scarce, every other session stays away after half of its turns, and
pauses spread widely. Both kinds of rounds follow up the answers where that pays, and one of them
demotes prompts, too.

Quantiles stand with their 95 % intervals, by order statistics, and their ratios with intervals by
drawing pairs of rounds anew, which take what drifts on the machine with them: what lies within them
is noise. Where others load the machine, the processor time of the server tells more than latencies
do. The default of 2,000 requests of each kind takes about five minutes on a quiet machine.

    bench_follow_ups.py [--requests N] [--minutes M] [--wait SECONDS] [--every | --demotions]
"""

import argparse
import asyncio
import itertools
import math
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil

from charter_engine.bls.features import FEATURES
from charter_engine.bls.forest import Forest
from charter_engine.bls.retention import Rule
from charter_engine.bls.reuse_times import RefreshWorth, ReuseTimeRules
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.reuse_times import RefreshCost
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.workload.columns import Ints, as_workload
from charter_engine.plan.retention.model import learn
from charter_engine.plan.retention.online import online, room_of
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
DEMOTING = ("without demotions", "with demotions")
SPREAD = 1.2
"""Assumed: the deviation of the logarithm of pauses: some are ten times as long as most."""
SCARCE_TOKENS = 4_096
"""Some four of the prompts that six sessions hold."""
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
    processor_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of the server, for each request of a round."""

    @property
    def first(self) -> str:
        """The kind that others are held against."""
        return next(iter(self.by_kind))

    def all_of(self, kind: str) -> list[float]:
        """The latencies of all rounds of a kind."""
        return [*itertools.chain.from_iterable(self.by_kind[kind])]

    def ratio(self, kind: str, share: float) -> tuple[float, float]:
        """The 95 % interval of a quantile over that of the first kind."""

        def quantile_ratio(drawn: Ints) -> float:
            following, without = (
                np.quantile(np.concatenate([self.by_kind[one][index] for index in drawn]), share)
                for one in (kind, self.first)
            )
            return float(following / without)

        return self._interval(quantile_ratio)

    def processor_ratio(self, kind: str) -> tuple[float, float]:
        """The 95 % interval of the server's processor time over that of the first kind."""
        own, without = (np.array(self.processor_ms[one]) for one in (kind, self.first))
        return self._interval(lambda drawn: float(own[drawn].mean() / without[drawn].mean()))

    def _interval(self, ratio: Callable[[Ints], float]) -> tuple[float, float]:
        """That of a ratio of rounds, which are drawn anew by their numbers."""
        random, count = np.random.default_rng(0), len(self.by_kind[self.first])
        ratios = [ratio(random.integers(0, count, count)) for _ in range(DRAWS)]
        low, high = np.quantile(ratios, (0.025, 0.975))
        return float(low), float(high)


async def play(
    client: TritonClient, seed: int, wait_s: float, *, leaving: bool = False
) -> list[WorkloadRequest]:
    """The requests of a round as they were sent and served; `leaving`: every other session ends
    after half of its turns, and pauses differ."""
    began = time.monotonic()

    async def session(index: int) -> list[WorkloadRequest]:
        random = np.random.default_rng((seed, index))
        tokens = random.integers(0, 2_000, PROMPT_TOKENS).tolist()
        found = []
        await asyncio.sleep(index * wait_s / SESSIONS)
        for turn in range(TURNS // 2 if leaving and index % 2 else TURNS):
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
            await asyncio.sleep(wait_s * random.lognormal(0.0, SPREAD) if leaving else wait_s)
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


def processor_ms() -> float:
    """What the server has taken so far: all that was started here and has not ended."""
    found = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found += 1000 * (times.user + times.system)
    return found


async def run(
    directory: Path, kinds: Sequence[str], requests: int, minutes: float, wait_s: float
) -> None:
    """Play until there are so many requests of each kind, or the time is over."""
    end = time.monotonic() + 60 * minutes
    demotes = kinds == DEMOTING
    parameters = {"max_tokens_in_paged_kv_cache": str(SCARCE_TOKENS)} if demotes else None
    repository = write_embedded_repository(directory / "models", parameters=parameters)
    pool = PoolSettings(SCARCE_TOKENS // DEFAULT_TOKENS_PER_BLOCK, DEFAULT_TOKENS_PER_BLOCK)
    rounds = Rounds()
    outcomes = {kind: Counter[str]() for kind in kinds}
    async with (
        EmbeddedTriton(repository) as server,
        TritonClient(server.state.connection) as client,
    ):
        deployer = Deployer(target_for(client, repository=repository))
        times = await engine_times(client)
        past = itertools.chain.from_iterable(
            [await play(client, seed, wait_s, leaving=demotes) for seed in range(LEARNT_FROM)]
        )
        model = learn(as_workload(past), "answered", refresh_cost=times.cost)
        learnt = online(model)
        rules = dict(zip(KINDS, (without_gain(learnt), learnt), strict=True))
        rules |= zip(DEMOTING, (learnt, online(model, room=room_of(pool))), strict=True)
        rules[EVERY] = of_every_answer()
        seed = LEARNT_FROM
        before = Counter((await scrape(server.state.metrics_url)).refreshes)
        for _ in range(math.ceil(requests / (SESSIONS * (TURNS - 1)))):
            for kind in kinds:
                await deployer.push(Plan(agent=""), (), reuse_times=rules[kind])
                seed += 1
                before_ms = processor_ms()
                played = await play(client, seed, wait_s, leaving=demotes)
                took_ms = processor_ms() - before_ms
                rounds.by_kind[kind].append(gone_on_with(played))
                rounds.processor_ms[kind].append(took_ms / len(played))
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
        follow_ups, count = counted["sent"] + counted["demoted"], len(rounds.all_of(kind))
        dropped = {
            outcome: number
            for outcome, number in counted.items()
            if outcome not in ("sent", "demoted")
        }
        print(
            f"{kind}: {counted['sent']} follow-ups and {counted['demoted']} demotions for {count} "
            f"requests that sessions go on with, {times.follow_up * follow_ups / count:.1f} ms of "
            "engine time each (measured; the median follow-up times how many were sent); dropped: "
            + ", ".join(f"{number} {outcome}" for outcome, number in dropped.items())
        )
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            middle, low, high = quantile(rounds.all_of(kind), share)
            least, most = rounds.ratio(kind, share)
            without = np.quantile(rounds.all_of(rounds.first), share)
            print(
                f"  client latency {name}: {middle:.1f} ms ({low:.1f} to {high:.1f}); ratio "
                f"{middle / without:.2f} ({least:.2f} to {most:.2f}; measured)"
            )
        own, without = (np.mean(rounds.processor_ms[one]) for one in (kind, rounds.first))
        least, most = rounds.processor_ratio(kind)
        print(
            f"  the server's processor time for each request: {own:.1f} ms; ratio "
            f"{own / without:.3f} ({least:.3f} to {most:.3f}; measured)"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=2_000, help="with follow-ups and without")
    parser.add_argument("--minutes", type=float, default=20.0, help="end after so long")
    parser.add_argument("--wait", type=float, default=0.2, help="between answer and next request")
    parser.add_argument("--every", action="store_true", help="follow up every answer, too")
    parser.add_argument("--demotions", action="store_true", help="with and without demotions")
    args = parser.parse_args()
    kinds: tuple[str, ...] = (*KINDS, EVERY) if args.every else KINDS
    kinds = DEMOTING if args.demotions else kinds
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory), kinds, args.requests, args.minutes, args.wait))


if __name__ == "__main__":
    main()
