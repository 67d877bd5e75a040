"""Chains of requests as tool-calling agents make them: every prompt is the last one and what came
since, and chains of several agents are under way at once."""

import numpy as np

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import Workload, as_workload

BLOCK_TOKENS = 64
SYSTEM_BLOCKS = 40
"""The head that all chains of an agent share: its rules and its tools."""


def chains(count: int, at_once: int, seed: int, *, agents: int = 2, turns: int = 24) -> Workload:
    """`count` chains of about `turns` requests, `at_once` of them at any time.

    A tool takes some seconds, the customer whom the agent talks to longer; a chain that ends makes
    room for the next.
    """
    random = np.random.default_rng(seed)
    free_at = random.uniform(0, 60, at_once)
    requests = []
    for chain in range(count):
        place = int(np.argmin(free_at))
        now = float(free_at[place])
        agent = chain % agents
        ids = [agent * SYSTEM_BLOCKS + block for block in range(SYSTEM_BLOCKS)]
        own = 1_000 + 10_000 * chain
        for _ in range(max(3, int(random.poisson(turns)))):
            grown = int(random.integers(1, 12))
            ids += range(own, own + grown)
            own += grown
            tool = random.random() < 0.6
            requests.append(
                WorkloadRequest(
                    timestamp=now * 1000,
                    input_length=BLOCK_TOKENS * len(ids),
                    output_length=40 if tool else 160,
                    hash_ids=tuple(ids),
                    block_tokens=BLOCK_TOKENS,
                    node=f"agent {agent}",
                    session=f"{seed}-{chain}",
                    served_ms=1_000.0 + 10.0 * (40 if tool else 160),
                )
            )
            now += random.lognormal(1.2, 0.5) if tool else random.lognormal(3.0, 0.6)
        free_at[place] = now
    return as_workload(sorted(requests, key=lambda request: request.timestamp))
