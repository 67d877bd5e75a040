"""Where things lie in the flat arrays of the simulation.

A run, an edge, an entry or a queue is named by the place of its first field in its array, and
`NONE` names nothing: `runs[run + LOW]` is the number of a run's first block. Whether a name is
`NONE` is asked by its sign: so machine code need not ask again, at each index, whether it counts
from an array's end.
"""

from typing import Any, Final, NamedTuple

Array = Any
"""A one-dimensional array of numbers: NumPy's for machine code, a list for Python."""

NONE: Final = -1
GPU: Final = 0
HOST: Final = 1


class Settings(NamedTuple):
    """What a pool is, and by which rules it works.

    A *class* is a priority by its rank among the `classes` priorities that occur: 0 is evicted
    first. Content of class `lowest_offloaded` and above moves to host instead of being forgotten.
    With `unfilled_first` blocks that are not full are in no tree, and are taken before all others;
    with `blank_first` those without content are.
    With `by_pages` parts of blocks go by the rules of `manager.settings.PoolSettings.by_pages`.
    `rounds` is for how many rounds of turns the ends of runs are known beforehand, or 0 where turns
    are not counted in rounds.
    """

    tokens_per_block: int
    gpu_blocks: int
    host_blocks: int
    leaf_rule: bool
    partial_reuse: bool
    copy_on_partial_reuse: bool
    classes: int
    default_class: int
    lowest_offloaded: int
    unfilled_first: bool
    blank_first: bool
    by_pages: bool
    rounds: int


class Pool(NamedTuple):
    """A pool and the tree of what it holds. See `RUN_FIELDS`, `EDGE_FIELDS`, `QUEUE_FIELDS` and
    the counters below for what stands in the arrays."""

    settings: Settings
    runs: Array
    edges: Array
    queues: Array
    counters: Array


class Deadlines(NamedTuple):
    """A binary heap by time, then serial number. The first `counters[DEADLINES]` places are in use.

    An entry whose serial number its run no longer has is outdated.
    """

    times: Array
    serials: Array
    runs: Array


class RequestAtWork(NamedTuple):
    """The request being served, by its number from 1.

    `path` holds its edges, the deepest first, in the first `depth` places. `ranges` holds what all
    requests ask for, this one from `counters[NEXT_RANGE]` up to `ranges_end`: `RANGE_FIELDS` each.
    `notes` holds what becomes of the blocks matched or allocated so far: `NOTE_FIELDS` each, up to
    `counters[NOTES]`.
    """

    number: int
    path: Array
    depth: int
    ranges: Array
    ranges_end: int
    notes: Array


class Requests(NamedTuple):
    """All requests, by their order: arrival in ms, prompt tokens, the edge their path ends with,
    and where their ranges begin (one entry more); what each releases once it is served, and where
    that begins (one entry more)."""

    arrival: Array
    length: Array
    last_edge: Array
    ranges_offset: Array
    ranges: Array
    releases_offset: Array
    releases: Array


class Served(NamedTuple):
    """What the requests got: tokens and blocks reused, and blocks brought back from host."""

    reused_tokens: Array
    reused_blocks: Array
    onboarded_blocks: Array


# A run of blocks. Run 0 is never used by the pool; it takes what no room is left for.
# What turns of the leaf rule touch comes first, in one line of the processor's cache.
RUN_FIELDS: Final = 16
LOW: Final = 0
"""Number of the run's first block within its path."""
HIGH: Final = 1
"""Number of the block after its last one; more while turns are counted in rounds: `high_of`."""
AFTER: Final = 2
"""Host blocks outside the tree that stand right behind it in its queue. Only their number
matters."""
NEXT: Final = 3
"""Behind it in its queue; of a spare run the next spare one."""
DEEPER: Final = 4
"""The run that follows it in its edge."""
CLASS: Final = 5
TURNED: Final = 6
"""The last round of its queue in which it had its turn, where those are counted; else NONE."""
KIND: Final = 7
SPACED: Final = 8
"""1 if one such block stands behind each of its blocks."""
LEVEL: Final = 9
DURATION: Final = 10
"""In milliseconds, or NONE."""
SERIAL: Final = 11
"""Number of its pending deadline, or 0."""
QUEUED: Final = 12
"""Whether it is in a queue, 0 or 1."""
PREVIOUS: Final = 13
HIGHER: Final = 14
EDGE: Final = 15

# What a run's blocks are: runs[run + KIND]. Those in the tree come first.
FULL: Final = 0
"""Full blocks of an edge, in the tree."""
PARTIAL: Final = 1
"""The one partly filled block that ends at an edge's end, in the tree."""
ORPHAN: Final = 2
"""GPU blocks whose content has left the tree; where it was no longer matters."""
BLANK: Final = 3
"""GPU blocks without content."""

# An edge of the path tree. Edge 0 is the root.
EDGE_FIELDS: Final = 32
PARENT: Final = 0
END: Final = 1
"""Depth of its end in tokens."""
LOW_BLOCK: Final = 2
"""Number of the first block that ends in this edge: floor(start / tokens per block)."""
HIGH_BLOCK: Final = 3
"""floor(end / tokens per block): the edge owns the full blocks from LOW_BLOCK up to but not
including this."""
OWNER: Final = 4
"""The nearest edge, itself included, that owns a full block; or the root."""
ABOVE: Final = 5
"""The owner of the block its first full block continues."""
HEAD_START: Final = 6
"""The edge its first full block starts in, if that is another one; else NONE."""
TAIL_START: Final = 7
"""The edge in which a partly filled block that ends with this edge starts."""
FIRST_RUN: Final = 8
LAST_RUN: Final = 9
PARTIAL_RUN: Final = 10
CHILDREN_FIRST: Final = 11
"""Entries of the blocks in the tree that continue the last block of this edge, in the order they
were entered."""
CHILDREN_LAST: Final = 12
IDLE_ON_GPU: Final = 13
"""How many of these are idle on the GPU."""
IDLE_ON_HOST: Final = 14
STARTING: Final = 15
"""Entries of the blocks in the tree that start in this edge and end in a deeper one, or are partly
filled, likewise."""
MARK: Final = 16
"""The last request, from 1, whose path went through."""
STARTING_LAST: Final = 17
HEAD_ENTRY: Final = 20
PARTIAL_ENTRY: Final = 26

# An entry: an edge's first full block (edge + HEAD_ENTRY), or its partly filled one (edge +
# PARTIAL_ENTRY), as a child of another.
CHILD_NEXT: Final = 0
CHILD_PREVIOUS: Final = 1
START_NEXT: Final = 2
START_PREVIOUS: Final = 3
IN_TREE: Final = 4

# The queue of a level and a class, the run to be evicted next first. The queues of the GPU precede
# those of the host, and lower classes precede higher ones.
QUEUE_FIELDS: Final = 8
HEAD: Final = 0
TAIL: Final = 1
FRONT: Final = 2
"""Host blocks outside the tree that stand before the first run."""
ROUND: Final = 3
"""The round of turns that it is in, from 1, where those are counted."""
TURNS_LEFT: Final = 4
"""How many of its runs, from the first one on, still have their turn in this round."""
FIRST_TURNED: Final = 5
"""The first of those that had it, or have joined since; NONE if there is none."""
QUEUED_RUNS: Final = 6
""""How many runs are in it."""

# Counters.
SPARE_RUN: Final = 0
"""The first run that is not in use."""
LAST_SERIAL: Final = 1
DEADLINES: Final = 2
NOTES: Final = 3
NEXT_RANGE: Final = 4
OVERFLOW: Final = 5
"""ROOM once an array was too short, CANDIDATES once the pool had nothing to evict: the outcome is
void."""
ALLOCATED_TOTAL: Final = 6
ALLOCATED_NEW: Final = 7
OFFLOADED: Final = 8
ONBOARDED: Final = 9
COPIED: Final = 10
EVICTED: Final = 11
"""From here on, one for each class: blocks of the tree forgotten by eviction. Behind these stand
`settings.rounds` for each class: the queued runs that come to their end in each of its next
rounds."""

ROOM: Final = 1
CANDIDATES: Final = 2

# What a request asks for, in block numbers: first block, block after the last, class, duration.
RANGE_FIELDS: Final = 4
FIRST_BLOCK: Final = 0
AFTER_BLOCK: Final = 1
RANGE_CLASS: Final = 2
RANGE_DURATION: Final = 3

# What a request releases: the edge that a path ends with, and how many of its leading tokens stay.
RELEASE_FIELDS: Final = 2
RELEASED_EDGE: Final = 0
KEPT_TOKENS: Final = 1

# What becomes of a request's blocks: the block after the last it is about, class, duration.
NOTE_FIELDS: Final = 3
