"""Instant prediction of workloads whose outputs are known: what a request generates is stored when
it ends, and a later prompt may continue it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from charter_engine.bls.retention import Retention
from charter_engine.kvcache.manager.block_manager import BlockManager
from charter_engine.kvcache.manager.errors import OutOfBlocks
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.releases import Releases
from charter_engine.kvcache.predict.simulation import Outcome
from charter_engine.kvcache.workload.batch import column
from charter_engine.kvcache.workload.columns import Ints, RequestColumns, Workload, WorkloadBuilder
from charter_engine.kvcache.workload.content import Content


def simulate_with_outputs(
    workload: Workload,
    settings: PoolSettings,
    retention: Sequence[Retention | None] | None = None,
    releases: Releases | None = None,
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
            manager.append(index, content.output(index))
        manager.finish(index)
        for release in releases[index] if releases else ():
            manager.truncate(content.sequence(release.request), release.keep_tokens)
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
    """The workload with each request followed by one of its prompt and output together.

    What the second of a pair reuses means nothing; it stands for what the first one stores: all but
    the last token of a sequence, as of a prompt.
    """
    lengths = np.repeat(workload.input_length, 2)
    lengths[1::2] += workload.output_length
    units = [
        held
        for index in range(len(workload))
        for held in (workload.units_of(index), _sequence(workload, index))
    ]
    builder = WorkloadBuilder()
    builder.extend(
        RequestColumns(
            arrival_ms=np.repeat(workload.arrival_ms, 2),
            input_length=lengths,
            output_length=np.zeros(len(lengths), dtype=np.int64),
            unit_tokens=np.repeat(workload.unit_tokens, 2),
            unit_count=column([len(held) for held in units]),
            units=np.concatenate((column(()), *units)),
            sessions=[workload.sessions[one] for one in np.repeat(workload.session, 2)],
        )
    )
    return builder.build()


def first_of_pairs(outcome: Outcome) -> Outcome:
    """What each request got of a workload that was served `storing_twice`."""
    return replace(
        outcome,
        reused_tokens=outcome.reused_tokens[::2],
        reused_blocks=outcome.reused_blocks[::2],
        onboarded_blocks=outcome.onboarded_blocks[::2],
    )


def _sequence(workload: Workload, index: int) -> Ints:
    """The units of a prompt and its output together; where these do not tell the output, those
    that the prompt fills."""
    units = workload.units_of(index)
    if workload.told_outputs[index]:
        return units
    output = np.array(workload.outputs.get(index, ()), dtype=np.int64)
    prompt, size = int(workload.input_length[index]), int(workload.unit_tokens[index])
    by_token = size == 1 and len(units) == prompt
    return np.concatenate((units, output)) if by_token else units[: prompt // size]
