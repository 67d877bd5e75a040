"""The share of the gap between default LRU and the offline optimum that `next-use` closes on real agent sessions.

60 sessions are pooled (uniform starts within an hour, pauses capped at ten minutes, 64-token blocks); waits are learnt
from the sessions of the file that are not among them. A request that alone does not fit the pool is left out of all
figures: no server could take it. `sent` decides retention with the request, as TensorRT-LLM takes it; `answered` knows
the request's own output and serving time too, which a deployment has to follow by a one-token request.

    bench_retention.py [SESSIONS.jsonl.gz] [--seeds N] [--moment sent|answered]
"""

import argparse
import gzip
from pathlib import Path

import numpy as np

from charter_engine.config.retention.model import GapModel, learn
from charter_engine.config.retention.streams import compare
from charter_engine.kvcache.sessions import Session, from_packed, pool
from charter_engine.kvcache.settings import PoolSettings
from charter_engine.kvcache.workload import Workload, WorkloadBuilder

SESSIONS = Path(__file__).parents[3] / "shared" / "traces" / "agent_sessions.jsonl.gz"
POOLED = 60
WINDOW_S = 3600.0
LONGEST_PAUSE_S = 600.0
BLOCK_TOKENS = 64
POOLS = (5_000, 10_000, 20_000)


def split(sessions: list[Session], seed: int) -> tuple[list[Session], list[Session]]:
    """The sessions to pool, and the others, to learn from."""
    order = np.random.default_rng(100 + seed).permutation(len(sessions)).tolist()
    return [sessions[index] for index in order[:POOLED]], [sessions[index] for index in order[POOLED:]]


def apart(sessions: list[Session]) -> Workload:
    """Sessions to learn from, all in one workload."""
    builder = WorkloadBuilder()
    base = 0
    for session in sessions:
        base = session.add_to(builder, 0.0, base, LONGEST_PAUSE_S)
    return builder.build()


def fitting(workload: Workload, blocks: int) -> Workload:
    """The requests that fit a pool."""
    return workload.select(np.flatnonzero(workload.input_length + workload.output_length <= blocks * BLOCK_TOKENS))


def report(workload: Workload, model: GapModel, seed: int) -> list[tuple[str, int, float]]:
    """Print and give the share closed by eviction line and pool."""
    closed = []
    for eviction in ("leaf", "flat"):
        for blocks in POOLS:
            settings = PoolSettings(blocks, BLOCK_TOKENS, eviction=eviction)
            result = compare(fitting(workload, blocks), settings, model, policies=("default", "next-use"))
            share = result.closed("next-use")
            closed.append((eviction, blocks, share))
            print(
                f"seed {seed}, {eviction}, {blocks:>6} blocks: default {result.hit_rates['default']:.3f}, "
                f"next-use {result.hit_rates['next-use']:.3f}, optimum {result.optimum:.3f}; "
                f"closed {share:.3f} (predicted)",
                flush=True,
            )
    return closed


def main() -> None:
    """Print one line a seed, eviction line and pool, and the means."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sessions", nargs="?", type=Path, default=SESSIONS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--moment", choices=("sent", "answered"), default="sent")
    args = parser.parse_args()
    with gzip.open(args.sessions) as file:
        sessions = [from_packed(line) for line in file]
    closed: dict[tuple[str, int], list[float]] = {}
    for seed in range(args.seeds):
        pooled, others = split(sessions, seed)
        model = learn(apart(others), args.moment)
        print(
            f"seed {seed}: learnt from {model.requests} requests of {model.sessions} sessions; the trees explain "
            f"{model.explained:.0%} of the score's variance in unseen sessions, the waits spread by a factor of "
            f"{np.exp(model.spread):.1f} within a rung (measured)"
        )
        workload = pool(pooled, POOLED, WINDOW_S, LONGEST_PAUSE_S, seed)
        for eviction, blocks, share in report(workload, model, seed):
            closed.setdefault((eviction, blocks), []).append(share)
    if args.seeds > 1:
        for (eviction, blocks), shares in closed.items():
            print(f"{eviction}, {blocks} blocks: mean {np.mean(shares):.3f}, least {min(shares):.3f} (predicted)")


if __name__ == "__main__":
    main()
