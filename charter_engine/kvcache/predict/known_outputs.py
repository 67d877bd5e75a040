"""Instant prediction of workloads whose outputs are known: what a request generates is stored when
it ends, and a later prompt may continue it."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from charter_engine.bls.retention import Retention
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.manager.block_manager import BlockManager
from charter_engine.kvcache.manager.errors import OutOfBlocks
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.simulation import Outcome
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.kvcache.workload.content import Content


def simulate_with_outputs(
    workload: Workload, settings: PoolSettings, retention: Sequence[Retention | None] | None = None
) -> Outcome:
    """Serve the requests one after another by the block manager itself, each from start to end at
    its arrival.

    A request whose output does not fit the pool ends where the pool is full.
    """
    manager, content = BlockManager(settings), Content(workload)
    reused_tokens = np.zeros(len(workload), dtype=np.int64)
    reused_blocks = np.zeros(len(workload), dtype=np.int64)
    onboarded_blocks = np.zeros(len(workload), dtype=np.int64)
    for index, arrival in enumerate(workload.arrival_ms.tolist()):
        manager.set_time(arrival)
        manager.refresh()
        onboards = manager.counters.onboards
        try:
            admission = manager.add(
                index, content.prompt(index), retention=retention[index] if retention else None
            )
        except OutOfBlocks:
            reused_tokens[index] = -1
            continue
        reused_tokens[index] = admission.reused_tokens
        reused_blocks[index] = admission.reused_blocks
        onboarded_blocks[index] = manager.counters.onboards - onboards
        manager.store_context(index)
        with suppress(OutOfBlocks):
            manager.append(index, workload.outputs.get(index, ()))
        manager.finish(index)
    counters = manager.counters
    return Outcome(
        reused_tokens,
        reused_blocks,
        onboarded_blocks,
        counters.allocated_total,
        counters.allocated_new,
        counters.offloads,
        counters.onboards,
        counters.partial_copies,
        dict(counters.evictions_by_priority),
    )


def storing_twice(workload: Workload) -> Workload:
    """The workload with each request that has a known output followed by one of its prompt and
    output together.

    What the second of a pair reuses means nothing; it stands for what the first one stores. One
    token more follows the output, since the last token of a prompt is never stored, and that of a
    sequence is not either.
    """
    content = Content(workload)
    requests: list[WorkloadRequest] = []
    for index in range(len(workload)):
        prompt = tuple(content.prompt(index))
        output = workload.outputs.get(index, ())
        arrival = float(workload.arrival_ms[index])
        requests.append(
            WorkloadRequest(
                timestamp=arrival, input_length=len(prompt), output_length=0, token_ids=prompt
            )
        )
        sequence = prompt + tuple(output)
        requests.append(
            WorkloadRequest(
                timestamp=arrival, input_length=len(sequence), output_length=0, token_ids=sequence
            )
        )
    return as_workload(requests)
