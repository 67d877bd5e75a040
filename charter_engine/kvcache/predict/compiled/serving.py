"""Serving requests one at a time: match, allocate, enter, release, as `manager.BlockManager` does.

Each request starts and ends at its arrival. Between two requests every block is idle, and a request
uses the whole of every edge of its path, which is what makes runs enough.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.allocation import allocate
from charter_engine.kvcache.predict.compiled.deadlines import expire, push_deadline
from charter_engine.kvcache.predict.compiled.layout import (
    Array,
    Deadlines,
    Pool,
    RequestAtWork,
    Requests,
    Served,
)
from charter_engine.kvcache.predict.compiled.matching import match, shared_depth
from charter_engine.kvcache.predict.compiled.notes import note
from charter_engine.kvcache.predict.compiled.runs import join_front, join_loose
from charter_engine.kvcache.predict.compiled.tree import become_idle, enter
from charter_engine.kvcache.predict.compiled.truncation import forget, release_ends


def serve(
    pool: Pool,
    deadlines: Deadlines,
    requests: Requests,
    served: Served,
    path: Array,
    notes: Array,
) -> None:
    """Serve all requests and fill `served`; `path` and `notes` are room to work in.

    A request that does not fit into the pool gets -1 reused tokens. Stops at once when OVERFLOW is
    set.
    """
    size, counters = pool.settings.tokens_per_block, pool.counters
    for index in range(len(requests.length)):
        length, now = requests.length[index], requests.arrival[index]
        expire(pool, deadlines, now)
        count = -(-length // size)
        if count > pool.settings.gpu_blocks:
            served.reused_tokens[index] = -1
            continue
        depth = find_path(pool.edges, requests.last_edge[index], path, index + 1)
        ranges_end = requests.ranges_offset[index + 1]
        request = RequestAtWork(index + 1, path, depth, requests.ranges, ranges_end, notes)
        counters[at.NOTES] = 0
        counters[at.NEXT_RANGE] = requests.ranges_offset[index]
        onboarded = counters[at.ONBOARDED]
        tokens, block = match(pool, request, length - 1)
        if block < count:
            allocate(pool, count - block, False)
            note(pool, request, block, count, pool.settings.default_class)
        served.reused_tokens[index] = tokens
        served.reused_blocks[index] = block
        served.onboarded_blocks[index] = counters[at.ONBOARDED] - onboarded
        part = 0 if pool.settings.unfilled_first else (length - 1) % size
        stored = enter_path(pool, request, part)
        release_path(pool, deadlines, request, length, now, stored)
        release_ends(pool, requests, index)
        if counters[at.OVERFLOW]:
            return


def find_path(edges: Array, last: int, path: Array, mark: int) -> int:
    """Fill in the path to an edge, the deepest first, and mark it. Gives how many edges it has."""
    depth = 0
    edge = last
    while edge != 0:
        path[depth] = edge
        edges[edge + at.MARK] = mark
        depth += 1
        edge = edges[edge + at.PARENT]
    return depth


def enter_path(pool: Pool, request: RequestAtWork, part: int) -> bool:
    """Enter all blocks of a path that are not in the tree yet, from the top; `part` tokens are in
    the last one, if that is not full. Gives whether that one is the request's own."""
    edges, path, by_pages = pool.edges, request.path, pool.settings.by_pages
    for place in range(request.depth - 1, -1, -1):
        edge = path[place]
        if by_pages and place and edges[edge + at.PARTIAL_ENTRY + at.IN_TREE]:
            # A block of the path begins with what this one holds.
            forget(pool, edges[edge + at.PARTIAL_RUN])
        entry = edge + at.HEAD_ENTRY
        has_full = edges[edge + at.HIGH_BLOCK] > edges[edge + at.LOW_BLOCK]
        if has_full and not edges[entry + at.IN_TREE]:
            enter(edges, entry, edges[edge + at.ABOVE], edges[edge + at.HEAD_START])
    entry = path[0] + at.PARTIAL_ENTRY
    if not part or (by_pages and (edges[entry + at.IN_TREE] or is_covered(pool, request))):
        return False
    if not edges[entry + at.IN_TREE]:
        enter(edges, entry, edges[path[0] + at.OWNER], edges[path[0] + at.TAIL_START])
    return True


def is_covered(pool: Pool, request: RequestAtWork) -> bool:
    """Whether a block in the tree holds all of a path's last, partly filled one, and more."""
    edges, last = pool.edges, request.path[0]
    entry = edges[edges[last + at.TAIL_START] + at.STARTING]
    while entry >= 0:
        edge = entry - entry % at.EDGE_FIELDS
        if edge != last and shared_depth(edges, edge, request.number) == edges[last + at.END]:
            return True
        entry = edges[entry + at.START_NEXT]
    return False


def release_path(
    pool: Pool, deadlines: Deadlines, request: RequestAtWork, length: int, now: float, stored: bool
) -> None:
    """Release the blocks of a prompt of that length, the last one first; `stored` says whether the
    partly filled one is in the tree.

    The notes are read from their end: each run of blocks goes by the last note that begins below
    it.
    """
    edges, notes, size = pool.edges, request.notes, pool.settings.tokens_per_block
    full, part = (length - 1) // size, (length - 1) % size
    end = pool.counters[at.NOTES]
    if -(-length // size) > full + (part > 0):
        # The last token, which is never stored, has a block to itself.
        release(pool, deadlines, at.NONE, 0, 1, at.BLANK, notes[end - 2], notes[end - 1], now)
    if part:
        end = note_before(notes, end, full + 1)
        rank, duration = notes[end - 2], notes[end - 1]
        kind = at.PARTIAL if stored else at.BLANK
        release(pool, deadlines, request.path[0], full, full + 1, kind, rank, duration, now)
    for place in range(request.depth):
        edge = request.path[place]
        high = edges[edge + at.HIGH_BLOCK]
        while high > edges[edge + at.LOW_BLOCK]:
            end = note_before(notes, end, high)
            low = edges[edge + at.LOW_BLOCK]
            if end > at.NOTE_FIELDS:
                low = max(low, notes[end - 2 * at.NOTE_FIELDS])
            rank, duration = notes[end - 2], notes[end - 1]
            release(pool, deadlines, edge, low, high, at.FULL, rank, duration, now)
            high = low


def note_before(notes: Array, end: int, high: int) -> int:
    """The end of the note that is about the block before `high`."""
    while end > at.NOTE_FIELDS and notes[end - 2 * at.NOTE_FIELDS] >= high:
        end -= at.NOTE_FIELDS
    return end


def release(
    pool: Pool,
    deadlines: Deadlines,
    edge: int,
    low: int,
    high: int,
    kind: int,
    rank: int,
    duration: int,
    now: float,
) -> None:
    """Blocks of one kind become idle on the GPU, the last one first, after all that is below
    them."""
    settings = pool.settings
    if settings.blank_first and kind == at.BLANK:
        join_front(pool, rank, high - low)
        return
    expires = duration != at.NONE and rank != settings.default_class
    if kind == at.BLANK and not expires:
        join_loose(pool, rank, kind, high - low)
        return
    run = become_idle(pool, edge, low, high, rank, kind)
    pool.runs[run + at.DURATION] = duration
    if expires:
        push_deadline(pool, deadlines, run, now + duration)
