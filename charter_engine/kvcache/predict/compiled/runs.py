"""Runs and their queues: making them, and the order they are evicted in.

What `manager.eviction.IdleBlocks` does block by block.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.layout import Pool
from charter_engine.kvcache.predict.compiled.rounds import go_first, join_round, leave_round


def new_run(pool: Pool, edge: int, low: int, high: int, level: int, rank: int, kind: int) -> int:
    """A run of class `rank` that is in no queue and no edge yet.

    Gives run 0 and sets OVERFLOW if there is no room.
    """
    runs, counters = pool.runs, pool.counters
    run: int = counters[at.SPARE_RUN]
    if run < 0:
        counters[at.OVERFLOW] = at.ROOM
        run = 0
    else:
        counters[at.SPARE_RUN] = runs[run + at.NEXT]
    runs[run + at.EDGE] = edge
    runs[run + at.LOW] = low
    runs[run + at.HIGH] = high
    runs[run + at.LEVEL] = level
    runs[run + at.CLASS] = rank
    runs[run + at.DURATION] = at.NONE
    runs[run + at.SERIAL] = 0
    runs[run + at.KIND] = kind
    runs[run + at.QUEUED] = 0
    runs[run + at.DEEPER] = at.NONE
    runs[run + at.HIGHER] = at.NONE
    runs[run + at.TURNED] = at.NONE
    return run


def free_run(pool: Pool, run: int) -> None:
    """Give a run back that is in no queue and no edge."""
    runs, counters = pool.runs, pool.counters
    if run:
        runs[run + at.SERIAL] = 0
        runs[run + at.NEXT] = counters[at.SPARE_RUN]
        counters[at.SPARE_RUN] = run


def enqueue(pool: Pool, run: int) -> None:
    """Put a run at the tail of its class."""
    runs, queues = pool.runs, pool.queues
    place = runs[run + at.LEVEL] * pool.settings.classes + runs[run + at.CLASS]
    queue = place * at.QUEUE_FIELDS
    last = queues[queue + at.TAIL]
    runs[run + at.QUEUED] = 1
    runs[run + at.AFTER] = 0
    runs[run + at.SPACED] = 0
    runs[run + at.NEXT] = at.NONE
    runs[run + at.PREVIOUS] = last
    if last < 0:
        queues[queue + at.HEAD] = run
    else:
        runs[last + at.NEXT] = run
    queues[queue + at.TAIL] = run
    if pool.settings.rounds:
        join_round(pool, queue, run)


def dequeue(pool: Pool, run: int) -> None:
    """Take a run out of its queue.

    Blocks outside the tree that stood behind its own stay where they are.
    """
    runs, queues = pool.runs, pool.queues
    place = runs[run + at.LEVEL] * pool.settings.classes + runs[run + at.CLASS]
    queue = place * at.QUEUE_FIELDS
    if pool.settings.rounds:
        leave_round(pool, queue, run)
    before, behind = runs[run + at.PREVIOUS], runs[run + at.NEXT]
    length = runs[run + at.HIGH] - runs[run + at.LOW]
    staying = runs[run + at.AFTER] + runs[run + at.SPACED] * length
    runs[run + at.QUEUED] = 0
    if before < 0:
        queues[queue + at.HEAD] = behind
        queues[queue + at.FRONT] += staying
    else:
        runs[before + at.NEXT] = behind
        runs[before + at.AFTER] += staying
    if behind < 0:
        queues[queue + at.TAIL] = before
    else:
        runs[behind + at.PREVIOUS] = before


def turn_queue(pool: Pool, queue: int, first: int) -> None:
    """Make a run the first of its queue; those before it queue up behind the last one."""
    runs, queues = pool.runs, pool.queues
    head = queues[queue + at.HEAD]
    if first in (head, at.NONE):
        return
    tail, before = queues[queue + at.TAIL], runs[first + at.PREVIOUS]
    runs[tail + at.NEXT] = head
    runs[head + at.PREVIOUS] = tail
    runs[first + at.PREVIOUS] = at.NONE
    runs[before + at.NEXT] = at.NONE
    queues[queue + at.HEAD] = first
    queues[queue + at.TAIL] = before


def lowest(pool: Pool, level: int) -> int:
    """The queue of a level from which is evicted next, or NONE if all are empty."""
    queues, classes = pool.queues, pool.settings.classes
    queue = level * classes * at.QUEUE_FIELDS
    for _ in range(classes):
        if queues[queue + at.HEAD] >= 0 or queues[queue + at.FRONT]:
            return int(queue)
        queue += at.QUEUE_FIELDS
    return at.NONE


def class_of(pool: Pool, queue: int) -> int:
    """The class a queue of host blocks is of."""
    return queue // at.QUEUE_FIELDS - pool.settings.classes


def join_loose(pool: Pool, rank: int, kind: int, count: int) -> None:
    """GPU blocks outside the tree join the tail of a class."""
    runs = pool.runs
    last = pool.queues[rank * at.QUEUE_FIELDS + at.TAIL]
    if last >= 0 and runs[last + at.KIND] == kind and runs[last + at.SERIAL] == 0:
        runs[last + at.HIGH] += count
    else:
        enqueue(pool, new_run(pool, at.NONE, 0, count, at.GPU, rank, kind))


def join_front(pool: Pool, rank: int, count: int) -> None:
    """GPU blocks without content join the front of a class."""
    runs, queues = pool.runs, pool.queues
    queue = rank * at.QUEUE_FIELDS
    head = queues[queue + at.HEAD]
    if head >= 0 and runs[head + at.KIND] == at.BLANK:
        runs[head + at.HIGH] += count
        return
    run = new_run(pool, at.NONE, 0, count, at.GPU, rank, at.BLANK)
    enqueue(pool, run)
    tail = runs[run + at.PREVIOUS]
    if tail < 0:
        return
    if pool.settings.rounds:
        go_first(pool, queue, run)
    runs[tail + at.NEXT] = at.NONE
    runs[run + at.PREVIOUS] = at.NONE
    runs[run + at.NEXT] = head
    runs[head + at.PREVIOUS] = run
    queues[queue + at.HEAD] = run
    queues[queue + at.TAIL] = tail


def join_host(pool: Pool, rank: int, count: int) -> None:
    """Host blocks outside the tree join the tail of a class."""
    queues = pool.queues
    queue = (pool.settings.classes + rank) * at.QUEUE_FIELDS
    last = queues[queue + at.TAIL]
    if last < 0:
        queues[queue + at.FRONT] += count
    else:
        pool.runs[last + at.AFTER] += count
