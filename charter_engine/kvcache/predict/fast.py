"""The fast predictor's entry: sets the arrays up for one setting, runs them, and gives what the
requests got."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.retention import DEFAULT_PRIORITY, Retention
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled import requests
from charter_engine.kvcache.workload.columns import Floats, Ints
from charter_engine.kvcache.workload.paths import PathTree

_FAR = 1 << 62


@dataclass(frozen=True)
class Outcome:
    """What each request got, and what the pool did. `reused_tokens` is -1 for a request the pool
    has no room for."""

    reused_tokens: Ints
    reused_blocks: Ints
    onboarded_blocks: Ints
    allocated_total: int
    allocated_new: int
    offloaded: int
    onboarded: int
    copied: int
    evicted_by_priority: dict[int, int]


def simulate(
    paths: PathTree,
    arrival_ms: Floats,
    input_length: Ints,
    settings: PoolSettings,
    retention: Sequence[Retention | None] | None = None,
    *,
    compiled: bool,
) -> Outcome:
    """Serve the requests one after another, each from start to end at its arrival, exactly as
    `BlockManager` would.

    `compiled` runs machine code made by numba, else the same functions run as plain Python.
    """
    asked, priorities = _Asked.of(retention, len(input_length), settings.tokens_per_block)
    classes = {priority: rank for rank, priority in enumerate(priorities)}
    edges = _edge_array(paths, settings.tokens_per_block)
    room = 4 * len(paths.parent) + 1024
    while True:
        counters = _counter_array(settings, priorities)
        queues = np.tile(np.array([at.NONE, at.NONE, 0, 0]), 2 * len(priorities))
        runs = _run_array(room, counters, queues, settings, classes[DEFAULT_PRIORITY])
        deadlines = room if asked.has_durations else 0
        results = [np.zeros(len(input_length), dtype=np.int64) for _ in range(3)]
        arrays: list[NDArray[Any]] = [
            runs,
            edges.copy(),
            queues,
            counters,
            np.zeros(3 * room, dtype=np.int64),
            np.zeros(len(paths.parent) + 1, dtype=np.int64),
            np.zeros(deadlines, dtype=np.float64),
            np.zeros(deadlines, dtype=np.int64),
            np.zeros(deadlines, dtype=np.int64),
            arrival_ms,
            input_length,
            paths.node * at.EDGE_FIELDS,
            asked.offset,
            asked.ranges(classes),
            *results,
        ]
        results, counters = _run(arrays, compiled=compiled)
        if counters[at.OVERFLOW] == 0:
            break
        if counters[at.OVERFLOW] != 1:
            raise RuntimeError("the pool ran out of candidates for eviction")
        room *= 2
    evicted = {
        p: int(counters[at.EVICTED + rank])
        for p, rank in classes.items()
        if counters[at.EVICTED + rank]
    }
    return Outcome(
        reused_tokens=results[0],
        reused_blocks=results[1],
        onboarded_blocks=results[2],
        allocated_total=int(counters[at.ALLOCATED_TOTAL]),
        allocated_new=int(counters[at.ALLOCATED_NEW]),
        offloaded=int(counters[at.OFFLOADED]),
        onboarded=int(counters[at.ONBOARDED]),
        copied=int(counters[at.COPIED]),
        evicted_by_priority=evicted,
    )


def warm_up() -> None:
    """Have the machine code compiled and on disk."""
    one = np.ones(1, dtype=np.int64)
    root = np.zeros(1, dtype=np.int64)
    simulate(PathTree(root, root, root, root), np.zeros(1), one, PoolSettings(1, 1), compiled=True)


def _run(arrays: list[NDArray[Any]], *, compiled: bool) -> tuple[list[Ints], Ints]:
    """Run the kernel; gives the three results and the counters."""
    if compiled:
        from charter_engine.kvcache.predict.compiled.compiled import serve

        serve(*arrays)
        return arrays[-3:], arrays[3]
    # Python reads lists several times as fast as arrays.
    lists = [array.tolist() for array in arrays]
    requests.serve(*lists)
    return [np.array(column, dtype=np.int64) for column in lists[-3:]], np.array(
        lists[3], dtype=np.int64
    )


@dataclass(frozen=True)
class _Asked:
    """What the requests ask for, in block numbers: first block, block after the last, priority,
    duration or NONE."""

    offset: Ints
    rows: list[tuple[int, int, int, int]]

    @classmethod
    def of(
        cls, retention: Sequence[Retention | None] | None, requests: int, size: int
    ) -> "tuple[_Asked, list[int]]":
        """The ranges of all requests, and the priorities that occur, lowest first."""
        offset = np.zeros(requests + 1, dtype=np.int64)
        rows = []
        known: dict[int, list[tuple[int, int, int, int]]] = {}
        for index, asked in enumerate(retention or ()):
            if asked is not None:
                # Many requests share one setting.
                own = known.get(id(asked))
                if own is None:
                    own = known[id(asked)] = _block_ranges(asked, size)
                rows += own
            offset[index + 1] = len(rows)
        return cls(offset, rows), sorted({row[2] for row in rows} | {DEFAULT_PRIORITY})

    @property
    def has_durations(self) -> bool:
        return any(row[3] != at.NONE for row in self.rows)

    def ranges(self, classes: dict[int, int]) -> Ints:
        return np.array(
            [(low, high, classes[p], d) for low, high, p, d in self.rows], dtype=np.int64
        ).ravel()


def _block_ranges(retention: Retention, size: int) -> list[tuple[int, int, int, int]]:
    """A block belongs to the range that holds its first token."""
    rows = []
    for asked in sorted(retention.ranges, key=lambda asked: asked.start):
        low = -(-asked.start // size)
        high = _FAR if asked.end is None else -(-asked.end // size)
        duration = at.NONE if asked.duration_ms is None else asked.duration_ms
        if high > low:
            rows.append((low, high, asked.priority, duration))
    return rows


def _edge_array(paths: PathTree, size: int) -> Ints:
    count = len(paths.parent)
    number = np.arange(count)
    low, high = paths.start // size, paths.end // size
    owner = _nearest(paths.parent, (high > low) | (number == 0))
    starts_in = _nearest(paths.parent, (high * size >= paths.start) | (number == 0))
    table = np.zeros((count, at.EDGE_FIELDS), dtype=np.int64)
    for field in (at.FIRST_RUN, at.LAST_RUN, at.PARTIAL_RUN, at.CHILDREN_FIRST, at.CHILDREN_LAST):
        table[:, field] = at.NONE
    table[:, [at.STARTING, at.STARTING_LAST]] = at.NONE
    table[:, at.PARENT] = paths.parent * at.EDGE_FIELDS
    table[:, at.END] = paths.end
    table[:, at.LOW_BLOCK] = low
    table[:, at.HIGH_BLOCK] = high
    table[:, at.OWNER] = owner * at.EDGE_FIELDS
    table[:, at.ABOVE] = owner[paths.parent] * at.EDGE_FIELDS
    straddles = (high > low) & (low * size < paths.start)
    table[:, at.HEAD_START] = np.where(straddles, starts_in[paths.parent] * at.EDGE_FIELDS, at.NONE)
    table[:, at.TAIL_START] = starts_in * at.EDGE_FIELDS
    return table.ravel()


def _nearest(parent: Ints, chosen: NDArray[np.bool_]) -> Ints:
    """For each edge the nearest chosen one on the way to the root, itself included. The root is
    chosen."""
    found: Ints = np.where(chosen, np.arange(len(parent)), parent)
    while not chosen[found].all():
        found = found[found]
    return found


def _counter_array(settings: PoolSettings, priorities: list[int]) -> Ints:
    counters = np.zeros(at.EVICTED + len(priorities), dtype=np.int64)
    counters[at.TOKENS_PER_BLOCK] = settings.tokens_per_block
    counters[at.GPU_BLOCKS] = settings.gpu_blocks
    counters[at.HOST_BLOCKS] = settings.host_blocks
    counters[at.LEAF_RULE] = settings.eviction == "leaf"
    counters[at.PARTIAL_REUSE] = settings.partial_reuse
    counters[at.COPY_ON_PARTIAL_REUSE] = settings.copy_on_partial_reuse
    counters[at.CLASSES] = len(priorities)
    counters[at.DEFAULT_CLASS] = priorities.index(DEFAULT_PRIORITY)
    counters[at.FLOOR_CLASS] = sum(
        priority < settings.offload_min_priority for priority in priorities
    )
    return counters


def _run_array(
    room: int, counters: Ints, queues: Ints, settings: PoolSettings, default_class: int
) -> Ints:
    """Room for runs. All blocks are blank at first: those of the GPU are run 1, those on host
    precede all runs."""
    runs = np.full((room, at.RUN_FIELDS), at.NONE, dtype=np.int64)
    runs[:, [at.SERIAL, at.AFTER, at.SPACED]] = 0
    runs[:-1, at.NEXT] = np.arange(1, room) * at.RUN_FIELDS
    runs[1, [at.LOW, at.HIGH, at.LEVEL, at.CLASS, at.KIND]] = (
        0,
        settings.gpu_blocks,
        at.GPU,
        default_class,
        at.BLANK,
    )
    runs[1, [at.NEXT, at.QUEUED]] = at.NONE, 1
    queues[default_class * at.QUEUE_FIELDS + at.HEAD] = at.RUN_FIELDS
    queues[default_class * at.QUEUE_FIELDS + at.TAIL] = at.RUN_FIELDS
    queues[(len(queues) // 2) + default_class * at.QUEUE_FIELDS + at.FRONT] = settings.host_blocks
    counters[at.SPARE_RUN] = 2 * at.RUN_FIELDS
    return runs.ravel()
