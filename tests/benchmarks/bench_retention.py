"""How much `next-use` gains on real agent sessions.

It is the share of the gap between default LRU and the offline optimum that it closes.

60 sessions are pooled (uniform starts within an hour, pauses capped at ten minutes, 64-token
blocks); reuse times are learnt from the sessions of the file that are not among them. A request
that alone does not fit the pool is left out of all figures: no server could take it. `sent` decides
retention with the request, as TensorRT-LLM takes it; `answered` knows the request's own output and
serving time too. `followed` is `answered` as `charter_bls` carries it out: requests ask for what
their session's last answer suggests, and where their own answer changes that, a request of one
token over the same prompt follows; its hits do not count.

The pricing of memory is the one that does best on sessions learnt from, pooled likewise; the token
hit rates are those of sessions that neither the model nor the pricing has seen.

    bench_retention.py [SESSIONS.jsonl.gz] [--seeds N] [--first N] [--host]
"""

import argparse
import gzip
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.bls.retention import DecideAt
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor, resolve_retention
from charter_engine.kvcache.workload.columns import Ints, Workload, WorkloadBuilder
from charter_engine.kvcache.workload.formats.packed_sessions import from_packed
from charter_engine.kvcache.workload.sessions import AgentSession, pool
from charter_engine.plan.retention.model import ReuseTimeModel, learn
from charter_engine.plan.retention.next_use import records
from charter_engine.plan.retention.streams import judge, learnt_crosswise
from tests.follow_ups import FollowedUp, with_follow_ups

SESSIONS = Path(__file__).parents[3] / "shared" / "traces" / "agent_sessions.jsonl.gz"
POOLED = 60
WINDOW_S = 3600.0
LONGEST_PAUSE_S = 600.0
BLOCK_TOKENS = 64
POOLS = (5_000, 10_000, 20_000)
HOST_POOLS = ((5_000, 10_000), (5_000, 40_000), (10_000, 10_000), (10_000, 40_000))
EVICTIONS: tuple[Literal["leaf", "flat"], ...] = ("leaf", "flat")
DECIDE_AT: tuple[DecideAt, ...] = ("sent", "answered")


def split(sessions: list[AgentSession], seed: int) -> tuple[list[AgentSession], list[AgentSession]]:
    """The sessions to pool, and the others, to learn from."""
    order = np.random.default_rng(100 + seed).permutation(len(sessions)).tolist()
    return [sessions[index] for index in order[:POOLED]], [
        sessions[index] for index in order[POOLED:]
    ]


def apart(sessions: list[AgentSession]) -> Workload:
    """Sessions to learn from, all in one workload."""
    builder = WorkloadBuilder()
    base = 0
    for session in sessions:
        base = session.add_to(builder, 0.0, base, LONGEST_PAUSE_S)
    return builder.build()


def fitting(workload: Workload, blocks: int) -> Workload:
    """The requests that fit a pool."""
    return workload.select(
        np.flatnonzero(workload.input_length + workload.output_length <= blocks * BLOCK_TOKENS)
    )


def reused_tokens(workload: Workload, settings: PoolSettings) -> Ints:
    """What each request finds."""
    found: Ints = (
        Predictor(workload)
        .simulate(settings, resolve_retention(workload, None))
        .reused_tokens.clip(0)
    )
    return found


def reused_less_computed(demoted: FollowedUp, settings: PoolSettings) -> tuple[Ints, int]:
    """What each request finds, less what demotions compute of prompts that were gone, which is told
    as well."""
    reused = reused_tokens(demoted.workload, settings)
    # The last token of a prompt is never reused.
    missing = (demoted.workload.input_length - 1 - reused)[demoted.demotions]
    in_vain = int(missing.clip(0).sum())
    own = reused[demoted.own]
    own[0] -= in_vain
    return own, in_vain


def report(
    workload: Workload, past: Workload, models: dict[DecideAt, ReuseTimeModel], seed: int
) -> dict[tuple[str, str, int], float]:
    """Print and give the share closed by way of deciding, eviction line and pool."""
    closed: dict[tuple[str, str, int], float] = {}
    for blocks in POOLS:
        fits, before = fitting(workload, blocks), fitting(past, blocks)
        estimates = learnt_crosswise(before, "answered")
        for eviction in EVICTIONS:
            settings = PoolSettings(blocks, BLOCK_TOKENS, eviction=eviction)
            _, _, variant = judge(before, settings, estimates)
            pricing = variant.pricing
            room = PoolRoom(blocks, BLOCK_TOKENS, eviction)
            followed = with_follow_ups(fits, models["answered"], pricing)
            demoted = with_follow_ups(fits, models["answered"], pricing, room)
            bracket = Predictor(fits).predict(settings).bracket
            assert bracket is not None
            reused: dict[str, Ints] = {
                decide_at: reused_tokens(
                    replace(fits, retention=records(fits, model, pricing)), settings
                )
                for decide_at, model in models.items()
            }
            reused["followed"] = reused_tokens(followed.workload, settings)[followed.own]
            reused["demoted"], in_vain = reused_less_computed(demoted, settings)
            rates = {way: found.sum() / fits.prompt_tokens for way, found in reused.items()}
            gap = bracket.optimum - bracket.default_lru
            shares = {way: (rate - bracket.default_lru) / gap for way, rate in rates.items()}
            closed |= {(way, eviction, blocks): share for way, share in shares.items()}
            print(
                f"seed {seed}, {eviction}, {blocks:>6} blocks: default {bracket.default_lru:.3f}, "
                f"optimum {bracket.optimum:.3f}; price {pricing.price}, "
                f"ahead {pricing.ahead_s}, closed "
                + ", ".join(f"{way} {share:.3f}" for way, share in shares.items())
                + f" (predicted); demotions {'taken' if variant.demotes else 'left out'}; "
                f"{(len(followed.workload) - len(fits)) / len(fits):.0%} of "
                f"requests followed up, behind {len(demoted.demotions) / len(fits):.0%} a prompt "
                f"demoted, which computed {in_vain / fits.prompt_tokens:.2%} of all prompt tokens",
                flush=True,
            )
    return closed


def report_host(
    workload: Workload, past: Workload, model: ReuseTimeModel, seed: int
) -> dict[tuple[str, str, int], float]:
    """Print and give the share closed with a host tier, by eviction line and pool."""
    closed: dict[tuple[str, str, int], float] = {}
    before = {gpu: fitting(past, gpu) for gpu, _ in HOST_POOLS}
    estimates = {gpu: learnt_crosswise(fits, "answered") for gpu, fits in before.items()}
    for eviction in EVICTIONS:
        for gpu, host in HOST_POOLS:
            settings = PoolSettings(gpu, BLOCK_TOKENS, host_blocks=host, eviction=eviction)
            fits = fitting(workload, gpu)
            policy, _, variant = judge(before[gpu], settings, estimates[gpu])
            pricing = variant.pricing
            bracket = Predictor(fits).predict(settings).bracket
            assert bracket is not None
            if policy == "default":
                rates = dict.fromkeys(("answered", "followed"), bracket.default_lru)
            else:
                asked = records(fits, model, pricing)
                followed = with_follow_ups(fits, model, pricing)
                found = {
                    "answered": reused_tokens(replace(fits, retention=asked), settings),
                    "followed": reused_tokens(followed.workload, settings)[followed.own],
                }
                rates = {way: one.sum() / fits.prompt_tokens for way, one in found.items()}
            gap = bracket.optimum - bracket.default_lru
            for way, rate in rates.items():
                closed[way, eviction, gpu + host] = (rate - bracket.default_lru) / gap
            print(
                f"seed {seed}, {eviction}, {gpu:,} + {host:,} blocks: "
                f"default {bracket.default_lru:.3f}, optimum {bracket.optimum:.3f}; "
                f"{policy}, price {pricing.price}, most {pricing.most}, "
                f"last tokens {pricing.last_tokens}; "
                + ", ".join(
                    f"{way} {rate:.3f}, closed {(rate - bracket.default_lru) / gap:.3f}"
                    for way, rate in rates.items()
                )
                + " (predicted)",
                flush=True,
            )
    return closed


def main() -> None:
    """Print one line a seed, eviction line and pool, and the means."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sessions", nargs="?", type=Path, default=SESSIONS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first of them")
    parser.add_argument("--host", action="store_true", help="with a host tier")
    args = parser.parse_args()
    with gzip.open(args.sessions) as file:
        sessions = [from_packed(line) for line in file]
    closed: dict[tuple[str, str, int], list[float]] = {}
    for seed in range(args.first, args.first + args.seeds):
        pooled, others = split(sessions, seed)
        workload = pool(pooled, POOLED, WINDOW_S, LONGEST_PAUSE_S, seed)
        past = pool(others[:POOLED], POOLED, WINDOW_S, LONGEST_PAUSE_S, seed + 1)
        if args.host:
            answered = learn(apart(others), "answered")
            for case, share in report_host(workload, past, answered, seed).items():
                closed.setdefault(case, []).append(share)
            continue
        models: dict[DecideAt, ReuseTimeModel] = {
            decide_at: learn(apart(others), decide_at) for decide_at in DECIDE_AT
        }
        for decide_at, model in models.items():
            print(
                f"seed {seed}: learnt from {model.requests} requests of {model.sessions} sessions; "
                f"{decide_at}, the trees "
                f"explain {model.explained:.0%} of the score's variance in unseen sessions, "
                "the reuse times spread by a "
                f"factor of {np.exp(model.spread):.1f} within a retention level (measured)"
            )
        for case, share in report(workload, past, models, seed).items():
            closed.setdefault(case, []).append(share)
    if args.seeds > 1:
        for (way, eviction, blocks), shares in closed.items():
            print(
                f"{way}, {eviction}, {blocks} blocks: mean {np.mean(shares):.3f}, "
                f"least {min(shares):.3f} (predicted)"
            )


if __name__ == "__main__":
    main()
