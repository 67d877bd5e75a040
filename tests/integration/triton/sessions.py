"""Sessions on a scarce pool, of which half come back soon.

What is learnt of their like, and how they are played.
"""

import asyncio
import itertools
from dataclasses import dataclass

import numpy as np

from charter_engine.bls.features import FEATURES
from charter_engine.bls.forest import Forest
from charter_engine.bls.retention import Rule
from charter_engine.bls.reuse_times import RefreshWorth, ReuseTimeRules
from charter_engine.bls.worths import Worths
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK
from charter_engine.contracts.reuse_times import RefreshCost
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.workload.columns import as_workload
from charter_engine.plan.retention.model import ReuseTimeModel, learn
from charter_engine.plan.retention.online import room_of
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import Generated, GenerateRequest

POOL_TOKENS = 1_536
BLOCK_TOKENS = DEFAULT_TOKENS_PER_BLOCK
PROMPT_TOKENS = 300
MORE_TOKENS = 10
"""What every turn adds to its session's prompt, besides the answer."""
OUTPUT_TOKENS = 4
SERVED_MS = (30.0, 150.0)
FAST_S, SLOW_S = 1.0, 4.0
FAST, SLOW = 3, 14


@dataclass(frozen=True)
class Played:
    """What came of a play: answers by session, the fast ones first."""

    answers: tuple[tuple[Generated, ...], ...]

    @property
    def reused_tokens(self) -> int:
        return sum(answer.reused_tokens or 0 for answer in itertools.chain(*self.answers))

    @property
    def requests(self) -> int:
        return sum(map(len, self.answers))

    @property
    def latencies_ms(self) -> list[float]:
        return [answer.latency_ms for answer in itertools.chain(*self.answers)]


FREE = RefreshCost(0.0, 0.0)
"""Refreshes are sent whatever little they save of prompts as short as these."""


def learnt(seed: int = 0, sessions: int = 60) -> ReuseTimeModel:
    """What recorded sessions of this kind tell.

    The node is that of prompts nobody names one for.
    """
    random = np.random.default_rng(seed)
    requests = []
    for session in range(sessions):
        wait_s = FAST_S if session % 2 else SLOW_S
        now, length = random.uniform(0, SLOW_S), PROMPT_TOKENS
        for _ in range(12):
            served_ms = random.uniform(*SERVED_MS)
            requests.append(
                WorkloadRequest(
                    timestamp=now * 1000,
                    input_length=length,
                    output_length=OUTPUT_TOKENS,
                    token_ids=tuple(range(session * 100_000, session * 100_000 + length)),
                    session=str(session),
                    served_ms=served_ms,
                )
            )
            now += served_ms / 1000 + wait_s * random.uniform(0.8, 1.2)
            length += OUTPUT_TOKENS + MORE_TOKENS
    return learn(
        as_workload(sorted(requests, key=lambda request: request.timestamp)),
        "answered",
        refresh_cost=FREE,
    )


async def play(client: TritonClient, seconds: float, first_token: int) -> Played:
    """All sessions for a while; none of their clients says which session it is.

    Requests are sent one by one, in the order of a timetable that knows nothing of how busy the
    machine is.
    """
    random = np.random.default_rng(first_token)
    reuse_times = [FAST_S] * FAST + [SLOW_S] * SLOW
    timetable = sorted(
        (at_s, session)
        for session, wait_s in enumerate(reuse_times)
        for at_s in _times(random, wait_s, seconds)
    )
    prompts = [
        [first_token + session, *_fresh(random, PROMPT_TOKENS - 1)]
        for session in range(len(reuse_times))
    ]
    answers: list[list[Generated]] = [[] for _ in reuse_times]
    clock = asyncio.get_running_loop().time
    start = clock()
    for at_s, session in timetable:
        await asyncio.sleep(max(start + at_s - clock(), 0.0))
        request = GenerateRequest(token_ids=tuple(prompts[session]), max_tokens=OUTPUT_TOKENS)
        answers[session].append(await client.generate(request))
        prompts[session] += [*answers[session][-1].output_ids, *_fresh(random, MORE_TOKENS)]
    return Played(tuple(map(tuple, answers)))


def _times(random: np.random.Generator, wait_s: float, seconds: float) -> list[float]:
    """When a session's requests are sent."""
    reuse_times = wait_s * random.uniform(0.8, 1.2, 100)
    reuse_times[0] = wait_s * random.random()
    return [float(at_s) for at_s in np.cumsum(reuse_times) if at_s < seconds]


def _fresh(random: np.random.Generator, count: int) -> list[int]:
    found: list[int] = random.integers(0, 2_000, count).tolist()
    return found


SHORT_TOKENS, LONG_TOKENS = 320, 352
AWAY_S = 2.0
"""Prompts of `LONG_TOKENS` are taken to come back within so long or never."""


def shrinking_worth() -> ReuseTimeRules:
    """Rules for the scarce pool, by which a long prompt is worth more than a short one until it has
    been idle for `AWAY_S`, and less from then on."""
    length = FEATURES.index("prompt tokens")
    cuts = tuple((LONG_TOKENS - 1.0,) if place == length else () for place in range(len(FEATURES)))
    return ReuseTimeRules(
        decide_at="sent",
        refresh=RefreshWorth(((0.0, 0.0),) * 3),
        steps=(0.5,),
        rules=(Rule(50, 600_000), Rule(60, 600_000)),
        nodes={},
        forest=Forest(cuts, 0.0, ((length,),), ((0,),), ((0.0, 1.0),)),
        worths=Worths(ages_s=(0.0, AWAY_S), rows=((0.2, 0.2), (0.9, 0.1)), ahead_s=(0.0,)),
        room=room_of(PoolSettings(POOL_TOKENS // BLOCK_TOKENS, BLOCK_TOKENS, eviction="leaf")),
    )
