"""Deadlines of retention: when idle runs fall to the default priority.

A binary heap by time; equal times go in the order of release, as in `manager.eviction.IdleBlocks`.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.layout import Deadlines, Pool
from charter_engine.kvcache.predict.compiled.runs import dequeue, enqueue


def push_deadline(pool: Pool, deadlines: Deadlines, run: int, deadline: float) -> None:
    """Set a run's deadline. OVERFLOW is set if there is no room."""
    times, serials, due = deadlines
    counters = pool.counters
    if counters[at.DEADLINES] == len(times) and not drop_outdated(pool, deadlines):
        counters[at.OVERFLOW] = at.ROOM
        return
    counters[at.LAST_SERIAL] += 1
    pool.runs[run + at.SERIAL] = counters[at.LAST_SERIAL]
    place = counters[at.DEADLINES]
    counters[at.DEADLINES] += 1
    # A later serial never goes before an equal deadline.
    while place and times[(place - 1) // 2] > deadline:
        above = (place - 1) // 2
        times[place], serials[place], due[place] = times[above], serials[above], due[above]
        place = above
    times[place], serials[place], due[place] = deadline, counters[at.LAST_SERIAL], run


def drop_outdated(pool: Pool, deadlines: Deadlines) -> bool:
    """Make room among the deadlines. Gives whether half of it is free now."""
    times, serials, due = deadlines
    kept = 0
    for place in range(len(times)):
        if pool.runs[due[place] + at.SERIAL] == serials[place]:
            times[kept], serials[kept], due[kept] = times[place], serials[place], due[place]
            kept += 1
    for place in range(kept // 2 - 1, -1, -1):
        sift_down(deadlines, kept, place)
    pool.counters[at.DEADLINES] = kept
    return kept <= len(times) // 2


def sift_down(deadlines: Deadlines, count: int, top: int) -> None:
    """Move an entry of the heap of `count` entries down to where it belongs."""
    times, serials, due = deadlines
    time, serial, run = times[top], serials[top], due[top]
    place = top
    while 2 * place + 1 < count:
        below = 2 * place + 1
        first = times[below], serials[below]
        if below + 1 < count and (times[below + 1], serials[below + 1]) < first:
            below += 1
            first = times[below], serials[below]
        if (time, serial) < first:
            break
        times[place], serials[place], due[place] = times[below], serials[below], due[below]
        place = below
    times[place], serials[place], due[place] = time, serial, run


def expire(pool: Pool, deadlines: Deadlines, now: float) -> None:
    """Let every run whose deadline has come fall to the default priority, the earliest deadline
    first."""
    times, serials, due = deadlines
    runs, counters = pool.runs, pool.counters
    while counters[at.DEADLINES] and times[0] <= now:
        serial, run = serials[0], due[0]
        last = counters[at.DEADLINES] - 1
        counters[at.DEADLINES] = last
        times[0], serials[0], due[0] = times[last], serials[last], due[last]
        sift_down(deadlines, last, 0)
        if runs[run + at.SERIAL] != serial:
            continue
        runs[run + at.SERIAL] = 0
        queued = runs[run + at.QUEUED]
        if queued:
            dequeue(pool, run)
        runs[run + at.CLASS] = pool.settings.default_class
        if queued:
            enqueue(pool, run)
