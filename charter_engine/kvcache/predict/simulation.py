"""One setting on a workload, each request starting and ending at its arrival: the arrays of
`predict.compiled` set up and read."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from charter_engine.bls.retention import DEFAULT_PRIORITY, Retention
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled import serving
from charter_engine.kvcache.predict.compiled.kept import kept_code
from charter_engine.kvcache.predict.compiled.runs import enqueue
from charter_engine.kvcache.predict.releases import Releases
from charter_engine.kvcache.workload.columns import Floats, Ints
from charter_engine.kvcache.workload.path_tree import PathTree, nearest

_FAR = 1 << 62
"""Derived: behind the last block of any prompt."""


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

    @classmethod
    def of_one_tier(
        cls, reused_tokens: Ints, input_length: Ints, settings: PoolSettings, evicted: int
    ) -> "Outcome":
        """Of a pool without a host tier and without priorities, in which `evicted` blocks gave way
        to others."""
        size = settings.tokens_per_block
        reused_blocks = -(-reused_tokens.clip(0) // size)
        missed = -(-input_length // size) - reused_blocks
        taken = int(missed[reused_tokens >= 0].sum())
        return cls(
            reused_tokens=reused_tokens,
            reused_blocks=reused_blocks,
            onboarded_blocks=np.zeros(len(reused_tokens), dtype=np.int64),
            allocated_total=taken,
            allocated_new=min(taken, settings.gpu_blocks),
            offloaded=0,
            onboarded=0,
            copied=0,
            evicted_by_priority={DEFAULT_PRIORITY: evicted} if evicted else {},
        )


def simulate(
    paths: PathTree,
    arrival_ms: Floats,
    input_length: Ints,
    settings: PoolSettings,
    retention: Sequence[Retention | None] | None = None,
    releases: Releases | None = None,
    *,
    compiled: bool,
) -> Outcome:
    """Serve the requests one after another, each from start to end at its arrival, exactly as
    `BlockManager` would.

    `compiled` runs machine code made by numba, else the same functions run as plain Python.
    """
    heard = retention if settings.heeds_retention else None
    asked, priorities = _Asked.of(heard, len(input_length), settings.tokens_per_block)
    released = _Released.of(releases, paths, len(input_length))
    requests = at.Requests(
        arrival=np.ascontiguousarray(arrival_ms, dtype=np.float64),
        length=np.ascontiguousarray(input_length, dtype=np.int64),
        last_edge=paths.node * at.EDGE_FIELDS,
        ranges_offset=asked.offset,
        ranges=asked.ranges(priorities),
        releases_offset=released.offset,
        releases=released.rows,
    )
    edges = _edge_array(paths, settings.tokens_per_block)
    room = 4 * len(paths.parent) + 1024
    while True:
        arguments = _Arguments(
            pool=_empty_pool(settings, priorities, edges.copy(), room),
            deadlines=_no_deadlines(room if asked.has_durations else 0),
            requests=requests,
            served=at.Served(*(np.zeros(len(input_length), dtype=np.int64) for _ in range(3))),
            path=np.zeros(len(paths.parent) + 1, dtype=np.int64),
            notes=np.zeros(at.NOTE_FIELDS * room, dtype=np.int64),
        )
        served, counters = _run(arguments, compiled=compiled)
        if counters[at.OVERFLOW] == 0:
            return _outcome(served, counters, priorities)
        if counters[at.OVERFLOW] != at.ROOM:
            raise RuntimeError("the pool ran out of candidates for eviction")
        room *= 2


def warm_up() -> None:
    """Have the machine code made, and on disk where there is a place for it."""
    from charter_engine.kvcache.predict.compiled.loading import load

    load()


def code_is_possible() -> bool:
    """Whether machine code can be run here: numba, which makes it, comes with the extra `fast`."""
    return find_spec("numba") is not None


def code_is_kept() -> bool:
    """Whether there is machine code already. Making it takes several seconds."""
    return kept_code() is not None


class _Arguments(NamedTuple):
    """The arguments of `serving.serve`."""

    pool: at.Pool
    deadlines: at.Deadlines
    requests: at.Requests
    served: at.Served
    path: Ints
    notes: Ints


def _run(arguments: _Arguments, *, compiled: bool) -> tuple[at.Served, Ints]:
    """Serve the requests; gives what they got and the counters."""
    if compiled:
        from charter_engine.kvcache.predict.compiled.loading import serve

        serve(*arguments)
        return arguments.served, arguments.pool.counters
    # Python reads lists several times as fast as arrays.
    lists = _as_lists(arguments)
    serving.serve(*lists)
    served = at.Served(*(np.array(column, dtype=np.int64) for column in lists.served))
    return served, np.array(lists.pool.counters, dtype=np.int64)


def _as_lists(value: Any) -> Any:
    """A record with all arrays in it, however deep, as lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return type(value)(*map(_as_lists, value))
    return value


def _outcome(served: at.Served, counters: Ints, priorities: list[int]) -> Outcome:
    by_class = counters[at.EVICTED : at.EVICTED + len(priorities)]
    evicted = dict(zip(priorities, by_class.tolist(), strict=True))
    return Outcome(
        reused_tokens=served.reused_tokens,
        reused_blocks=served.reused_blocks,
        onboarded_blocks=served.onboarded_blocks,
        allocated_total=int(counters[at.ALLOCATED_TOTAL]),
        allocated_new=int(counters[at.ALLOCATED_NEW]),
        offloaded=int(counters[at.OFFLOADED]),
        onboarded=int(counters[at.ONBOARDED]),
        copied=int(counters[at.COPIED]),
        evicted_by_priority={priority: count for priority, count in evicted.items() if count},
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

    def ranges(self, priorities: list[int]) -> Ints:
        """The rows as the simulation takes them, with classes for priorities."""
        classes = {priority: rank for rank, priority in enumerate(priorities)}
        rows = [(low, high, classes[priority], ms) for low, high, priority, ms in self.rows]
        return np.array(rows, dtype=np.int64).ravel()


@dataclass(frozen=True)
class _Released:
    """What the requests release: the edge a path ends with, and the tokens that stay of it."""

    offset: Ints
    rows: Ints

    @classmethod
    def of(cls, releases: Releases | None, paths: PathTree, requests: int) -> "_Released":
        offset = np.zeros(requests + 1, dtype=np.int64)
        rows: list[int] = []
        for index in range(requests if releases else 0):
            for release in releases[index] if releases else ():
                edge = int(paths.node[release.request]) * at.EDGE_FIELDS
                rows += (edge, release.keep_tokens)
            offset[index + 1] = len(rows) // at.RELEASE_FIELDS
        return cls(offset, np.array(rows, dtype=np.int64))


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
    owner = nearest(paths.parent, (high > low) | (number == 0))
    starts_in = nearest(paths.parent, (high * size >= paths.start) | (number == 0))
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


def _empty_pool(settings: PoolSettings, priorities: list[int], edges: Ints, room: int) -> at.Pool:
    """A pool of blank blocks: those of the GPU are run 1, those on host precede all runs. There is
    room for that many runs."""
    default, classes = priorities.index(DEFAULT_PRIORITY), len(priorities)
    rounds = _rounds(settings, edges)
    counters = np.zeros(at.EVICTED + classes + classes * rounds, dtype=np.int64)
    counters[at.SPARE_RUN] = 2 * at.RUN_FIELDS
    pool = at.Pool(
        settings=at.Settings(
            tokens_per_block=settings.tokens_per_block,
            gpu_blocks=settings.usable_gpu_blocks,
            host_blocks=settings.host_blocks,
            leaf_rule=settings.eviction == "leaf",
            partial_reuse=settings.matches_parts,
            copy_on_partial_reuse=settings.copy_on_partial_reuse,
            classes=classes,
            default_class=default,
            lowest_offloaded=sum(p < settings.offload_min_priority for p in priorities),
            unfilled_first=settings.eviction == "vllm",
            blank_first=settings.frees_unstored,
            by_pages=settings.by_pages,
            rounds=rounds,
        ),
        runs=_run_array(room, settings.usable_gpu_blocks, default),
        edges=edges,
        queues=_no_queues(2 * classes),
        counters=counters,
    )
    enqueue(pool, at.RUN_FIELDS)
    pool.queues[(classes + default) * at.QUEUE_FIELDS + at.FRONT] = settings.host_blocks
    return pool


def _rounds(settings: PoolSettings, edges: Ints) -> int:
    """For how many rounds of turns the ends of runs are known beforehand: those of the longest run.
    Where turns mean more than that runs become shorter, they are not counted in rounds."""
    if settings.eviction != "leaf" or settings.host_blocks:
        return 0
    table = edges.reshape(-1, at.EDGE_FIELDS)
    return int((table[:, at.HIGH_BLOCK] - table[:, at.LOW_BLOCK]).max()) + 2


def _no_queues(count: int) -> Ints:
    queues = np.zeros((count, at.QUEUE_FIELDS), dtype=np.int64)
    queues[:, [at.HEAD, at.TAIL, at.FIRST_TURNED]] = at.NONE
    queues[:, at.ROUND] = 1
    return queues.ravel()


def _run_array(room: int, gpu_blocks: int, default_class: int) -> Ints:
    """Room for runs: run 1 is all blank blocks of the GPU, and those from 2 on are spare."""
    runs = np.full((room, at.RUN_FIELDS), at.NONE, dtype=np.int64)
    runs[:, [at.SERIAL, at.AFTER, at.SPACED]] = 0
    runs[:-1, at.NEXT] = np.arange(1, room) * at.RUN_FIELDS
    runs[1, [at.LOW, at.HIGH]] = 0, gpu_blocks
    runs[1, [at.LEVEL, at.CLASS, at.KIND]] = at.GPU, default_class, at.BLANK
    return runs.ravel()


def _no_deadlines(room: int) -> at.Deadlines:
    return at.Deadlines(
        times=np.zeros(room, dtype=np.float64),
        serials=np.zeros(room, dtype=np.int64),
        runs=np.zeros(room, dtype=np.int64),
    )
