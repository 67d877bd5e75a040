"""Where things lie in the flat arrays of the fast predictor.

Four arrays of whole numbers: `S` holds runs of blocks, `E` the edges of the path tree, `Q` the
queues and `G` settings and counters. A run or an edge is named by the place of its first field, and
`NONE` names nothing.
"""

from typing import Final

NONE: Final = -1
GPU: Final = 0
HOST: Final = 1

# S: a run of blocks. Run 0 is never used by the pool; it takes what no room is left for.
# What turns of the leaf rule touch comes first, in one line of the processor's cache.
RUN_FIELDS: Final = 16
LOW: Final = 0
"""Number of the run's first block within its path."""
HIGH: Final = 1
"""Number of the block after its last one."""
KIND: Final = 2
NEXT: Final = 3
"""Behind it in its queue; of a spare run the next spare one."""
DEEPER: Final = 4
"""The run that follows it in its edge."""
CLASS: Final = 5
"""Priority, as its rank among the priorities that occur."""
AFTER: Final = 6
"""Host blocks outside the tree that stand right behind it in its queue. Only their number
matters."""
EDGE: Final = 7
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

# S[x + KIND]
FULL: Final = 0
"""Full blocks of an edge, in the tree."""
PARTIAL: Final = 1
"""The one partly filled block that ends at an edge's end, in the tree."""
ORPHAN: Final = 2
"""GPU blocks whose content has left the tree; where it was no longer matters."""
BLANK: Final = 3
"""GPU blocks without content."""

# E: an edge of the path tree. Edge 0 is the root.
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

# E[e + HEAD_ENTRY], E[e + PARTIAL_ENTRY]: an edge's first full block, or its partly filled one, as
# a child of another.
CHILD_NEXT: Final = 0
CHILD_PREVIOUS: Final = 1
START_NEXT: Final = 2
START_PREVIOUS: Final = 3
IN_TREE: Final = 4

# Q: a queue of a level and a class, the next to be evicted first.
QUEUE_FIELDS: Final = 4
HEAD: Final = 0
TAIL: Final = 1
FRONT: Final = 2
"""Host blocks outside the tree that stand before the first run."""

# G: settings and counters.
TOKENS_PER_BLOCK: Final = 0
GPU_BLOCKS: Final = 1
HOST_BLOCKS: Final = 2
LEAF_RULE: Final = 3
PARTIAL_REUSE: Final = 4
COPY_ON_PARTIAL_REUSE: Final = 5
CLASSES: Final = 6
"""How many different priorities occur."""
DEFAULT_CLASS: Final = 7
FLOOR_CLASS: Final = 8
"""The lowest class that is offloaded."""
SPARE_RUN: Final = 9
LAST_SERIAL: Final = 10
DEADLINES: Final = 11
OVERFLOW: Final = 12
"""1 once an array was too short: the outcome is void."""
ALLOCATED_TOTAL: Final = 13
ALLOCATED_NEW: Final = 14
OFFLOADED: Final = 15
ONBOARDED: Final = 16
COPIED: Final = 17
NOTES: Final = 18
NEXT_RANGE: Final = 19
EVICTED: Final = 20
"""From here on, one for each class: blocks of the tree forgotten by eviction."""
