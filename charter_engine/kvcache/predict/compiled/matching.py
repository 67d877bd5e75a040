"""Matching a prompt against the tree, left to right, and putting what matches to use.

What `manager.BlockManager` does when a request is added, block by block.
"""

from charter_engine.kvcache.manager.settings import MOST_SEARCHED
from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.allocation import allocate, restore, safe_to_restore
from charter_engine.kvcache.predict.compiled.layout import Array, Pool, RequestAtWork
from charter_engine.kvcache.predict.compiled.notes import add_note, note
from charter_engine.kvcache.predict.compiled.rounds import high_of
from charter_engine.kvcache.predict.compiled.runs import dequeue, free_run
from charter_engine.kvcache.predict.compiled.tree import become_idle, leave, unlink


def match(pool: Pool, request: RequestAtWork, wanted: int) -> tuple[int, int]:
    """Match the first `wanted` tokens of a path, restoring what is on host. Gives tokens and
    blocks."""
    runs, edges, size = pool.runs, pool.edges, pool.settings.tokens_per_block
    block = 0
    for place in range(request.depth - 1, -1, -1):
        edge = request.path[place]
        while block < edges[edge + at.HIGH_BLOCK]:
            run = edges[edge + at.FIRST_RUN]
            if run < 0 or runs[run + at.LOW] != block:
                is_head = block == edges[edge + at.LOW_BLOCK]
                start = edges[edge + at.HEAD_START] if is_head else at.NONE
                end = (block + 1) * size
                return match_part(pool, request, edges[edge + at.ABOVE], start, edge, block, end)
            block = use(pool, request, run, block)
    if wanted == block * size:
        return wanted, block
    edge = request.path[0]
    if edges[edge + at.PARTIAL_ENTRY + at.IN_TREE]:
        if pool.settings.by_pages:
            copy(pool, request, edge + at.PARTIAL_ENTRY, block)
        else:
            take_over(pool, request, edge + at.PARTIAL_ENTRY, block)
        return wanted, block + 1
    above, start = edges[edge + at.OWNER], edges[edge + at.TAIL_START]
    return match_part(pool, request, above, start, edge, block, wanted)


def use(pool: Pool, request: RequestAtWork, run: int, block: int) -> int:
    """Put the next matched run to use, or as much of it as can be restored from host at once.
    Gives the block after it."""
    runs = pool.runs
    if runs[run + at.LEVEL] == at.GPU:
        high = high_of(pool, run)
        note(pool, request, block, high, runs[run + at.CLASS])
        claim(pool, run)
    else:
        count = safe_to_restore(pool, run)
        high = block + count
        note(pool, request, block, high, runs[run + at.CLASS])
        restore_head(pool, run, count)
    return int(high)


def match_part(
    pool: Pool, request: RequestAtWork, above: int, start: int, key_edge: int, block: int, end: int
) -> tuple[int, int]:
    """Use the longest common run of tokens that a block in the tree has with the next one.

    That one holds the path's tokens up to `end`, ends in `key_edge` and continues the last block of
    `above`; looked at are the blocks that start in the edge `start`. Gives all tokens and blocks
    matched.
    """
    settings = pool.settings
    done = block * settings.tokens_per_block
    if start < 0 or not settings.partial_reuse or (settings.by_pages and is_crowded(pool, above)):
        return done, block
    entry, common = closest(pool, request.number, start, key_edge, done, end)
    if entry < 0:
        return done, block
    if settings.by_pages or has_children(pool, entry):
        copy(pool, request, entry, block)
    else:
        take_over(pool, request, entry, block)
    return done + common, block + 1


def is_crowded(pool: Pool, edge: int) -> bool:
    """Whether so many blocks continue the last one of an edge that no part is looked for among
    them."""
    edges = pool.edges
    entry = edges[edge + at.CHILDREN_FIRST]
    count = 0
    while entry >= 0 and count < MOST_SEARCHED:
        count += 1
        entry = edges[entry + at.CHILD_NEXT]
    return bool(count == MOST_SEARCHED)


def copy(pool: Pool, request: RequestAtWork, entry: int, block: int) -> None:
    """Copy what a matched block begins with into a fresh one, which inherits its retention."""
    runs = pool.runs
    kind = entry % at.EDGE_FIELDS
    edge = entry - kind
    run = pool.edges[edge + (at.PARTIAL_RUN if kind == at.PARTIAL_ENTRY else at.FIRST_RUN)]
    add_note(pool, request, block + 1, runs[run + at.CLASS], runs[run + at.DURATION])
    pool.counters[at.COPIED] += 1
    if pool.settings.by_pages:
        refresh(pool, edge, run)
    allocate(pool, 1, False)


def refresh(pool: Pool, edge: int, run: int) -> None:
    """Use the first block of an idle run for a moment: it is on the GPU then, and the last one to
    be evicted."""
    runs = pool.runs
    low, kind, level = runs[run + at.LOW], runs[run + at.KIND], runs[run + at.LEVEL]
    take_head(pool, run, 1)
    if level == at.HOST:
        restore(pool, 1)
    become_idle(pool, edge, low, low + 1, pool.settings.default_class, kind)


def closest(
    pool: Pool, mark: int, start: int, key_edge: int, done: int, end: int
) -> tuple[int, int]:
    """The entry with the longest common run with a key among the blocks that start in an edge, and
    that run.

    Of several with the longest run the one that entered first is given, as `tree.ReuseTree.closest`
    does.
    """
    edges = pool.edges
    lower, higher = at.NONE, at.NONE
    entry = edges[start + at.STARTING]
    while entry >= 0:
        edge = entry - entry % at.EDGE_FIELDS
        if may_match(pool, entry):
            if lower < edge < key_edge:
                lower = edge
            elif key_edge < edge and (higher < 0 or edge < higher):
                higher = edge
        entry = edges[entry + at.START_NEXT]
    # Edges are numbered in the order of content: nobody has more in common with a key than its
    # neighbours.
    depth = 0
    if lower >= 0:
        depth = shared_depth(edges, lower, mark)
    if higher >= 0:
        depth = max(depth, shared_depth(edges, higher, mark))
    if min(depth, end) <= done:
        return at.NONE, 0
    entry = edges[start + at.STARTING]
    while not may_match(pool, entry) or (
        shared_depth(edges, entry - entry % at.EDGE_FIELDS, mark) < depth
    ):
        entry = edges[entry + at.START_NEXT]
    return entry, min(depth, end) - done


def may_match(pool: Pool, entry: int) -> bool:
    """Whether a block may be matched in part: where nothing is copied, only one that can be taken
    over."""
    settings = pool.settings
    copies = settings.copy_on_partial_reuse or settings.by_pages
    return bool(copies or not has_children(pool, entry))


def shared_depth(edges: Array, edge: int, mark: int) -> int:
    """Where the path to an edge leaves the marked path, in tokens."""
    while edge != 0 and edges[edge + at.MARK] != mark:
        edge = edges[edge + at.PARENT]
    depth: int = edges[edge + at.END]
    return depth


def has_children(pool: Pool, entry: int) -> bool:
    """Whether anything in the tree continues the block of an entry."""
    runs, edges = pool.runs, pool.edges
    if entry % at.EDGE_FIELDS == at.PARTIAL_ENTRY:
        return False
    edge = entry - at.HEAD_ENTRY
    run = edges[edge + at.FIRST_RUN]
    alone = high_of(pool, run) - runs[run + at.LOW] == 1 and runs[run + at.DEEPER] < 0
    return not alone or edges[edge + at.CHILDREN_FIRST] >= 0


def claim(pool: Pool, run: int) -> None:
    """Put all of an idle run to use: until it is released it is in no run."""
    if pool.runs[run + at.QUEUED]:
        dequeue(pool, run)
    head_in_use(pool, run)
    unlink(pool, run)
    free_run(pool, run)


def head_in_use(pool: Pool, run: int) -> None:
    """If a run begins its edge, its first block is no longer an idle child. Its parent is in use,
    or the root."""
    runs, edges = pool.runs, pool.edges
    edge, idle = runs[run + at.EDGE], at.IDLE_ON_GPU + runs[run + at.LEVEL]
    if runs[run + at.KIND] == at.PARTIAL:
        edges[edges[edge + at.OWNER] + idle] -= 1
    elif runs[run + at.LOW] == edges[edge + at.LOW_BLOCK]:
        edges[edges[edge + at.ABOVE] + idle] -= 1


def restore_head(pool: Pool, run: int, count: int) -> None:
    """Bring the first blocks of a host run back to the GPU, into use."""
    take_head(pool, run, count)
    restore(pool, count)


def take_head(pool: Pool, run: int, count: int) -> None:
    """Put the first blocks of an idle run to use."""
    runs = pool.runs
    if runs[run + at.HIGH] - runs[run + at.LOW] == count:
        claim(pool, run)
    else:
        head_in_use(pool, run)
        runs[run + at.LOW] += count
        runs[run + at.AFTER] += runs[run + at.SPACED] * count


def take_over(pool: Pool, request: RequestAtWork, entry: int, block: int) -> None:
    """Take a matched block without children out of the tree, for the request to fill."""
    runs, edges = pool.runs, pool.edges
    kind = entry % at.EDGE_FIELDS
    edge = entry - kind
    run = edges[edge + (at.PARTIAL_RUN if kind == at.PARTIAL_ENTRY else at.FIRST_RUN)]
    level = runs[run + at.LEVEL]
    note(pool, request, block, block + 1, runs[run + at.CLASS])
    claim(pool, run)
    leave(edges, edge, kind)
    if level == at.HOST:
        restore(pool, 1)
