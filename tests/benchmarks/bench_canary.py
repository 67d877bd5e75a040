"""The corruption canary against the embedded engine: faults caught, false alarms, and its cost.

Every fault is tried at every opportunity and at one in five, while other prompts press on a pool
with a host tier. Without a fault, and with answers that differ at random as on a real server,
nothing may be told.
"""

import argparse
import asyncio
import itertools
import time
from typing import get_args

from charter_engine.embedded.engine.faults import CacheFault, FaultKind
from charter_engine.servers.canary import CorruptionCanary
from tests.unit.servers.canary_targets import NoisyServer, SmallEngine, requests_to_alarm

CAUGHT_WITHIN = 1_000


def caught(kind: FaultKind, share: float, seed: int, most: int = CAUGHT_WITHIN) -> int | None:
    """As `requests_to_alarm`, with one fault in the engine."""
    engine = SmallEngine(CacheFault(kind=kind, share=share), salted=kind == "namespace", seed=seed)
    return asyncio.run(requests_to_alarm(CorruptionCanary(engine, seed=seed), most))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--healthy", type=int, default=10_000)
    args = parser.parse_args()
    print(f"canary requests until the alarm, over {args.seeds} seeds (median, most)")
    for kind, share in itertools.product(get_args(FaultKind), (1.0, 0.2)):
        counts = [caught(kind, share, seed) for seed in range(args.seeds)]
        told = sorted(count if count is not None else CAUGHT_WITHIN + 1 for count in counts)
        missed = counts.count(None)
        print(
            f"  {kind:<10} at {share:4.0%}  {told[len(told) // 2]:>5} {told[-1]:>5}"
            + (f"   not caught: {missed}" if missed else ""),
            flush=True,
        )
    print(f"false alarms in {args.healthy:,} canary requests", flush=True)
    started = time.perf_counter()
    for salted in (False, True):
        canary = CorruptionCanary(SmallEngine(salted=salted), seed=7, every_seconds=60)
        alarm = asyncio.run(requests_to_alarm(canary, args.healthy))
        print(f"  engine, salts {'on' if salted else 'off'}: {int(alarm is not None)}")
    elapsed = time.perf_counter() - started
    for share, gaps in itertools.product((0.0, 0.01, 0.05, 0.2), (0.0, 0.02)):
        alarms = sum(
            asyncio.run(
                requests_to_alarm(
                    CorruptionCanary(NoisyServer(share, gaps, seed), seed=seed), args.healthy
                )
            )
            is not None
            for seed in range(args.seeds)
        )
        how = f"{share:4.0%} of answers differ, log probabilities by {gaps}"
        print(f"  {how}: {alarms} of {args.seeds}")
    report = canary.report
    print(
        f"cost at 64 tokens a block, one round a minute: {cost(64):,} prompt tokens computed and "
        f"{report.generated_tokens_per_hour:,.0f} generated an hour ({elapsed:.0f} s for the above)"
    )


def cost(tokens_per_block: int) -> int:
    """Prompt tokens computed an hour at one round a minute, on a server that always reuses."""
    server = NoisyServer(0.0, 0.0, 1, tokens_per_block=tokens_per_block)
    canary = CorruptionCanary(server, seed=1, every_seconds=60)
    asyncio.run(requests_to_alarm(canary, 300))
    return round(canary.report.computed_tokens_per_hour or 0)


if __name__ == "__main__":
    main()
