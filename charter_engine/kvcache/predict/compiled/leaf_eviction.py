"""Eviction with the leaf rule, block by block: only the last one of a chain is a candidate, and the
one before it then queues up behind all others."""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.flat_eviction import split_off
from charter_engine.kvcache.predict.compiled.layout import Pool
from charter_engine.kvcache.predict.compiled.runs import (
    dequeue,
    enqueue,
    free_run,
    join_host,
    lowest,
)
from charter_engine.kvcache.predict.compiled.tree import drop_tail, orphan_deeper, unlink


def evict_leaf(pool: Pool, run: int, spaced: bool) -> None:
    """Evict the last block of the GPU run whose turn it is."""
    queues, settings = pool.queues, pool.settings
    may_move = pool.runs[run + at.CLASS] >= settings.lowest_offloaded
    host_queue = lowest(pool, at.HOST) if may_move else at.NONE
    if host_queue < 0:
        turn_over(pool, run)
        orphan_deeper(pool, run)
        drop_last(pool, run)
    else:
        # The host block to be overwritten is picked before the content that moves joins its queue.
        victim = at.NONE if queues[host_queue + at.FRONT] else queues[host_queue + at.HEAD]
        pool.counters[at.OFFLOADED] += 1
        move_last(pool, run)
        if victim < 0:
            queues[host_queue + at.FRONT] -= 1
        else:
            turn_over(pool, victim)
            drop_last(pool, victim)
    if spaced:
        join_host(pool, settings.default_class, 1)


def drop_last(pool: Pool, run: int) -> None:
    """Forget the last block of a run."""
    runs = pool.runs
    drop_tail(pool, run, 1)
    if runs[run + at.HIGH] == runs[run + at.LOW]:
        free_run(pool, run)


def turn_over(pool: Pool, run: int) -> None:
    """The last block of a candidate run is claimed: it leaves the queue, and the one above it may
    join at the tail."""
    runs = pool.runs
    dequeue(pool, run)
    if runs[run + at.HIGH] - runs[run + at.LOW] > 1:
        enqueue(pool, run)
    else:
        head_claimed(pool, run)


def head_claimed(pool: Pool, run: int) -> None:
    """The first block of a run no longer protects the block above it, which may become a
    candidate."""
    runs, edges = pool.runs, pool.edges
    kind, level, edge = runs[run + at.KIND], runs[run + at.LEVEL], runs[run + at.EDGE]
    if kind == at.FULL and runs[run + at.LOW] != edges[edge + at.LOW_BLOCK]:
        above = runs[run + at.HIGHER]
    else:
        parent = edges[edge + at.ABOVE] if kind == at.FULL else edges[edge + at.OWNER]
        edges[parent + at.IDLE_ON_GPU + level] -= 1
        idle_on_host = edges[parent + at.IDLE_ON_HOST]
        if edges[parent + at.IDLE_ON_GPU] or (idle_on_host and level == at.HOST):
            return
        above = edges[parent + at.LAST_RUN]
    # A block above that is in use is in no run. One on a faster level was not protected by this
    # one.
    if above >= 0 and not runs[above + at.QUEUED] and runs[above + at.LEVEL] >= level:
        enqueue(pool, above)


def move_last(pool: Pool, run: int) -> None:
    """Move the last block of a candidate run to host, where it may join the run below it."""
    runs, edges = pool.runs, pool.edges
    kind, edge, high = runs[run + at.KIND], runs[run + at.EDGE], runs[run + at.HIGH]
    turn_over(pool, run)
    alone = high - 1 == runs[run + at.LOW]
    if alone and (kind == at.PARTIAL or high - 1 == edges[edge + at.LOW_BLOCK]):
        parent = edges[edge + at.ABOVE] if kind == at.FULL else edges[edge + at.OWNER]
        edges[parent + at.IDLE_ON_HOST] += 1
    below = runs[run + at.DEEPER] if kind == at.FULL else at.NONE
    runs[run + at.HIGH] -= 1
    if below >= 0 and runs[below + at.CLASS] == runs[run + at.CLASS]:
        runs[below + at.LOW] -= 1
        if alone:
            unlink(pool, run)
    else:
        moved = split_off(pool, run, 1)
        last = kind == at.FULL and high == edges[edge + at.HIGH_BLOCK]
        if below < 0 and not (last and edges[edge + at.IDLE_ON_HOST] > 0):
            enqueue(pool, moved)
    if alone:
        free_run(pool, run)
