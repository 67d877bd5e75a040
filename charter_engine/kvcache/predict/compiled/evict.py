"""Taking GPU blocks in bulk: which runs they come from, what moves to host, what is forgotten.

The order of things is that of `pool.BlockPool.allocate`: the host block to be overwritten is
picked, the victim's content takes its place at the tail of its host class, then what the host block
held is forgotten. While content is brought back from host, each GPU block taken for it leaves a
host block behind, which joins the tail of the default class before the next one is taken: such
taking is called `spaced`.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.pool import (
    Array,
    dequeue,
    drop_tail,
    enqueue,
    free_run,
    join_host,
    link_below,
    lowest,
    new_run,
    orphan_deeper,
    unlink,
)
from charter_engine.kvcache.predict.compiled.turns import take_turns


def allocate(S: Array, E: Array, Q: Array, G: Array, count: int, spaced: bool) -> None:
    """Take `count` idle GPU blocks, one after another."""
    G[at.ALLOCATED_TOTAL] += count
    while count > 0 and not G[at.OVERFLOW]:
        q = lowest(Q, G, at.GPU)
        if q == at.NONE:
            G[at.OVERFLOW] = 2
            return
        x = Q[q + at.HEAD]
        if S[x + at.KIND] == at.BLANK:
            taken = min(count, S[x + at.HIGH] - S[x + at.LOW])
            G[at.ALLOCATED_NEW] += taken
            S[x + at.HIGH] -= taken
            if spaced:
                join_host(S, Q, G, G[at.DEFAULT_CLASS], taken)
        elif G[at.LEAF_RULE]:
            taken = take_turns(S, E, Q, G, q, count, spaced)
            if not taken:
                evict_leaf(S, E, Q, G, x)
                taken = 1
                if spaced:
                    join_host(S, Q, G, G[at.DEFAULT_CLASS], 1)
                x = at.NONE
            else:
                x = at.NONE
        else:
            taken = evict_flat(S, E, Q, G, x, count, spaced)
        if x != at.NONE and S[x + at.HIGH] == S[x + at.LOW]:
            dequeue(S, Q, G, x)
            free_run(S, G, x)
        count -= taken


# Without the leaf rule every idle block is a candidate: a run goes tail first, in one piece.


def evict_flat(S: Array, E: Array, Q: Array, G: Array, x: int, count: int, spaced: bool) -> int:
    """Evict up to `count` blocks from the tail of the GPU run whose turn it is. Gives how many."""
    count = min(count, S[x + at.HIGH] - S[x + at.LOW])
    priority = S[x + at.CLASS]
    q = lowest(Q, G, at.HOST) if priority >= G[at.FLOOR_CLASS] else at.NONE
    if q == at.NONE:
        if spaced and priority >= G[at.FLOOR_CLASS]:
            # The host block left behind is one to move content to.
            count = 1
        orphan_deeper(S, E, Q, G, x)
        drop_tail(S, E, G, x, count)
        if spaced:
            join_host(S, Q, G, G[at.DEFAULT_CLASS], count)
        return int(count)
    if q // at.QUEUE_FIELDS - G[at.CLASSES] > priority:
        # What has just moved is itself picked next if the rest of the host pool has a higher
        # priority.
        count = 1
    elif Q[q + at.FRONT]:
        count = min(count, Q[q + at.FRONT])
    else:
        y = Q[q + at.HEAD]
        replaces_itself = (
            y == S[x + at.DEEPER] and not spaced and goes_on(S, Q, G, y, priority, False)
        )
        # Else each block that moves overwrites the one that moved before it.
        if not replaces_itself:
            count = min(count, (S[y + at.HIGH] - S[y + at.LOW]) * (1 + S[y + at.SPACED]))
    G[at.OFFLOADED] += count
    move_flat(S, E, Q, G, x, count, spaced)
    overwrite_flat(S, E, Q, G, q, count)
    return int(count)


def move_flat(S: Array, E: Array, Q: Array, G: Array, x: int, count: int, spaced: bool) -> None:
    """Move the last blocks of a GPU run to the tail of their host class."""
    kind, e, high, priority = S[x + at.KIND], S[x + at.EDGE], S[x + at.HIGH], S[x + at.CLASS]
    among = spaced and priority == G[at.DEFAULT_CLASS]
    below = S[x + at.DEEPER] if kind == at.FULL else at.NONE
    S[x + at.HIGH] -= count
    if kind == at.ORPHAN:
        join_host(S, Q, G, priority, count)
    elif below != at.NONE and goes_on(S, Q, G, below, priority, among):
        S[below + at.LOW] -= count
        if S[x + at.HIGH] == S[x + at.LOW]:
            unlink(S, E, x)
    else:
        moved = new_run(S, G, e, high - count, high, at.HOST, priority, kind)
        if kind == at.FULL:
            link_below(S, E, e, moved, x)
        if S[x + at.HIGH] == S[x + at.LOW]:
            unlink(S, E, x)
        if kind == at.PARTIAL:
            E[e + at.PARTIAL_RUN] = moved
        enqueue(S, Q, G, moved)
        S[moved + at.SPACED] = int(among)
    if spaced and (kind == at.ORPHAN or not among):
        join_host(S, Q, G, G[at.DEFAULT_CLASS], count)


def goes_on(S: Array, Q: Array, G: Array, below: int, priority: int, among: bool) -> bool:
    """Whether blocks that join a host class now stand right behind those of a run, spaced alike,
    and may join it."""
    last = Q[(G[at.CLASSES] + priority) * at.QUEUE_FIELDS + at.TAIL]
    return bool(
        below == last
        and S[below + at.LEVEL] == at.HOST
        and S[below + at.AFTER] == 0
        and S[below + at.SPACED] == int(among)
    )


def safe_to_restore(S: Array, Q: Array, G: Array, x: int) -> int:
    """How many of a host run's first blocks can be brought back before its last ones are
    overwritten for them."""
    length = S[x + at.HIGH] - S[x + at.LOW]
    half = (length + 1) // 2
    if G[at.LEAF_RULE]:
        return int(half)
    q = lowest(Q, G, at.HOST)
    before = Q[q + at.FRONT]
    y = Q[q + at.HEAD]
    while y not in (x, at.NONE) and before < length:
        before += S[y + at.HIGH] - S[y + at.LOW]
        y = S[y + at.NEXT]
    return int(min(length, max(half, before)))


def overwrite_flat(S: Array, E: Array, Q: Array, G: Array, q: int, count: int) -> None:
    """Use the first host blocks of a queue: those before its first run, or else some of that
    run."""
    if Q[q + at.FRONT]:
        Q[q + at.FRONT] -= count
        return
    y = Q[q + at.HEAD]
    blocks = count
    if S[y + at.SPACED]:
        blocks = (count + 1) // 2
        Q[q + at.FRONT] += 2 * blocks - count
    orphan_deeper(S, E, Q, G, y)
    drop_tail(S, E, G, y, blocks)
    if S[y + at.HIGH] == S[y + at.LOW]:
        dequeue(S, Q, G, y)
        free_run(S, G, y)


# With the leaf rule only the last block of a chain is a candidate; the one before it then queues up
# behind all others.


def evict_leaf(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """Evict the last block of the GPU run whose turn it is."""
    q = lowest(Q, G, at.HOST) if S[x + at.CLASS] >= G[at.FLOOR_CLASS] else at.NONE
    if q == at.NONE:
        turn_over(S, E, Q, G, x)
        orphan_deeper(S, E, Q, G, x)
        drop_tail(S, E, G, x, 1)
        if S[x + at.HIGH] == S[x + at.LOW]:
            free_run(S, G, x)
        return
    y = at.NONE if Q[q + at.FRONT] else Q[q + at.HEAD]
    G[at.OFFLOADED] += 1
    offload_leaf(S, E, Q, G, x)
    if y == at.NONE:
        Q[q + at.FRONT] -= 1
        return
    turn_over(S, E, Q, G, y)
    drop_tail(S, E, G, y, 1)
    if S[y + at.HIGH] == S[y + at.LOW]:
        free_run(S, G, y)


def turn_over(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """The last block of a candidate run is claimed: it leaves the queue, and the one above it may
    join at the tail."""
    dequeue(S, Q, G, x)
    if S[x + at.HIGH] - S[x + at.LOW] > 1:
        enqueue(S, Q, G, x)
    else:
        head_claimed(S, E, Q, G, x)


def head_claimed(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """The first block of a run no longer protects the block above it, which may become a
    candidate."""
    kind, level, e = S[x + at.KIND], S[x + at.LEVEL], S[x + at.EDGE]
    if kind == at.FULL and S[x + at.LOW] != E[e + at.LOW_BLOCK]:
        above = S[x + at.HIGHER]
    else:
        parent = E[e + at.ABOVE] if kind == at.FULL else E[e + at.OWNER]
        E[parent + at.IDLE_ON_GPU + level] -= 1
        if E[parent + at.IDLE_ON_GPU] or (E[parent + at.IDLE_ON_HOST] and level == at.HOST):
            return
        above = E[parent + at.LAST_RUN]
    # A block above that is in use is in no run. One on a faster level was not protected by this
    # one.
    if above != at.NONE and not S[above + at.QUEUED] and S[above + at.LEVEL] >= level:
        enqueue(S, Q, G, above)


def offload_leaf(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """Move the last block of a candidate run to host, where it may join the run below it."""
    kind, e, high = S[x + at.KIND], S[x + at.EDGE], S[x + at.HIGH]
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
        last = kind == at.FULL and high == E[e + at.HIGH_BLOCK]
        if below == at.NONE and not (last and E[e + at.IDLE_ON_HOST] > 0):
            enqueue(S, Q, G, moved)
    if alone:
        free_run(S, G, x)
