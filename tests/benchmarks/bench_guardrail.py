"""How often the guardrail decides right: no worse than the better of `default` and `next-use` by
more than half a point of token hit rate, on sessions that it has not seen.

Workloads are mixed by chance: recorded coding-agent sessions, chains of tool-calling agents, and
sessions whose waits tell nothing, with and without prompts that come once; pools from a
sixty-fourth to a half of what there is, with and without a host tier, under leaf and flat eviction.
Each is learnt from one draw and judged on another of the same mixture. Bar: right in 95 of 100.

    bench_guardrail.py [SESSIONS.jsonl.gz] [--workloads N]
"""

import argparse
import gzip
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from charter_engine.contracts.pool import Eviction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor, Retain, resolve_retention
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.kvcache.workload.formats.packed_sessions import from_packed
from charter_engine.kvcache.workload.sessions import AgentSession, pool
from charter_engine.plan.retention.model import learn
from charter_engine.plan.retention.streams import (
    annotate,
    judge,
    learnt_crosswise,
)
from tests.benchmarks.bench_retention import SESSIONS
from tests.benchmarks.chains import BLOCK_TOKENS, chains

TOLERANCE = 0.005
EVICTIONS: tuple[Eviction, ...] = ("leaf", "flat")


def agents(sessions: Sequence[AgentSession], seed: int) -> Workload:
    """Twelve recorded sessions, starting within a quarter of an hour."""
    return pool(sessions, 12, 900.0, 300.0, seed)


def restless(seed: int) -> Workload:
    """Sessions of one growing prompt each, whose waits are memoryless and all alike."""
    random = np.random.default_rng(seed)
    requests = []
    for session in range(40):
        now, blocks = random.uniform(0, 300), int(random.integers(10, 60))
        for _ in range(20):
            requests.append(
                WorkloadRequest(
                    timestamp=now * 1000,
                    input_length=BLOCK_TOKENS * blocks,
                    output_length=20,
                    hash_ids=tuple(range(10_000 * session, 10_000 * session + blocks)),
                    block_tokens=BLOCK_TOKENS,
                    session=f"{seed}-{session}",
                    served_ms=1_000.0,
                )
            )
            now += random.exponential(25)
            blocks += int(random.integers(0, 4))
    return as_workload(sorted(requests, key=lambda request: request.timestamp))


def with_strangers(workload: Workload, seed: int) -> Workload:
    """The same among as many prompts again, of no session, that come once."""
    random = np.random.default_rng(seed)
    requests = list(workload.requests())
    last = float(workload.arrival_ms.max())
    for number in range(len(requests)):
        blocks = int(random.integers(5, 50))
        first = 1_000_000_000 + 1_000 * number
        requests.append(
            WorkloadRequest(
                timestamp=random.uniform(0, last),
                input_length=BLOCK_TOKENS * blocks,
                output_length=20,
                hash_ids=tuple(range(first, first + blocks)),
                block_tokens=BLOCK_TOKENS,
            )
        )
    return as_workload(sorted(requests, key=lambda request: request.timestamp))


def mixture(
    sessions: Sequence[AgentSession], number: int
) -> tuple[str, Workload, Workload, PoolSettings]:
    """What it is made of, the past, what comes after it, and the pool of workload `number`."""
    random = np.random.default_rng(number)
    kind = str(random.choice(["agents", "chains", "restless"]))
    if kind == "agents":
        order = random.permutation(len(sessions)).tolist()
        past, later = (
            agents([sessions[index] for index in order[half::2]], 2 * number + half)
            for half in (0, 1)
        )
    elif kind == "chains":
        past, later = (chains(48, 16, 2 * number + half) for half in (0, 1))
    else:
        past, later = (restless(2 * number + half) for half in (0, 1))
    if random.random() < 0.4:
        kind += " and strangers"
        past, later = (with_strangers(one, number) for one in (past, later))
    paths = Predictor(later).paths
    working_set = int((paths.end - paths.start).sum()) // BLOCK_TOKENS
    share = float(2.0 ** -random.uniform(1, 6))
    longest = int(later.input_length.max()) // BLOCK_TOKENS + 2
    gpu = max(longest, round(working_set * share))
    settings = PoolSettings(
        gpu,
        BLOCK_TOKENS,
        host_blocks=gpu * int(random.choice([0, 0, 1, 4])),
        eviction=EVICTIONS[number % 2],
    )
    return kind, past, later, settings


def rate(predictor: Predictor, workload: Workload, settings: PoolSettings) -> float:
    """The token hit rate of a workload with the retention that it carries."""
    asked: Retain = resolve_retention(workload, None) or {}
    return predictor.predict(settings, retention=asked, bracket=False).token_hit_rate


def main() -> None:
    """Print one line a workload, and how often the guardrail was right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sessions", nargs="?", type=Path, default=SESSIONS)
    parser.add_argument("--workloads", type=int, default=100)
    args = parser.parse_args()
    with gzip.open(args.sessions) as file:
        sessions = [from_packed(line) for line in file]
    right = 0
    for number in range(args.workloads):
        started = time.process_time()
        kind, past, later, settings = mixture(sessions, number)
        policy, _, pricing = judge(past, settings, learnt_crosswise(past, "answered"))
        model = learn(past, "answered")
        predictor = Predictor(replace(later, retention={}))
        default = rate(predictor, replace(later, retention={}), settings)
        next_use = rate(predictor, annotate(later, "next-use", model, pricing=pricing), settings)
        chosen = default if policy == "default" else next_use
        well = chosen >= max(default, next_use) - TOLERANCE
        right += well
        print(
            f"{number}: {kind}, {len(later)} requests, {settings.gpu_blocks:,} + "
            f"{settings.host_blocks:,} blocks, {settings.eviction}: default {default:.3f}, "
            f"next-use {next_use:.3f}; {policy} chosen, {'right' if well else 'WRONG'} "
            f"(predicted; {time.process_time() - started:.1f} s CPU)",
            flush=True,
        )
    print(f"the guardrail decided right in {right} of {args.workloads} workloads (predicted)")


if __name__ == "__main__":
    main()
