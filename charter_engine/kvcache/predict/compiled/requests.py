"""Serving requests one at a time with a pool in runs: match, take, enter, release, as
`manager.BlockManager` does.

Each request starts and ends at its arrival. Between two requests every block is idle, and a request
uses the whole of every edge of its path, which is what makes runs enough.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.evict import allocate, safe_to_restore
from charter_engine.kvcache.predict.compiled.pool import (
    Array,
    dequeue,
    enqueue,
    enter,
    expire,
    free_run,
    join_loose,
    leave,
    new_run,
    push_deadline,
    unlink,
)

NOTE_FIELDS = 3
"""A note tells what becomes of the request's next blocks: the number of the block after them,
class, duration."""

RANGE_FIELDS = 4
"""A range of what a request asks for: first block, block after the last, class, duration."""


def serve(
    S: Array,
    E: Array,
    Q: Array,
    G: Array,
    N: Array,
    P: Array,
    due: Array,
    serials: Array,
    runs: Array,
    arrival: Array,
    length: Array,
    node: Array,
    range_offset: Array,
    ranges: Array,
    reused_tokens: Array,
    reused_blocks: Array,
    onboarded: Array,
) -> None:
    """Serve all requests; `node` is the edge each one's path ends with. Fills the last three, one
    number a request.

    A request that does not fit into the pool gets -1 reused tokens. Stops at once when an array is
    too short: OVERFLOW.
    """
    size = G[at.TOKENS_PER_BLOCK]
    for r in range(len(length)):
        expire(S, Q, G, due, serials, runs, arrival[r])
        count = -(-length[r] // size)
        if count > G[at.GPU_BLOCKS]:
            reused_tokens[r] = -1
            continue
        depth = 0
        e = node[r]
        while e != 0:
            P[depth] = e
            E[e + at.MARK] = r + 1
            depth += 1
            e = E[e + at.PARENT]
        G[at.NOTES] = 0
        G[at.NEXT_RANGE] = range_offset[r]
        restored = G[at.ONBOARDED]
        stop = range_offset[r + 1]
        tokens, block = match(S, E, Q, G, N, P, ranges, stop, depth, r + 1, length[r] - 1)
        reused_tokens[r] = tokens
        reused_blocks[r] = block
        if block < count:
            allocate(S, E, Q, G, count - block, False)
            note(N, G, ranges, stop, block, count, G[at.DEFAULT_CLASS])
        onboarded[r] = G[at.ONBOARDED] - restored
        enter_path(E, P, depth, (length[r] - 1) % size)
        release_path(S, E, Q, G, N, P, due, serials, runs, depth, length[r] - 1, count, arrival[r])
        if G[at.OVERFLOW]:
            return


def match(
    S: Array,
    E: Array,
    Q: Array,
    G: Array,
    N: Array,
    P: Array,
    ranges: Array,
    stop: int,
    depth: int,
    mark: int,
    wanted: int,
) -> tuple[int, int]:
    """Match the first `wanted` tokens of a path, left to right, restoring what is on host. Gives
    tokens and blocks."""
    size = G[at.TOKENS_PER_BLOCK]
    block = 0
    for i in range(depth - 1, -1, -1):
        e = P[i]
        while block < E[e + at.HIGH_BLOCK]:
            x = E[e + at.FIRST_RUN]
            if x == at.NONE or S[x + at.LOW] != block:
                start = E[e + at.HEAD_START] if block == E[e + at.LOW_BLOCK] else at.NONE
                end = (block + 1) * size
                return match_part(S, E, Q, G, N, ranges, stop, mark, start, e, block, end)
            if S[x + at.LEVEL] == at.GPU:
                high = S[x + at.HIGH]
                note(N, G, ranges, stop, block, high, S[x + at.CLASS])
                claim(S, E, Q, G, x)
                block = high
            else:
                count = safe_to_restore(S, Q, G, x)
                note(N, G, ranges, stop, block, block + count, S[x + at.CLASS])
                restore_head(S, E, Q, G, x, count)
                block += count
    if wanted > block * size:
        e = P[0]
        if E[e + at.PARTIAL_ENTRY + at.IN_TREE]:
            take_over(S, E, Q, G, N, ranges, stop, e + at.PARTIAL_ENTRY, block)
            return wanted, block + 1
        return match_part(S, E, Q, G, N, ranges, stop, mark, E[e + at.TAIL_START], e, block, wanted)
    return block * size, block


def match_part(
    S: Array,
    E: Array,
    Q: Array,
    G: Array,
    N: Array,
    ranges: Array,
    stop: int,
    mark: int,
    start: int,
    key_edge: int,
    block: int,
    end: int,
) -> tuple[int, int]:
    """Use the longest common run a block in the tree has with the next one. Gives all tokens and
    blocks matched."""
    done = block * G[at.TOKENS_PER_BLOCK]
    if start == at.NONE or not G[at.PARTIAL_REUSE]:
        return done, block
    c, run = closest(S, E, G, mark, start, key_edge, done, end)
    if c == at.NONE:
        return done, block
    if has_children(S, E, c):
        x = E[c - at.HEAD_ENTRY + at.FIRST_RUN]
        add_note(N, G, block + 1, S[x + at.CLASS], S[x + at.DURATION])
        G[at.COPIED] += 1
        allocate(S, E, Q, G, 1, False)
    else:
        take_over(S, E, Q, G, N, ranges, stop, c, block)
    return done + run, block + 1


def closest(
    S: Array, E: Array, G: Array, mark: int, start: int, key_edge: int, done: int, end: int
) -> tuple[int, int]:
    """The entry with the longest common run with a key among the blocks that start in an edge, and
    that run.

    Of several with the longest run the one that entered first is given, as `tree.ReuseTree.closest`
    does.
    """
    lower, higher = at.NONE, at.NONE
    c = E[start + at.STARTING]
    while c != at.NONE:
        e = c - c % at.EDGE_FIELDS
        if G[at.COPY_ON_PARTIAL_REUSE] or not has_children(S, E, c):
            if lower < e < key_edge:
                lower = e
            elif key_edge < e and (higher == at.NONE or e < higher):
                higher = e
        c = E[c + at.START_NEXT]
    # Edges are numbered in the order of content: nobody has more in common with a key than its
    # neighbours.
    depth = 0
    if lower != at.NONE:
        depth = shared_depth(E, lower, mark)
    if higher != at.NONE:
        depth = max(depth, shared_depth(E, higher, mark))
    if min(depth, end) <= done:
        return at.NONE, 0
    c = E[start + at.STARTING]
    while shared_depth(E, c - c % at.EDGE_FIELDS, mark) < depth or not (
        G[at.COPY_ON_PARTIAL_REUSE] or not has_children(S, E, c)
    ):
        c = E[c + at.START_NEXT]
    return c, min(depth, end) - done


def shared_depth(E: Array, e: int, mark: int) -> int:
    """Where the path to an edge leaves the marked path, in tokens."""
    while e != 0 and E[e + at.MARK] != mark:
        e = E[e + at.PARENT]
    depth: int = E[e + at.END]
    return depth


def has_children(S: Array, E: Array, c: int) -> bool:
    """Whether anything in the tree continues the block of an entry."""
    if c % at.EDGE_FIELDS == at.PARTIAL_ENTRY:
        return False
    e = c - at.HEAD_ENTRY
    x = E[e + at.FIRST_RUN]
    alone = S[x + at.HIGH] - S[x + at.LOW] == 1 and S[x + at.DEEPER] == at.NONE
    return not alone or E[e + at.CHILDREN_FIRST] != at.NONE


def claim(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """Put all of an idle run to use: until it is released it is in no run."""
    if S[x + at.QUEUED]:
        dequeue(S, Q, G, x)
    head_in_use(S, E, x)
    unlink(S, E, x)
    free_run(S, G, x)


def head_in_use(S: Array, E: Array, x: int) -> None:
    """If a run begins its edge, its first block is no longer an idle child. Its parent is in use,
    or the root."""
    e = S[x + at.EDGE]
    if S[x + at.KIND] == at.PARTIAL:
        E[E[e + at.OWNER] + at.IDLE_ON_GPU + S[x + at.LEVEL]] -= 1
    elif S[x + at.LOW] == E[e + at.LOW_BLOCK]:
        E[E[e + at.ABOVE] + at.IDLE_ON_GPU + S[x + at.LEVEL]] -= 1


def restore_head(S: Array, E: Array, Q: Array, G: Array, x: int, count: int) -> None:
    """Bring the first blocks of a host run back to the GPU, into use."""
    if S[x + at.HIGH] - S[x + at.LOW] == count:
        claim(S, E, Q, G, x)
    else:
        head_in_use(S, E, x)
        S[x + at.LOW] += count
        S[x + at.AFTER] += S[x + at.SPACED] * count
    restore(S, E, Q, G, count)


def restore(S: Array, E: Array, Q: Array, G: Array, count: int) -> None:
    """Take GPU blocks for content in use on host; the host blocks it leaves join the tail of the
    default class."""
    G[at.ONBOARDED] += count
    allocate(S, E, Q, G, count, True)


def take_over(
    S: Array, E: Array, Q: Array, G: Array, N: Array, ranges: Array, stop: int, c: int, block: int
) -> None:
    """Take a matched block without children out of the tree, for the request to fill."""
    entry = c % at.EDGE_FIELDS
    e = c - entry
    x = E[e + at.PARTIAL_RUN] if entry == at.PARTIAL_ENTRY else E[e + at.FIRST_RUN]
    level = S[x + at.LEVEL]
    note(N, G, ranges, stop, block, block + 1, S[x + at.CLASS])
    claim(S, E, Q, G, x)
    leave(E, e, entry)
    if level == at.HOST:
        restore(S, E, Q, G, 1)


# What becomes of the request's blocks


def note(N: Array, G: Array, ranges: Array, stop: int, block: int, high: int, kept: int) -> None:
    """Note for the blocks up to `high` what the request asks for them; where it asks nothing, the
    class `kept`."""
    while block < high:
        i = G[at.NEXT_RANGE] * RANGE_FIELDS
        while i < stop * RANGE_FIELDS and ranges[i + 1] <= block:
            i += RANGE_FIELDS
        G[at.NEXT_RANGE] = i // RANGE_FIELDS
        if i == stop * RANGE_FIELDS or ranges[i] >= high:
            add_note(N, G, high, kept, at.NONE)
            return
        if ranges[i] > block:
            block = ranges[i]
            add_note(N, G, block, kept, at.NONE)
        block = min(high, ranges[i + 1])
        add_note(N, G, block, ranges[i + 2], ranges[i + 3])


def add_note(N: Array, G: Array, high: int, priority: int, duration: int) -> None:
    """Add blocks up to `high` to the last note if they are alike, else add a note."""
    n = G[at.NOTES]
    if n and N[n - 2] == priority and N[n - 1] == duration:
        N[n - 3] = high
        return
    if n + NOTE_FIELDS > len(N):
        G[at.OVERFLOW] = 1
        return
    N[n], N[n + 1], N[n + 2] = high, priority, duration
    G[at.NOTES] = n + NOTE_FIELDS


def enter_path(E: Array, P: Array, depth: int, part: int) -> None:
    """Enter all blocks of a path that are not in the tree yet, from the top."""
    for i in range(depth - 1, -1, -1):
        e = P[i]
        if E[e + at.HIGH_BLOCK] > E[e + at.LOW_BLOCK] and not E[e + at.HEAD_ENTRY + at.IN_TREE]:
            enter(E, e, at.HEAD_ENTRY, E[e + at.ABOVE], E[e + at.HEAD_START])
    if part and not E[P[0] + at.PARTIAL_ENTRY + at.IN_TREE]:
        enter(E, P[0], at.PARTIAL_ENTRY, E[P[0] + at.OWNER], E[P[0] + at.TAIL_START])


def release_path(
    S: Array,
    E: Array,
    Q: Array,
    G: Array,
    N: Array,
    P: Array,
    due: Array,
    serials: Array,
    runs: Array,
    depth: int,
    stored: int,
    count: int,
    now: float,
) -> None:
    """Release a request's blocks, the last one first."""
    full, part = stored // G[at.TOKENS_PER_BLOCK], stored % G[at.TOKENS_PER_BLOCK]
    n = G[at.NOTES]
    if count > full + (part > 0):
        release(S, E, Q, G, due, serials, runs, at.NONE, 0, 1, at.BLANK, N[n - 2], N[n - 1], now)
    if part:
        while n > NOTE_FIELDS and N[n - 6] > full:
            n -= NOTE_FIELDS
        release(
            S,
            E,
            Q,
            G,
            due,
            serials,
            runs,
            P[0],
            full,
            full + 1,
            at.PARTIAL,
            N[n - 2],
            N[n - 1],
            now,
        )
    for i in range(depth):
        e = P[i]
        high = E[e + at.HIGH_BLOCK]
        while high > E[e + at.LOW_BLOCK]:
            while n > NOTE_FIELDS and N[n - 6] >= high:
                n -= NOTE_FIELDS
            low = E[e + at.LOW_BLOCK]
            if n > NOTE_FIELDS and N[n - 6] > low:
                low = N[n - 6]
            release(S, E, Q, G, due, serials, runs, e, low, high, at.FULL, N[n - 2], N[n - 1], now)
            high = low


def release(
    S: Array,
    E: Array,
    Q: Array,
    G: Array,
    due: Array,
    serials: Array,
    runs: Array,
    e: int,
    low: int,
    high: int,
    kind: int,
    priority: int,
    duration: int,
    now: float,
) -> None:
    """Blocks of one kind become idle on the GPU, the last one first, after all that is below
    them."""
    expires = duration != at.NONE and priority != G[at.DEFAULT_CLASS]
    if kind == at.BLANK and not expires:
        join_loose(S, Q, G, priority, kind, high - low)
        return
    x = new_run(S, G, e, low, high, at.GPU, priority, kind)
    S[x + at.DURATION] = duration
    protected = False
    if kind == at.PARTIAL:
        E[e + at.PARTIAL_RUN] = x
        E[E[e + at.OWNER] + at.IDLE_ON_GPU] += 1
    elif kind == at.FULL:
        deeper = E[e + at.FIRST_RUN]
        protected = deeper != at.NONE or (
            high == E[e + at.HIGH_BLOCK] and E[e + at.IDLE_ON_GPU] > 0
        )
        S[x + at.DEEPER] = deeper
        E[e + at.FIRST_RUN] = x
        if deeper == at.NONE:
            E[e + at.LAST_RUN] = x
        else:
            S[deeper + at.HIGHER] = x
        if low == E[e + at.LOW_BLOCK]:
            E[E[e + at.ABOVE] + at.IDLE_ON_GPU] += 1
    if not (protected and G[at.LEAF_RULE]):
        enqueue(S, Q, G, x)
    if expires:
        push_deadline(S, G, due, serials, runs, x, now + duration)
