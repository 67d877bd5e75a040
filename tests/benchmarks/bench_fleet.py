"""What routing makes of a fleet's hit rate: real agent sessions and a conversation trace on several
servers, each with a pool of its own, against one pool of all their memory.

All predicted, with speeds that are assumed: see `ServingSpeed`.

    bench_fleet.py [--servers 3] [--sessions 90] [--blocks 20000] [--large]
"""

import argparse
import gzip
import resource
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.workload.columns import Workload, WorkloadBuilder
from charter_engine.kvcache.workload.formats.packed_sessions import from_packed
from charter_engine.kvcache.workload.sessions import AgentSession, pool
from charter_engine.routing.simulation import (
    FleetOutcome,
    ServingSpeed,
    by_affinity,
    in_turn,
    least_busy,
    simulate_fleet,
)

SESSIONS = Path(__file__).parents[3] / "shared" / "traces" / "agent_sessions.jsonl.gz"
WINDOW_S = 3600.0
LONGEST_PAUSE_S = 600.0
SIZES = (1, 3, 10, 30, 100)
WAYS = {"in turn": in_turn, "least busy": least_busy, "affinity": by_affinity}


def compare(workload: Workload, servers: int, settings: PoolSettings) -> None:
    """Print each way of routing against one pool of all the memory."""
    whole = msgspec.structs.replace(settings, gpu_blocks=settings.gpu_blocks * servers)
    speed = ServingSpeed()
    faster = replace(speed, prefill=speed.prefill * servers)
    single = simulate_fleet(workload, 1, whole, in_turn, faster)
    print(line("one pool", single, single))
    for name, choose in WAYS.items():
        print(line(name, simulate_fleet(workload, servers, settings, choose, speed), single))


def line(name: str, outcome: FleetOutcome, single: FleetOutcome) -> str:
    """One way of routing."""
    seconds = outcome.first_token_seconds
    return (
        f"{name:>10}: hit rate {outcome.hit_rate:.1%}, {outcome.hit_rate / single.hit_rate:.1%} of "
        f"one pool's; {outcome.computed_tokens / 1e6:,.0f} M tokens computed; first token p50 "
        f"{np.percentile(seconds, 50):.2f} s, p95 {np.percentile(seconds, 95):.2f} s; busiest "
        f"server {outcome.busiest:.2f} of an even share (predicted)"
    )


def of_many(sessions: list[AgentSession], count: int) -> Workload:
    """So many sessions that begin within the window. Where that is more than there are, each comes
    several times, with content of its own every time."""
    builder = WorkloadBuilder()
    random = np.random.default_rng(1)
    base = 0
    for number in range(count):
        session = sessions[number % len(sessions)]
        named = replace(session, name=f"{session.name} {number}")
        start = float(random.uniform(0, WINDOW_S))
        base = named.add_to(builder, start, base, LONGEST_PAUSE_S)
    return builder.build().in_time_order()


def by_size(sessions: list[AgentSession], blocks: int, each: int) -> None:
    """Print fleets of several sizes, each with as many sessions a server."""
    for servers in SIZES:
        workload = of_many(sessions, each * servers)
        for name, choose in WAYS.items():
            began = time.process_time()
            outcome = simulate_fleet(workload, servers, PoolSettings(blocks, 64), choose)
            print(
                f"{servers:>3} servers, {len(workload):,} requests, {name}: hit rate "
                f"{outcome.hit_rate:.1%}, busiest server {outcome.busiest:.2f} of an even share "
                f"(predicted); {time.process_time() - began:.1f} CPU seconds",
                flush=True,
            )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=90)
    parser.add_argument("--blocks", type=int, default=20_000)
    parser.add_argument("--large", action="store_true", help="fleets of up to 100 servers")
    args = parser.parse_args()
    if not SESSIONS.exists():
        print("no traces beside the repository")
        return
    with gzip.open(SESSIONS) as file:
        sessions = [from_packed(row) for row in file]
    if args.large:
        by_size(sessions, args.blocks, args.sessions // args.servers)
        return
    workload = pool(sessions, args.sessions, WINDOW_S, LONGEST_PAUSE_S, 1).in_time_order()
    print(f"{len(workload):,} requests of {args.sessions} sessions, {args.servers} servers")
    compare(workload, args.servers, PoolSettings(args.blocks, 64))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
