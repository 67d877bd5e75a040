"""The block pool in runs: what `pool.BlockPool` does, at the work of a branch instead of that of a
block.

Consecutive blocks of one edge of the path tree (see `paths`) that were released together share
level, priority, duration and deadline, and follow one another in the order of eviction. Such a run
is one entry here; eviction takes its tail by arithmetic. One request is served at a time, and it
uses all or nothing of a run, so a run is cut only by eviction at its tail, and at its head while a
prefix is brought back from host.

Plain functions over flat arrays (`layout`): numba compiles them, and Python runs them as they
stand.
"""

from typing import Any

from charter_engine.kvcache.predict.compiled import layout as at

Array = Any
"""A one-dimensional array of whole numbers, or a list of them."""


# Runs


def new_run(
    S: Array, G: Array, edge: int, low: int, high: int, level: int, priority: int, kind: int
) -> int:
    """A run that is in no queue and no edge yet. Gives run 0 and sets OVERFLOW if there is no
    room."""
    x: int = G[at.SPARE_RUN]
    if x == at.NONE:
        G[at.OVERFLOW] = 1
        x = 0
    else:
        G[at.SPARE_RUN] = S[x + at.NEXT]
    S[x + at.EDGE] = edge
    S[x + at.LOW] = low
    S[x + at.HIGH] = high
    S[x + at.LEVEL] = level
    S[x + at.CLASS] = priority
    S[x + at.DURATION] = at.NONE
    S[x + at.SERIAL] = 0
    S[x + at.KIND] = kind
    S[x + at.QUEUED] = 0
    S[x + at.DEEPER] = at.NONE
    S[x + at.HIGHER] = at.NONE
    return x


def free_run(S: Array, G: Array, x: int) -> None:
    """Give a run back that is in no queue and no edge."""
    if x:
        S[x + at.SERIAL] = 0
        S[x + at.NEXT] = G[at.SPARE_RUN]
        G[at.SPARE_RUN] = x


def enqueue(S: Array, Q: Array, G: Array, x: int) -> None:
    """Put a run at the tail of its class."""
    q = (S[x + at.LEVEL] * G[at.CLASSES] + S[x + at.CLASS]) * at.QUEUE_FIELDS
    last = Q[q + at.TAIL]
    S[x + at.QUEUED] = 1
    S[x + at.AFTER] = 0
    S[x + at.SPACED] = 0
    S[x + at.NEXT] = at.NONE
    S[x + at.PREVIOUS] = last
    if last == at.NONE:
        Q[q + at.HEAD] = x
    else:
        S[last + at.NEXT] = x
    Q[q + at.TAIL] = x


def dequeue(S: Array, Q: Array, G: Array, x: int) -> None:
    """Take a run out of its queue. Blocks outside the tree that stood behind its own stay where
    they are."""
    q = (S[x + at.LEVEL] * G[at.CLASSES] + S[x + at.CLASS]) * at.QUEUE_FIELDS
    before, behind = S[x + at.PREVIOUS], S[x + at.NEXT]
    staying = S[x + at.AFTER] + S[x + at.SPACED] * (S[x + at.HIGH] - S[x + at.LOW])
    S[x + at.QUEUED] = 0
    if before == at.NONE:
        Q[q + at.HEAD] = behind
        Q[q + at.FRONT] += staying
    else:
        S[before + at.NEXT] = behind
        S[before + at.AFTER] += staying
    if behind == at.NONE:
        Q[q + at.TAIL] = before
    else:
        S[behind + at.PREVIOUS] = before


def lowest(Q: Array, G: Array, level: int) -> int:
    """The queue of a level from which is evicted next, or NONE if all are empty."""
    q = level * G[at.CLASSES] * at.QUEUE_FIELDS
    for _ in range(G[at.CLASSES]):
        if Q[q + at.HEAD] != at.NONE or Q[q + at.FRONT]:
            return int(q)
        q += at.QUEUE_FIELDS
    return at.NONE


def join_loose(S: Array, Q: Array, G: Array, priority: int, kind: int, count: int) -> None:
    """GPU blocks outside the tree join the tail of a class."""
    last = Q[priority * at.QUEUE_FIELDS + at.TAIL]
    if last != at.NONE and S[last + at.KIND] == kind and S[last + at.SERIAL] == 0:
        S[last + at.HIGH] += count
    else:
        enqueue(S, Q, G, new_run(S, G, at.NONE, 0, count, at.GPU, priority, kind))


def join_host(S: Array, Q: Array, G: Array, priority: int, count: int) -> None:
    """Host blocks outside the tree join the tail of a class."""
    q = (G[at.CLASSES] + priority) * at.QUEUE_FIELDS
    last = Q[q + at.TAIL]
    if last == at.NONE:
        Q[q + at.FRONT] += count
    else:
        S[last + at.AFTER] += count


# The tree


def enter(E: Array, e: int, entry: int, parent: int, start: int) -> None:
    """List a block as a child of `parent`'s last block, and under the edge it starts in, if that is
    to be searched."""
    c = e + entry
    last = E[parent + at.CHILDREN_LAST]
    E[c + at.IN_TREE] = 1
    E[c + at.CHILD_NEXT] = at.NONE
    E[c + at.CHILD_PREVIOUS] = last
    if last == at.NONE:
        E[parent + at.CHILDREN_FIRST] = c
    else:
        E[last + at.CHILD_NEXT] = c
    E[parent + at.CHILDREN_LAST] = c
    if start != at.NONE:
        last = E[start + at.STARTING_LAST]
        E[c + at.START_NEXT] = at.NONE
        E[c + at.START_PREVIOUS] = last
        if last == at.NONE:
            E[start + at.STARTING] = c
        else:
            E[last + at.START_NEXT] = c
        E[start + at.STARTING_LAST] = c


def leave(E: Array, e: int, entry: int) -> None:
    """Undo `enter`."""
    c = e + entry
    parent, start = (
        (E[e + at.ABOVE], E[e + at.HEAD_START])
        if entry == at.HEAD_ENTRY
        else (E[e + at.OWNER], E[e + at.TAIL_START])
    )
    before, behind = E[c + at.CHILD_PREVIOUS], E[c + at.CHILD_NEXT]
    E[c + at.IN_TREE] = 0
    if before == at.NONE:
        E[parent + at.CHILDREN_FIRST] = behind
    else:
        E[before + at.CHILD_NEXT] = behind
    if behind == at.NONE:
        E[parent + at.CHILDREN_LAST] = before
    else:
        E[behind + at.CHILD_PREVIOUS] = before
    if start != at.NONE:
        before, behind = E[c + at.START_PREVIOUS], E[c + at.START_NEXT]
        if before == at.NONE:
            E[start + at.STARTING] = behind
        else:
            E[before + at.START_NEXT] = behind
        if behind == at.NONE:
            E[start + at.STARTING_LAST] = before
        else:
            E[behind + at.START_PREVIOUS] = before


def link_deepest(S: Array, E: Array, e: int, x: int) -> None:
    """Add a run below all others of an edge."""
    last = E[e + at.LAST_RUN]
    S[x + at.HIGHER] = last
    S[x + at.DEEPER] = at.NONE
    if last == at.NONE:
        E[e + at.FIRST_RUN] = x
    else:
        S[last + at.DEEPER] = x
    E[e + at.LAST_RUN] = x


def link_below(S: Array, E: Array, e: int, x: int, higher: int) -> None:
    """Add a run right below another of an edge."""
    deeper = S[higher + at.DEEPER]
    if deeper == at.NONE:
        link_deepest(S, E, e, x)
        return
    S[x + at.HIGHER] = higher
    S[x + at.DEEPER] = deeper
    S[higher + at.DEEPER] = x
    S[deeper + at.HIGHER] = x


def unlink(S: Array, E: Array, x: int) -> None:
    """Take a run out of its edge; what is in no edge is left alone."""
    if S[x + at.KIND] == at.PARTIAL:
        E[S[x + at.EDGE] + at.PARTIAL_RUN] = at.NONE
    elif S[x + at.KIND] == at.FULL:
        e = S[x + at.EDGE]
        higher, deeper = S[x + at.HIGHER], S[x + at.DEEPER]
        if higher == at.NONE:
            E[e + at.FIRST_RUN] = deeper
        else:
            S[higher + at.DEEPER] = deeper
        if deeper == at.NONE:
            E[e + at.LAST_RUN] = higher
        else:
            S[deeper + at.HIGHER] = higher


def orphan(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """Take an idle run out of the tree, forgotten by eviction. Candidates stay where they are in
    the order.

    With the leaf rule only the last block can be one; the blocks it or others protected join their
    class now.
    """
    unlink(S, E, x)
    count = S[x + at.HIGH] - S[x + at.LOW]
    G[at.EVICTED + S[x + at.CLASS]] += count
    if S[x + at.LEVEL] == at.GPU:
        S[x + at.LOW] = 0
        S[x + at.HIGH] = count
        S[x + at.KIND] = at.ORPHAN
        S[x + at.EDGE] = at.NONE
        return
    staying = S[x + at.QUEUED] if G[at.LEAF_RULE] else count
    if staying:
        S[x + at.AFTER] += staying
        dequeue(S, Q, G, x)
    if staying < count:
        join_host(S, Q, G, S[x + at.CLASS], count - staying)
    free_run(S, G, x)


def orphan_below(S: Array, E: Array, Q: Array, G: Array, e: int) -> None:
    """Take everything below an edge's last block out of the tree, parents before children."""
    # Depth first without a stack: what goes is always the first child of what remains.
    top = e
    while True:
        c = E[e + at.CHILDREN_FIRST]
        if c == at.NONE:
            E[e + at.IDLE_ON_GPU] = E[e + at.IDLE_ON_HOST] = 0
            if e == top:
                return
            leave(E, e, at.HEAD_ENTRY)
            e = E[e + at.ABOVE]
        elif c % at.EDGE_FIELDS == at.PARTIAL_ENTRY:
            child = c - at.PARTIAL_ENTRY
            leave(E, child, at.PARTIAL_ENTRY)
            orphan(S, E, Q, G, E[child + at.PARTIAL_RUN])
        else:
            e = c - at.HEAD_ENTRY
            while E[e + at.FIRST_RUN] != at.NONE:
                orphan(S, E, Q, G, E[e + at.FIRST_RUN])


def orphan_deeper(S: Array, E: Array, Q: Array, G: Array, x: int) -> None:
    """Take everything below a run out of the tree, parents before children."""
    if S[x + at.KIND] != at.FULL:
        return
    while S[x + at.DEEPER] != at.NONE:
        orphan(S, E, Q, G, S[x + at.DEEPER])
    orphan_below(S, E, Q, G, S[x + at.EDGE])


def drop_tail(S: Array, E: Array, G: Array, x: int, count: int) -> None:
    """Forget the last blocks of a run; if these are all, it leaves its edge. What was below must be
    gone."""
    kind = S[x + at.KIND]
    S[x + at.HIGH] -= count
    if kind in (at.FULL, at.PARTIAL):
        G[at.EVICTED + S[x + at.CLASS]] += count
        if S[x + at.HIGH] == S[x + at.LOW]:
            e = S[x + at.EDGE]
            if kind == at.PARTIAL:
                leave(E, e, at.PARTIAL_ENTRY)
            elif S[x + at.LOW] == E[e + at.LOW_BLOCK]:
                leave(E, e, at.HEAD_ENTRY)
            unlink(S, E, x)


# Deadlines: a binary heap of (deadline, serial, run)


def push_deadline(
    S: Array, G: Array, due: Array, serials: Array, runs: Array, x: int, deadline: float
) -> None:
    """Set a run's deadline. Outdated entries are dropped when the heap is full; OVERFLOW is set if
    that is no help."""
    if G[at.DEADLINES] == len(due):
        kept = 0
        for i in range(len(due)):
            if S[runs[i] + at.SERIAL] == serials[i]:
                due[kept], serials[kept], runs[kept] = due[i], serials[i], runs[i]
                kept += 1
        G[at.DEADLINES] = kept
        for i in range(kept // 2 - 1, -1, -1):
            sift_down(G, due, serials, runs, i)
        if kept > len(due) // 2:
            G[at.OVERFLOW] = 1
            return
    G[at.LAST_SERIAL] += 1
    S[x + at.SERIAL] = G[at.LAST_SERIAL]
    i = G[at.DEADLINES]
    G[at.DEADLINES] += 1
    # A later serial never goes before an equal deadline.
    while i and due[(i - 1) // 2] > deadline:
        up = (i - 1) // 2
        due[i], serials[i], runs[i] = due[up], serials[up], runs[up]
        i = up
    due[i], serials[i], runs[i] = deadline, G[at.LAST_SERIAL], x


def sift_down(G: Array, due: Array, serials: Array, runs: Array, i: int) -> None:
    """Move an entry of the heap down to where it belongs."""
    n = G[at.DEADLINES]
    deadline, serial, x = due[i], serials[i], runs[i]
    while 2 * i + 1 < n:
        c = 2 * i + 1
        if c + 1 < n and (
            due[c + 1] < due[c] or (due[c + 1] == due[c] and serials[c + 1] < serials[c])
        ):
            c += 1
        if deadline < due[c] or (deadline == due[c] and serial < serials[c]):
            break
        due[i], serials[i], runs[i] = due[c], serials[c], runs[c]
        i = c
    due[i], serials[i], runs[i] = deadline, serial, x


def expire(
    S: Array, Q: Array, G: Array, due: Array, serials: Array, runs: Array, now: float
) -> None:
    """Let every run whose deadline has come fall to the default priority, the earliest deadline
    first."""
    while G[at.DEADLINES] and due[0] <= now:
        serial, x = serials[0], runs[0]
        n = G[at.DEADLINES] - 1
        G[at.DEADLINES] = n
        due[0], serials[0], runs[0] = due[n], serials[n], runs[n]
        sift_down(G, due, serials, runs, 0)
        if S[x + at.SERIAL] != serial:
            continue
        S[x + at.SERIAL] = 0
        queued = S[x + at.QUEUED]
        if queued:
            dequeue(S, Q, G, x)
        S[x + at.CLASS] = G[at.DEFAULT_CLASS]
        if queued:
            enqueue(S, Q, G, x)
