"""Eviction without the leaf rule: every idle block is a candidate, so a run goes tail first and in
one piece."""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.layout import Pool
from charter_engine.kvcache.predict.compiled.runs import (
    class_of,
    dequeue,
    enqueue,
    free_run,
    join_host,
    lowest,
    new_run,
)
from charter_engine.kvcache.predict.compiled.tree import (
    drop_tail,
    link_below,
    orphan_deeper,
    unlink,
)


def evict_flat(pool: Pool, run: int, count: int, spaced: bool) -> int:
    """Evict up to `count` blocks from the tail of the GPU run whose turn it is. Gives how many."""
    runs, settings = pool.runs, pool.settings
    count = min(count, runs[run + at.HIGH] - runs[run + at.LOW])
    may_move = runs[run + at.CLASS] >= settings.lowest_offloaded
    host_queue = lowest(pool, at.HOST) if may_move else at.NONE
    if host_queue < 0:
        if spaced and may_move:
            # The host block left behind is one to move content to.
            count = 1
        orphan_deeper(pool, run)
        drop_tail(pool, run, count)
        if spaced:
            join_host(pool, settings.default_class, count)
    else:
        count = min(count, movable(pool, run, host_queue, spaced))
        pool.counters[at.OFFLOADED] += count
        move_tail(pool, run, count, spaced)
        overwrite(pool, host_queue, count)
    if runs[run + at.HIGH] == runs[run + at.LOW]:
        dequeue(pool, run)
        free_run(pool, run)
    return int(count)


def movable(pool: Pool, run: int, host_queue: int, spaced: bool) -> int:
    """How many of a GPU run's last blocks can move to host at once, with the effect of one by
    one."""
    runs, queues = pool.runs, pool.queues
    rank = runs[run + at.CLASS]
    if class_of(pool, host_queue) > rank:
        # What has just moved is itself picked next if the rest of the host pool has a higher
        # priority.
        return 1
    front = queues[host_queue + at.FRONT]
    if front:
        return int(front)
    victim = queues[host_queue + at.HEAD]
    is_next = victim == runs[run + at.DEEPER] and not spaced
    if is_next and continues(pool, victim, rank, False):
        # Each block that moves joins the very run it overwrites a block of.
        return int(runs[run + at.HIGH] - runs[run + at.LOW])
    # Else each block that moves overwrites the one that moved before it.
    length = runs[victim + at.HIGH] - runs[victim + at.LOW]
    return int(length * (1 + runs[victim + at.SPACED]))


def move_tail(pool: Pool, run: int, count: int, spaced: bool) -> None:
    """Move the last blocks of a GPU run to the tail of their host class."""
    runs, default = pool.runs, pool.settings.default_class
    kind, rank = runs[run + at.KIND], runs[run + at.CLASS]
    among = spaced and rank == default
    runs[run + at.HIGH] -= count
    if kind == at.ORPHAN:
        join_host(pool, rank, count)
    else:
        below = runs[run + at.DEEPER] if kind == at.FULL else at.NONE
        if below >= 0 and continues(pool, below, rank, among):
            runs[below + at.LOW] -= count
            if runs[run + at.HIGH] == runs[run + at.LOW]:
                unlink(pool, run)
        else:
            moved = split_off(pool, run, count)
            enqueue(pool, moved)
            runs[moved + at.SPACED] = int(among)
    if spaced and (kind == at.ORPHAN or not among):
        join_host(pool, default, count)


def split_off(pool: Pool, run: int, count: int) -> int:
    """The `count` blocks taken off a GPU run's tail as a host run of their own, in no queue yet."""
    runs, edges = pool.runs, pool.edges
    kind, edge, low = runs[run + at.KIND], runs[run + at.EDGE], runs[run + at.HIGH]
    moved = new_run(pool, edge, low, low + count, at.HOST, runs[run + at.CLASS], kind)
    if kind == at.FULL:
        link_below(pool, moved, run)
    if low == runs[run + at.LOW]:
        unlink(pool, run)
    if kind == at.PARTIAL:
        edges[edge + at.PARTIAL_RUN] = moved
    return moved


def continues(pool: Pool, below: int, rank: int, among: bool) -> bool:
    """Whether blocks that join a host class now stand right behind those of a run, spaced alike,
    and may join it."""
    runs = pool.runs
    last = pool.queues[(pool.settings.classes + rank) * at.QUEUE_FIELDS + at.TAIL]
    return bool(
        below == last
        and runs[below + at.LEVEL] == at.HOST
        and runs[below + at.AFTER] == 0
        and runs[below + at.SPACED] == int(among)
    )


def overwrite(pool: Pool, host_queue: int, count: int) -> None:
    """Use the first host blocks of a queue: those before its first run, or else some of that
    run."""
    runs, queues = pool.runs, pool.queues
    if queues[host_queue + at.FRONT]:
        queues[host_queue + at.FRONT] -= count
        return
    run = queues[host_queue + at.HEAD]
    blocks = count
    if runs[run + at.SPACED]:
        blocks = (count + 1) // 2
        queues[host_queue + at.FRONT] += 2 * blocks - count
    orphan_deeper(pool, run)
    drop_tail(pool, run, blocks)
    if runs[run + at.HIGH] == runs[run + at.LOW]:
        dequeue(pool, run)
        free_run(pool, run)
