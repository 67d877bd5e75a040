"""Block references a second of CPU time through the exact block manager.

Each request is an add, a store_context and a finish of a 2,000-token prompt. A reference is one
block of one prompt. Beside it stands the time the same machine needs to only encode the prompts,
which no manager can do without. The pool holds 40 prompts, so that nearly every new block evicts
another.
"""

import random
import time

from charter_engine.kvcache import BlockManager, PoolSettings
from charter_engine.kvcache.manager.keys import encode

PROMPT_TOKENS = 2_000
REQUESTS = 1_000
POOL_PROMPTS = 40


def prompts(shared: float) -> list[list[int]]:
    """Random prompts that begin with the same share of their tokens."""
    rng = random.Random(7)
    prefix = rng.choices(range(128_000), k=int(PROMPT_TOKENS * shared))
    return [
        prefix + rng.choices(range(128_000), k=PROMPT_TOKENS - len(prefix)) for _ in range(REQUESTS)
    ]


def seconds(workload: list[list[int]], tokens_per_block: int) -> float:
    """CPU time of the whole workload."""
    manager = BlockManager(
        PoolSettings(POOL_PROMPTS * PROMPT_TOKENS // tokens_per_block, tokens_per_block)
    )
    start = time.process_time()
    for request, tokens in enumerate(workload):
        manager.add(request, tokens)
        manager.store_context(request)
        manager.finish(request)
    return time.process_time() - start


def main() -> None:
    """Print one line a workload and block size."""
    for name, shared in (("random", 0.0), ("shared prefix 90 %", 0.9)):
        workload = prompts(shared)
        start = time.process_time()
        for tokens in workload:
            encode(tokens, None)
        encoding = time.process_time() - start
        for tokens_per_block in (8, 32, 128):
            taken = seconds(workload, tokens_per_block)
            references = REQUESTS * -(-PROMPT_TOKENS // tokens_per_block)
            print(
                f"{name}, {tokens_per_block} tokens per block: "
                f"{references / taken:,.0f} references/s, "
                f"{taken / REQUESTS * 1e6:.0f} us a request, "
                f"{taken / encoding:.1f} times encoding alone (measured)"
            )


if __name__ == "__main__":
    main()
