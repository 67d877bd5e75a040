"""Taking GPU blocks in bulk.

The order of things is that of `manager.pool.BlockPool.allocate`: the host block to be overwritten
is picked, the victim's content takes its place at the tail of its host class, then what the host
block held is forgotten. While content is brought back from host, each GPU block taken for it leaves
a host block behind, which joins the tail of the default class before the next one is taken: such
taking is called `spaced`.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.flat_eviction import evict_flat
from charter_engine.kvcache.predict.compiled.layout import Pool
from charter_engine.kvcache.predict.compiled.leaf_eviction import evict_leaf
from charter_engine.kvcache.predict.compiled.leaf_turns import take_turns
from charter_engine.kvcache.predict.compiled.rounds import high_of
from charter_engine.kvcache.predict.compiled.runs import dequeue, free_run, join_host, lowest


def allocate(pool: Pool, count: int, spaced: bool) -> None:
    """Take `count` idle GPU blocks, one after another."""
    runs, counters = pool.runs, pool.counters
    counters[at.ALLOCATED_TOTAL] += count
    while count > 0 and not counters[at.OVERFLOW]:
        queue = lowest(pool, at.GPU)
        if queue < 0:
            counters[at.OVERFLOW] = at.CANDIDATES
            return
        run = pool.queues[queue + at.HEAD]
        if runs[run + at.KIND] == at.BLANK:
            count -= take_blank(pool, run, count, spaced)
        elif pool.settings.leaf_rule:
            taken = take_turns(pool, queue, count, spaced)
            if not taken:
                evict_leaf(pool, run, spaced)
                taken = 1
            count -= taken
        else:
            count -= evict_flat(pool, run, count, spaced)


def take_blank(pool: Pool, run: int, count: int, spaced: bool) -> int:
    """Take up to `count` blocks that hold nothing. Gives how many."""
    runs = pool.runs
    held = high_of(pool, run) - runs[run + at.LOW]
    taken = min(count, held)
    pool.counters[at.ALLOCATED_NEW] += taken
    runs[run + at.HIGH] -= taken
    if spaced:
        join_host(pool, pool.settings.default_class, taken)
    if taken == held:
        dequeue(pool, run)
        free_run(pool, run)
    return int(taken)


def restore(pool: Pool, count: int) -> None:
    """Take GPU blocks for content in use on host; the host blocks it leaves join the tail of the
    default class."""
    pool.counters[at.ONBOARDED] += count
    allocate(pool, count, True)


def safe_to_restore(pool: Pool, run: int) -> int:
    """How many of a host run's first blocks can be brought back before its last ones are
    overwritten for them."""
    runs, queues = pool.runs, pool.queues
    length = runs[run + at.HIGH] - runs[run + at.LOW]
    half = (length + 1) // 2
    if pool.settings.leaf_rule:
        return int(half)
    queue = lowest(pool, at.HOST)
    before = queues[queue + at.FRONT]
    other = queues[queue + at.HEAD]
    while other not in (run, at.NONE) and before < length:
        before += runs[other + at.HIGH] - runs[other + at.LOW]
        other = runs[other + at.NEXT]
    return int(min(length, max(half, before)))
