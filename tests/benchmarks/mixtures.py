"""Workloads mixed by chance, each in two halves of the same making: the past to learn from, and
what comes after it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from charter_engine.contracts.pool import Eviction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.kvcache.workload.sessions import AgentSession, pool
from tests.benchmarks.chains import BLOCK_TOKENS, chains

EVICTIONS: tuple[Eviction, ...] = ("leaf", "flat")
BLOCK_SIZES = (32, 64, 128)
APART = 1_000_000_000
"""Ids of workloads that are put together, and of what comes once, are so far from each other."""

Make = Callable[[Sequence[AgentSession], int], Workload]
"""Makes a workload of recorded sessions, where it is of any, and a seed."""


def pooled(sessions: Sequence[AgentSession], seed: int) -> Workload:
    """Twelve recorded sessions, starting within a quarter of an hour."""
    return pool(sessions, 12, 900.0, 300.0, seed)


def spread(sessions: Sequence[AgentSession], seed: int) -> Workload:
    """Twelve recorded sessions, starting within an hour, with pauses of up to ten minutes."""
    return pool(sessions, 12, 3_600.0, 600.0, seed)


def one_agent(_: Sequence[AgentSession], seed: int) -> Workload:
    """Chains of one tool-calling agent."""
    return chains(48, 16, seed, agents=1, turns=16)


def several_agents(_: Sequence[AgentSession], seed: int) -> Workload:
    """Chains of five tool-calling agents."""
    return chains(50, 24, seed, agents=5, turns=14)


def restless(_: Sequence[AgentSession], seed: int) -> Workload:
    """Sessions of one growing prompt each, whose waits are memoryless and all alike."""
    random = np.random.default_rng(seed)
    requests = []
    for session in range(40):
        now, blocks = random.uniform(0, 300), int(random.integers(10, 60))
        for _turn in range(14):
            requests.append(_request(now, seed, session, blocks))
            now += random.exponential(25)
            blocks += int(random.integers(0, 4))
    return _in_order(requests)


def bursts(_: Sequence[AgentSession], seed: int) -> Workload:
    """Sessions that ask several times within seconds, each time from the same beginning, and then
    nothing for minutes."""
    random = np.random.default_rng(seed)
    requests = []
    for session in range(30):
        now, blocks = random.uniform(0, 400), int(random.integers(20, 60))
        for _burst in range(5):
            for branch in range(int(random.integers(2, 7))):
                requests.append(_request(now, seed, session, blocks, own=branch + 1))
                now += random.exponential(3)
            blocks += int(random.integers(2, 8))
            now += random.lognormal(4.5, 0.8)
    return _in_order(requests)


def _request(now: float, seed: int, session: int, blocks: int, own: int = 0) -> WorkloadRequest:
    """A prompt of so many blocks of a session; with a branch of its `own` the last three are of
    that."""
    first = 100_000 * session
    ids = [*range(first, first + blocks)]
    if own:
        branch = first + 10_000 * own + 10 * blocks
        ids[-3:] = range(branch, branch + 3)
    return WorkloadRequest(
        timestamp=now * 1000,
        input_length=BLOCK_TOKENS * blocks,
        output_length=20,
        hash_ids=tuple(ids),
        block_tokens=BLOCK_TOKENS,
        session=f"{seed}-{session}",
        served_ms=1_000.0,
    )


KINDS: dict[str, Make] = {
    "pooled": pooled,
    "spread": spread,
    "one agent": one_agent,
    "several agents": several_agents,
    "restless": restless,
    "bursts": bursts,
}


def together(first: Workload, second: Workload) -> Workload:
    """Two workloads at once, whose sessions and content have nothing in common."""
    others = [
        replace(
            request,
            hash_ids=tuple(APART + one for one in request.hash_ids),
            session=f"other {request.session}",
        )
        for request in second.requests()
    ]
    return _in_order([*first.requests(), *others])


def with_strangers(workload: Workload, seed: int) -> Workload:
    """The same among as many prompts again, of no session, that come once."""
    random = np.random.default_rng(seed)
    last = float(workload.arrival_ms.max())
    strangers = []
    for number in range(len(workload)):
        blocks = int(random.integers(5, 50))
        first = 2 * APART + 1_000 * number
        strangers.append(
            WorkloadRequest(
                timestamp=random.uniform(0, last),
                input_length=BLOCK_TOKENS * blocks,
                output_length=20,
                hash_ids=tuple(range(first, first + blocks)),
                block_tokens=BLOCK_TOKENS,
            )
        )
    return _in_order([*workload.requests(), *strangers])


def _in_order(requests: Iterable[WorkloadRequest]) -> Workload:
    return as_workload(sorted(requests, key=lambda request: request.timestamp))


@dataclass(frozen=True)
class Mixture:
    """What a workload is made of, the past, what comes after it, and the pool."""

    made_of: str
    past: Workload
    later: Workload
    settings: PoolSettings


def mixture(sessions: Sequence[AgentSession], number: int) -> Mixture:
    """Workload `number`: one kind or two at once, with or without prompts that come once, on a
    pool from a sixty-fourth to a half of what there is, with and without a host tier."""
    random = np.random.default_rng((7, number))
    order = random.permutation(len(sessions)).tolist()
    halves = [[sessions[index] for index in order[half::2]] for half in (0, 1)]
    chosen = random.choice(list(KINDS), 1 + int(random.random() < 0.3), replace=False).tolist()
    past, later = (
        KINDS[chosen[0]](own, 2 * number + half + 1_000) for half, own in enumerate(halves)
    )
    if len(chosen) > 1:
        past, later = (
            together(one, KINDS[chosen[1]](own, 2 * number + half + 5_000))
            for half, (one, own) in enumerate(zip((past, later), halves, strict=True))
        )
    made_of = " and ".join(chosen)
    if random.random() < 0.3:
        made_of += " and strangers"
        past, later = (
            with_strangers(one, 2 * number + half) for half, one in enumerate((past, later))
        )
    size = int(random.choice(BLOCK_SIZES))
    settings = PoolSettings(
        _gpu_blocks(later, size, float(2.0 ** -random.uniform(1, 6))),
        size,
        eviction=EVICTIONS[int(random.integers(2))],
    )
    host_tiers = int(random.choice([0, 0, 1, 4]))
    return Mixture(
        made_of, past, later, replace(settings, host_blocks=host_tiers * settings.gpu_blocks)
    )


def _gpu_blocks(workload: Workload, size: int, share: float) -> int:
    """That share of a workload's distinct content in blocks, at least its longest prompt."""
    paths = Predictor(workload).paths
    longest = int((workload.input_length + workload.output_length).max()) // size + 2
    return max(longest, round(int((paths.end - paths.start).sum()) / size * share))
