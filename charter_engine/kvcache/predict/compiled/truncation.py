"""Releasing the end of an earlier prompt: what no other prompt in the tree continues is forgotten.

What `manager.BlockManager.truncate` does block by block.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.layout import Pool, Requests
from charter_engine.kvcache.predict.compiled.leaf_eviction import head_claimed
from charter_engine.kvcache.predict.compiled.runs import dequeue, free_run, join_front
from charter_engine.kvcache.predict.compiled.tree import leave, unlink


def release_ends(pool: Pool, requests: Requests, index: int) -> None:
    """Release what a request, now served, leaves behind."""
    rows = requests.releases
    first, last = requests.releases_offset[index], requests.releases_offset[index + 1]
    for row in range(first * at.RELEASE_FIELDS, last * at.RELEASE_FIELDS, at.RELEASE_FIELDS):
        truncate(pool, rows[row + at.RELEASED_EDGE], rows[row + at.KEPT_TOKENS])


def truncate(pool: Pool, last_edge: int, keep: int) -> None:
    """Forget the blocks of a path behind its first `keep` tokens, which end with an edge, the last
    block first and up to one that another prompt continues."""
    edges = pool.edges
    partial = edges[last_edge + at.PARTIAL_RUN]
    if edges[last_edge + at.END] > keep and partial >= 0:
        forget(pool, partial)
    edge = last_edge
    while edge != 0 and edges[edge + at.END] > keep:
        if edges[edge + at.CHILDREN_FIRST] >= 0:
            return
        while edges[edge + at.LAST_RUN] >= 0:
            forget(pool, edges[edge + at.LAST_RUN])
        edge = edges[edge + at.PARENT]


def forget(pool: Pool, run: int) -> None:
    """Take an idle run that nothing continues out of the tree; its blocks are blank then, and the
    first of the default class."""
    runs, edges = pool.runs, pool.edges
    edge = runs[run + at.EDGE]
    if runs[run + at.QUEUED]:
        dequeue(pool, run)
    count = runs[run + at.HIGH] - runs[run + at.LOW]
    if pool.settings.leaf_rule:
        head_claimed(pool, run)
    if runs[run + at.KIND] == at.PARTIAL:
        leave(edges, edge, at.PARTIAL_ENTRY)
    elif runs[run + at.LOW] == edges[edge + at.LOW_BLOCK]:
        leave(edges, edge, at.HEAD_ENTRY)
    unlink(pool, run)
    if runs[run + at.LEVEL] == at.GPU:
        join_front(pool, pool.settings.default_class, count)
    else:
        host_queue = (pool.settings.classes + pool.settings.default_class) * at.QUEUE_FIELDS
        pool.queues[host_queue + at.FRONT] += count
    free_run(pool, run)
