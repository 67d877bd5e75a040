"""Taking GPU blocks in bulk: which runs they come from, what moves to host, what is forgotten.

The order of things is that of `pool.BlockPool.allocate`: the host block to be overwritten is picked, the victim's content
takes its place at the tail of its host class, then what the host block held is forgotten.
"""

# ruff: noqa: N803  (the arrays go by one capital letter)

from charter_engine.kvcache import fast_layout as at
from charter_engine.kvcache.fast_pool import (
    Array,
    dequeue,
    drop_tail,
    enqueue,
    first,
    free_run,
    join_loose,
    link_below,
    new_run,
    orphan_deeper,
    unlink,
)


def allocate(S: Array, E: Array, Q: Array, G: Array, count: int) -> None:
    """Take `count` idle GPU blocks, one after another."""
    G[at.ALLOCATED_TOTAL] += count
    while count > 0 and not G[at.OVERFLOW]:
        x = first(Q, G, at.GPU)
        if x == at.NONE:
            G[at.OVERFLOW] = 2
        elif S[x + at.KIND] == at.BLANK:
            taken = min(count, S[x + at.HIGH] - S[x + at.LOW])
            G[at.ALLOCATED_NEW] += taken
            S[x + at.HIGH] -= taken
            if S[x + at.HIGH] == S[x + at.LOW]:
                dequeue(S, Q, G, x)
                free_run(S, G, x)
            count -= taken
        elif G[at.LEAF_RULE]:
            count -= evict_leaf(S, E, Q, G, x, count)
        else:
            count -= evict_flat(S, E, Q, G, x, count)


# Without the leaf rule every idle block is a candidate: a run goes tail first, in one piece.


def evict_flat(S: Array, E: Array, Q: Array, G: Array, x: int, count: int) -> int:
    """Evict up to `count` blocks from the tail of the GPU run whose turn it is. Gives how many."""
    count = min(count, S[x + at.HIGH] - S[x + at.LOW])
    spare = first(Q, G, at.HOST) if S[x + at.CLASS] >= G[at.FLOOR_CLASS] else at.NONE
    if spare == at.NONE:
        orphan_deeper(S, E, Q, G, x)
        drop_tail(S, E, G, x, count)
    else:
        # What has just moved is itself picked next if the rest of the host pool has a higher priority.
        count = min(count, S[spare + at.HIGH] - S[spare + at.LOW]) if S[spare + at.CLASS] <= S[x + at.CLASS] else 1
        G[at.OFFLOADED] += count
        move_flat(S, E, Q, G, x, count)
        orphan_deeper(S, E, Q, G, spare)
        drop_tail(S, E, G, spare, count)
        if S[spare + at.HIGH] == S[spare + at.LOW]:
            dequeue(S, Q, G, spare)
            free_run(S, G, spare)
    if S[x + at.HIGH] == S[x + at.LOW]:
        dequeue(S, Q, G, x)
        free_run(S, G, x)
    return int(count)


def move_flat(S: Array, E: Array, Q: Array, G: Array, x: int, count: int) -> None:
    """Move the last blocks of a GPU run to the tail of their host class."""
    kind, e, high = S[x + at.KIND], S[x + at.EDGE], S[x + at.HIGH]
    if kind == at.ORPHAN:
        join_loose(S, Q, G, at.HOST, S[x + at.CLASS], at.ORPHAN, count)
        S[x + at.HIGH] -= count
        return
    moved = new_run(S, G, e, high - count, high, at.HOST, S[x + at.CLASS], kind)
    if kind == at.FULL:
        link_below(S, E, e, moved, x)
    S[x + at.HIGH] -= count
    if S[x + at.HIGH] == S[x + at.LOW]:
        unlink(S, E, x)
    if kind == at.PARTIAL:
        E[e + at.PARTIAL_RUN] = moved
    enqueue(S, Q, G, moved)


# With the leaf rule only the last block of a chain is a candidate; the one before it then queues up behind all others.


def evict_leaf(S: Array, E: Array, Q: Array, G: Array, x: int, count: int) -> int:
    """Evict blocks from the tails of the GPU runs whose turn it is, of one class. Gives how many, at most `count`."""
    if S[x + at.CLASS] >= G[at.FLOOR_CLASS] and first(Q, G, at.HOST) != at.NONE:
        offload_leaf(S, E, Q, G, x)
        return 1
    turn_over(S, E, Q, G, x)
    orphan_deeper(S, E, Q, G, x)
    drop_tail(S, E, G, x, 1)
    if S[x + at.HIGH] == S[x + at.LOW]:
        free_run(S, G, x)
    return 1


def turn_over(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """The last block of a candidate run is claimed: it leaves the queue, and the block above it may join at the tail."""
    more = S[x + at.HIGH] - S[x + at.LOW] > 1
    if S[x + at.KIND] == at.FULL or S[x + at.KIND] == at.PARTIAL:
        dequeue(S, Q, G, x)
        if more:
            enqueue(S, Q, G, x)
        else:
            head_claimed(S, E, Q, G, x)
    elif not more:
        dequeue(S, Q, G, x)


def head_claimed(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """The first block of a run no longer protects the block above it, which may become a candidate."""
    kind, level, e = S[x + at.KIND], S[x + at.LEVEL], S[x + at.EDGE]
    if kind == at.FULL and S[x + at.LOW] != E[e + at.LOW_BLOCK]:
        above = S[x + at.HIGHER]
    else:
        parent = E[e + at.ABOVE] if kind == at.FULL else E[e + at.OWNER]
        E[parent + at.IDLE_ON_GPU + level] -= 1
        if E[parent + at.IDLE_ON_GPU] or (E[parent + at.IDLE_ON_HOST] and level == at.HOST):
            return
        above = E[parent + at.LAST_RUN]
    # A block above that is in use is in no run. One on a faster level was not protected by this one.
    if above != at.NONE and not S[above + at.QUEUED] and S[above + at.LEVEL] >= level:
        enqueue(S, Q, G, above)


def offload_leaf(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """Move the last block of a candidate run to host, where it may join the run below it."""
    spare = first(Q, G, at.HOST)
    kind, e, high = S[x + at.KIND], S[x + at.EDGE], S[x + at.HIGH]
    G[at.OFFLOADED] += 1
    turn_over(S, E, Q, G, x)
    alone = high - 1 == S[x + at.LOW]
    if alone and (kind == at.PARTIAL or high - 1 == E[e + at.LOW_BLOCK]):
        parent = E[e + at.ABOVE] if kind == at.FULL else E[e + at.OWNER]
        E[parent + at.IDLE_ON_HOST] += 1
    below = S[x + at.DEEPER] if kind == at.FULL else at.NONE
    S[x + at.HIGH] -= 1
    if below != at.NONE and S[below + at.CLASS] == S[x + at.CLASS]:
        S[below + at.LOW] -= 1
        if alone:
            unlink(S, E, x)
    else:
        moved = new_run(S, G, e, high - 1, high, at.HOST, S[x + at.CLASS], kind)
        if kind == at.FULL:
            link_below(S, E, e, moved, x)
        if alone:
            unlink(S, E, x)
        if kind == at.PARTIAL:
            E[e + at.PARTIAL_RUN] = moved
        protected = below != at.NONE or (
            kind == at.FULL and high == E[e + at.HIGH_BLOCK] and E[e + at.IDLE_ON_HOST] > 0
        )
        if not protected:
            enqueue(S, Q, G, moved)
    if alone:
        free_run(S, G, x)
    turn_over(S, E, Q, G, spare)
    drop_tail(S, E, G, spare, 1)
    if S[spare + at.HIGH] == S[spare + at.LOW]:
        free_run(S, G, spare)
