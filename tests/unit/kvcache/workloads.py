"""Small random workloads that grow, branch and return as conversations do, and settings that make
pools scarce."""

from dataclasses import replace
from random import Random

import numpy as np

from charter_engine.contracts.pool import Eviction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import BlockManager, OutOfBlocks, PoolSettings, Retention, TokenRange
from charter_engine.kvcache.predict.releases import Released, Releases
from charter_engine.kvcache.predict.simulation import Outcome
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.kvcache.workload.content import Content
from charter_engine.kvcache.workload.path_tree import PathTree

PRIORITIES = (0, 10, 29, 30, 35, 35, 36, 80, 100)


def random_workload(rng: Random) -> Workload:
    """Prompts of tokens, of prefix blocks whose last one may be partial, or of blocks with a tail
    nobody else has."""
    kind = rng.choice(("tokens", "blocks", "blocks with tails"))
    unit = 1 if kind == "tokens" else rng.choice((4, 6, 16, 64))
    fresh = iter(range(100, 1_000_000))
    known: list[list[int]] = [[]]
    requests = []
    now = 0.0
    for _ in range(rng.randint(2, 50)):
        units = list(rng.choice(known))
        if rng.random() < 0.5:
            units = units[: rng.randint(0, len(units))]
        grown = rng.randint(0, 20 if kind == "tokens" else 4)
        units += [rng.randint(0, 3) if kind == "tokens" else next(fresh) for _ in range(grown)]
        units = units[:60] or [next(fresh)]
        known.append(units)
        now += rng.choice((0, 0, 1, 3.5, 20, 60))
        length = len(units) * unit
        if kind == "blocks" and rng.random() < 0.5:
            length -= rng.randrange(unit)
        if kind == "blocks with tails":
            length += rng.randrange(unit)
        by_token = kind == "tokens"
        requests.append(
            WorkloadRequest(
                timestamp=now,
                input_length=length,
                output_length=rng.randint(0, 3 * unit),
                token_ids=tuple(units) if by_token else (),
                hash_ids=() if by_token else tuple(units),
                block_tokens=512 if by_token else unit,
            )
        )
    return as_workload(requests)


def in_sessions(rng: Random, workload: Workload) -> Workload:
    """The workload with each request in one of two sessions, or in none."""
    numbers = np.array([rng.randint(0, 2) for _ in range(len(workload))], dtype=np.int64)
    return replace(workload, session=numbers, sessions=("", "one", "other"))


def aligned_workload(rng: Random) -> Workload:
    """Prompts of whole blocks of 8 tokens and one token more, so that all of their blocks can be
    reused."""
    known: list[list[int]] = [[]]
    requests = []
    for at in range(rng.randint(2, 40)):
        units = list(rng.choice(known))
        units = units[: rng.randint(0, len(units))] + [
            1000 * at + i for i in range(rng.randint(0, 3))
        ]
        known.append(units := units or [at])
        requests.append(
            WorkloadRequest(
                timestamp=at,
                input_length=len(units) * 8 + 1,
                output_length=0,
                hash_ids=tuple(units),
                block_tokens=8,
            )
        )
    return as_workload(requests)


def random_settings(rng: Random, workload: Workload) -> PoolSettings:
    """A pool that is scarce for the workload, of either line, with and without a host tier."""
    size = rng.choice((1, 2, 3, 4, 8, 16, 32, 100))
    longest = -(-int(workload.input_length.max()) // size)
    eviction: Eviction = rng.choice(("leaf", "leaf", "leaf", "flat", "flat", "v2", "vllm"))
    host_blocks = int(longest * rng.choice((0, 0, 0.1, 0.5, 1, 3))) + rng.choice((0, 0, 1))
    return PoolSettings(
        gpu_blocks=max(2, int(longest * rng.choice((0.8, 1, 1, 1.3, 2, 4)))),
        tokens_per_block=size,
        host_blocks=0 if eviction == "vllm" else host_blocks,
        partial_reuse=rng.random() < 0.8,
        copy_on_partial_reuse=rng.random() < 0.7,
        offload_min_priority=rng.choice((0, 30, 30, 36)),
        eviction=eviction,
    )


def random_retention(rng: Random, workload: Workload) -> list[Retention | None] | None:
    """Up to three ranges a request; some ask for nothing."""
    if rng.random() < 0.3:
        return None
    return [
        None if rng.random() < 0.3 else _ranges(rng, int(length))
        for length in workload.input_length
    ]


def _ranges(rng: Random, length: int) -> Retention:
    ranges = []
    start = 0
    for _ in range(rng.randint(0, 3)):
        start += rng.randint(0, length // 3)
        end = start + rng.randint(1, length)
        is_open = rng.random() < 0.3
        ranges.append(
            TokenRange(
                start,
                None if is_open else end,
                rng.choice(PRIORITIES),
                rng.choice((None, None, 0, 3, 10, 100)),
            )
        )
        start = end
        if is_open:
            break
    return Retention(tuple(ranges))


def random_releases(rng: Random, paths: PathTree) -> Releases | None:
    """Some requests release ends of what they or earlier ones came with, from where an edge ends
    on."""
    if rng.random() < 0.5:
        return None
    found: list[tuple[Released, ...]] = []
    for request in range(len(paths.node)):
        released = rng.randint(0, request)
        kept = [0, *(int(paths.end[edge]) for edge in paths.path(released))]
        own = (Released(released, rng.choice(kept)),) if rng.random() < 0.4 else ()
        found.append(own)
    return found


def by_block_manager(
    workload: Workload,
    settings: PoolSettings,
    retention: list[Retention | None] | None,
    releases: Releases | None = None,
) -> Outcome:
    """What the block manager itself gives when each request starts and ends at its arrival."""
    manager, content = BlockManager(settings), Content(workload)
    reused_tokens, reused_blocks, onboarded = [], [], []
    for index in range(len(workload)):
        manager.set_time(float(workload.arrival_ms[index]))
        manager.refresh()
        before = manager.counters.onboards
        try:
            asked = retention[index] if retention else None
            admission = manager.add(index, content.prompt(index), retention=asked)
        except OutOfBlocks:
            reused_tokens.append(-1)
            reused_blocks.append(0)
            onboarded.append(0)
            continue
        manager.store_context(index)
        manager.finish(index)
        for release in releases[index] if releases else ():
            manager.truncate(content.prompt(release.request), release.keep_tokens)
        reused_tokens.append(admission.reused_tokens)
        reused_blocks.append(admission.reused_blocks)
        onboarded.append(manager.counters.onboards - before)
    counters = manager.counters
    return Outcome(
        reused_tokens=reused_tokens,  # type: ignore[arg-type]
        reused_blocks=reused_blocks,  # type: ignore[arg-type]
        onboarded_blocks=onboarded,  # type: ignore[arg-type]
        allocated_total=counters.allocated_total,
        allocated_new=counters.allocated_new,
        offloaded=counters.offloads,
        onboarded=counters.onboards,
        copied=counters.partial_copies,
        evicted_by_priority={
            p: count for p, count in counters.evictions_by_priority.items() if count
        },
    )


def as_lists(outcome: Outcome) -> dict[str, object]:
    """An outcome as values that compare."""
    return {
        name: list(value) if hasattr(value, "__len__") and not isinstance(value, dict) else value
        for name, value in vars(outcome).items()
    }
