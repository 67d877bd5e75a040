"""The tree in runs: what is entered, what leaves, and what goes with it.

What `manager.tree.ReuseTree` and the forgetting of `manager.pool.BlockPool` do block by block. Only
the first full block and the partly filled block of an edge have entries, since only they can have
siblings.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.layout import Array, Pool
from charter_engine.kvcache.predict.compiled.runs import (
    dequeue,
    enqueue,
    free_run,
    join_host,
    new_run,
)


def enter(edges: Array, entry: int, parent: int, start: int) -> None:
    """List a block as a child of `parent`'s last block, and under the edge it starts in, if that is
    to be searched."""
    last = edges[parent + at.CHILDREN_LAST]
    edges[entry + at.IN_TREE] = 1
    edges[entry + at.CHILD_NEXT] = at.NONE
    edges[entry + at.CHILD_PREVIOUS] = last
    if last < 0:
        edges[parent + at.CHILDREN_FIRST] = entry
    else:
        edges[last + at.CHILD_NEXT] = entry
    edges[parent + at.CHILDREN_LAST] = entry
    if start < 0:
        return
    last = edges[start + at.STARTING_LAST]
    edges[entry + at.START_NEXT] = at.NONE
    edges[entry + at.START_PREVIOUS] = last
    if last < 0:
        edges[start + at.STARTING] = entry
    else:
        edges[last + at.START_NEXT] = entry
    edges[start + at.STARTING_LAST] = entry


def leave(edges: Array, edge: int, kind: int) -> None:
    """Undo `enter` for an edge's HEAD_ENTRY or PARTIAL_ENTRY."""
    entry = edge + kind
    if kind == at.HEAD_ENTRY:
        parent, start = edges[edge + at.ABOVE], edges[edge + at.HEAD_START]
    else:
        parent, start = edges[edge + at.OWNER], edges[edge + at.TAIL_START]
    edges[entry + at.IN_TREE] = 0
    before, behind = edges[entry + at.CHILD_PREVIOUS], edges[entry + at.CHILD_NEXT]
    if before < 0:
        edges[parent + at.CHILDREN_FIRST] = behind
    else:
        edges[before + at.CHILD_NEXT] = behind
    if behind < 0:
        edges[parent + at.CHILDREN_LAST] = before
    else:
        edges[behind + at.CHILD_PREVIOUS] = before
    if start < 0:
        return
    before, behind = edges[entry + at.START_PREVIOUS], edges[entry + at.START_NEXT]
    if before < 0:
        edges[start + at.STARTING] = behind
    else:
        edges[before + at.START_NEXT] = behind
    if behind < 0:
        edges[start + at.STARTING_LAST] = before
    else:
        edges[behind + at.START_PREVIOUS] = before


def link_highest(pool: Pool, edge: int, run: int) -> None:
    """Add a run above all others of an edge."""
    runs, edges = pool.runs, pool.edges
    deeper = edges[edge + at.FIRST_RUN]
    runs[run + at.DEEPER] = deeper
    edges[edge + at.FIRST_RUN] = run
    if deeper < 0:
        edges[edge + at.LAST_RUN] = run
    else:
        runs[deeper + at.HIGHER] = run


def become_idle(pool: Pool, edge: int, low: int, high: int, rank: int, kind: int) -> int:
    """Blocks of the tree, or outside it, that were in use are an idle run on the GPU, which joins
    its class after all others unless others protect it. Gives the run."""
    edges = pool.edges
    run = new_run(pool, edge, low, high, at.GPU, rank, kind)
    protected = False
    if kind == at.PARTIAL:
        edges[edge + at.PARTIAL_RUN] = run
        edges[edges[edge + at.OWNER] + at.IDLE_ON_GPU] += 1
    elif kind == at.FULL:
        is_last = high == edges[edge + at.HIGH_BLOCK]
        protected = edges[edge + at.FIRST_RUN] >= 0 or (
            is_last and edges[edge + at.IDLE_ON_GPU] > 0
        )
        link_highest(pool, edge, run)
        if low == edges[edge + at.LOW_BLOCK]:
            edges[edges[edge + at.ABOVE] + at.IDLE_ON_GPU] += 1
    if not (protected and pool.settings.leaf_rule):
        enqueue(pool, run)
    return run


def link_below(pool: Pool, run: int, higher: int) -> None:
    """Add a run to its edge, right below another."""
    runs, edges = pool.runs, pool.edges
    deeper = runs[higher + at.DEEPER]
    runs[run + at.HIGHER] = higher
    runs[run + at.DEEPER] = deeper
    runs[higher + at.DEEPER] = run
    if deeper < 0:
        edges[runs[run + at.EDGE] + at.LAST_RUN] = run
    else:
        runs[deeper + at.HIGHER] = run


def unlink(pool: Pool, run: int) -> None:
    """Take a run out of its edge; what is in no edge is left alone."""
    runs, edges = pool.runs, pool.edges
    edge = runs[run + at.EDGE]
    if runs[run + at.KIND] == at.PARTIAL:
        edges[edge + at.PARTIAL_RUN] = at.NONE
    elif runs[run + at.KIND] == at.FULL:
        higher, deeper = runs[run + at.HIGHER], runs[run + at.DEEPER]
        if higher < 0:
            edges[edge + at.FIRST_RUN] = deeper
        else:
            runs[higher + at.DEEPER] = deeper
        if deeper < 0:
            edges[edge + at.LAST_RUN] = higher
        else:
            runs[deeper + at.HIGHER] = higher


def orphan(pool: Pool, run: int) -> None:
    """Take an idle run out of the tree, forgotten by eviction.

    Candidates stay where they are in the order. With the leaf rule only the last block can be one;
    the blocks it or others protected join their class now.
    """
    runs, rank = pool.runs, pool.runs[run + at.CLASS]
    unlink(pool, run)
    count = runs[run + at.HIGH] - runs[run + at.LOW]
    pool.counters[at.EVICTED + rank] += count
    if runs[run + at.LEVEL] == at.GPU:
        runs[run + at.LOW] = 0
        runs[run + at.HIGH] = count
        runs[run + at.KIND] = at.ORPHAN
        runs[run + at.EDGE] = at.NONE
        return
    staying = runs[run + at.QUEUED] if pool.settings.leaf_rule else count
    if staying:
        runs[run + at.AFTER] += staying
        dequeue(pool, run)
    if staying < count:
        join_host(pool, rank, count - staying)
    free_run(pool, run)


def orphan_below(pool: Pool, top: int) -> None:
    """Take everything below an edge's last block out of the tree, parents before children."""
    edges = pool.edges
    edge = top
    # Depth first without a stack: what goes is always the first child of what remains.
    while True:
        entry = edges[edge + at.CHILDREN_FIRST]
        if entry < 0:
            edges[edge + at.IDLE_ON_GPU] = edges[edge + at.IDLE_ON_HOST] = 0
            if edge == top:
                return
            leave(edges, edge, at.HEAD_ENTRY)
            edge = edges[edge + at.ABOVE]
        elif entry % at.EDGE_FIELDS == at.PARTIAL_ENTRY:
            child = entry - at.PARTIAL_ENTRY
            leave(edges, child, at.PARTIAL_ENTRY)
            orphan(pool, edges[child + at.PARTIAL_RUN])
        else:
            edge = entry - at.HEAD_ENTRY
            while edges[edge + at.FIRST_RUN] >= 0:
                orphan(pool, edges[edge + at.FIRST_RUN])


def orphan_deeper(pool: Pool, run: int) -> None:
    """Take everything below a run out of the tree, parents before children."""
    runs = pool.runs
    if runs[run + at.KIND] != at.FULL:
        return
    while runs[run + at.DEEPER] >= 0:
        orphan(pool, runs[run + at.DEEPER])
    orphan_below(pool, runs[run + at.EDGE])


def drop_tail(pool: Pool, run: int, count: int) -> None:
    """Forget the last blocks of a run; if these are all, it leaves its edge.

    What was below must be gone.
    """
    runs, edges = pool.runs, pool.edges
    kind, edge = runs[run + at.KIND], runs[run + at.EDGE]
    runs[run + at.HIGH] -= count
    if kind in (at.ORPHAN, at.BLANK):
        return
    pool.counters[at.EVICTED + runs[run + at.CLASS]] += count
    if runs[run + at.HIGH] == runs[run + at.LOW]:
        if kind == at.PARTIAL:
            leave(edges, edge, at.PARTIAL_ENTRY)
        elif runs[run + at.LOW] == edges[edge + at.LOW_BLOCK]:
            leave(edges, edge, at.HEAD_ENTRY)
        unlink(pool, run)
