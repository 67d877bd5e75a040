"""How often the guardrail decides right: no worse than the best of `default` and of `next-use` with
and without demotions by more than half a point of token hit rate, on sessions that it has not seen.

Workloads are mixed by chance (`mixtures.py`), and differ from those that its threshold was chosen
on. Each is learnt from one draw and judged on another of the same mixture. Bar: right in 95 of 100.

    bench_guardrail.py [SESSIONS.jsonl.gz] [--workloads N] [--first N]
"""

import argparse
import gzip
import time
from dataclasses import replace
from pathlib import Path

from charter_engine.contracts.plan import Policy
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor, Retain, resolve_retention
from charter_engine.kvcache.workload.formats.packed_sessions import from_packed
from charter_engine.plan.retention.model import learn
from charter_engine.plan.retention.online import room_of
from charter_engine.plan.retention.streams import (
    Estimates,
    judge,
    learnt_crosswise,
    learnt_elsewhere,
)
from charter_engine.plan.retention.variants import NextUse
from tests.benchmarks.bench_retention import SESSIONS
from tests.benchmarks.mixtures import mixture

TOLERANCE = 0.005


def rate(
    predictor: Predictor,
    estimates: Estimates,
    policy: Policy,
    variant: NextUse,
    settings: PoolSettings,
) -> float:
    """The token hit rate of a workload under a policy, its demotions counted."""
    workload = replace(predictor.workload, retention=estimates.asked(policy, variant.pricing))
    asked: Retain = resolve_retention(workload, None) or {}
    demotions = estimates.demotions(variant, settings)
    return predictor.predict(
        settings, retention=asked, demotions=demotions, bracket=False
    ).token_hit_rate


def ways(variant: NextUse, settings: PoolSettings) -> tuple[tuple[Policy, NextUse], ...]:
    """What may be right: the defaults, and `next-use` under a variant's pricing, with demotions and
    without where the pool can demote."""
    can_demote = room_of(settings) is not None and variant.pricing.ahead_s
    both = (False, True) if can_demote else (False,)
    return (
        ("default", NextUse()),
        *(("next-use", NextUse(variant.pricing, demotes)) for demotes in both),
    )


def name_of(policy: Policy, variant: NextUse) -> str:
    """What a way is called."""
    return "next-use with demotions" if policy == "next-use" and variant.demotes else policy


def main() -> None:
    """Print one line a workload, and how often the guardrail was right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sessions", nargs="?", type=Path, default=SESSIONS)
    parser.add_argument("--workloads", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the number of the first of them")
    args = parser.parse_args()
    with gzip.open(args.sessions) as file:
        sessions = [from_packed(line) for line in file]
    right = 0
    for number in range(args.first, args.first + args.workloads):
        started = time.process_time()
        mixed = mixture(sessions, number)
        estimates = learnt_crosswise(mixed.past, "answered")
        policy, _, variant = judge(mixed.past, mixed.settings, estimates)
        chosen = name_of(policy, variant)
        later = learnt_elsewhere(mixed.later, learn(mixed.past, "answered"))
        predictor = Predictor(replace(mixed.later, retention={}))
        rates = {
            name_of(policy, one): rate(predictor, later, policy, one, mixed.settings)
            for policy, one in ways(variant, mixed.settings)
        }
        well = rates[chosen] >= max(rates.values()) - TOLERANCE
        right += well
        print(
            f"{number}: {mixed.made_of}, {len(mixed.later)} requests, "
            f"{mixed.settings.gpu_blocks:,} + {mixed.settings.host_blocks:,} blocks of "
            f"{mixed.settings.tokens_per_block}, {mixed.settings.eviction}: "
            + ", ".join(f"{name} {found:.3f}" for name, found in rates.items())
            + f"; {chosen} chosen, {'right' if well else 'WRONG'} "
            f"(predicted; {time.process_time() - started:.1f} s CPU)",
            flush=True,
        )
    print(f"the guardrail decided right in {right} of {args.workloads} workloads (predicted)")


if __name__ == "__main__":
    main()
