"""What becomes of a request's blocks: noted while they are matched and allocated, carried out when
they are released."""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.layout import Pool, RequestAtWork


def note(pool: Pool, request: RequestAtWork, block: int, high: int, kept: int) -> None:
    """Note for the blocks from `block` up to `high` what the request asks for them; where it asks
    nothing, the class `kept`."""
    ranges, counters = request.ranges, pool.counters
    end = request.ranges_end * at.RANGE_FIELDS
    while block < high:
        asked = counters[at.NEXT_RANGE] * at.RANGE_FIELDS
        while asked < end and ranges[asked + at.AFTER_BLOCK] <= block:
            asked += at.RANGE_FIELDS
        counters[at.NEXT_RANGE] = asked // at.RANGE_FIELDS
        if asked == end or ranges[asked + at.FIRST_BLOCK] >= high:
            add_note(pool, request, high, kept, at.NONE)
            return
        if ranges[asked + at.FIRST_BLOCK] > block:
            block = ranges[asked + at.FIRST_BLOCK]
            add_note(pool, request, block, kept, at.NONE)
        block = min(high, ranges[asked + at.AFTER_BLOCK])
        rank, duration = ranges[asked + at.RANGE_CLASS], ranges[asked + at.RANGE_DURATION]
        add_note(pool, request, block, rank, duration)


def add_note(pool: Pool, request: RequestAtWork, high: int, rank: int, duration: int) -> None:
    """Add blocks up to `high` to the last note if they are alike, else add a note."""
    notes, counters = request.notes, pool.counters
    end = counters[at.NOTES]
    if end and notes[end - 2] == rank and notes[end - 1] == duration:
        notes[end - 3] = high
    elif end + at.NOTE_FIELDS > len(notes):
        counters[at.OVERFLOW] = at.ROOM
    else:
        notes[end], notes[end + 1], notes[end + 2] = high, rank, duration
        counters[at.NOTES] = end + at.NOTE_FIELDS
