"""LRU hit rates for every pool size at once, by one pass of stack distances over the path tree
(Mattson's method).

Within a request the tail is older than the head, as blocks are released. The blocks of an edge lie
next to each other in the LRU stack, so one distance an edge serves for all of them, whatever the
block size.
"""

from dataclasses import dataclass

import numpy as np

from charter_engine.kvcache.workload.columns import Floats, Ints
from charter_engine.kvcache.workload.path_tree import PathTree

SAMPLES = 64
"""Assumed: finer than a plot of a terminal's width shows."""


@dataclass(frozen=True)
class HitCurve:
    """Hits grow by `slopes[i]` a block of pool from `capacities[i]` on, where they are `hits[i]`.

    `blocks` is how many blocks all requests have together.
    """

    capacities: Ints
    hits: Ints
    slopes: Ints
    blocks: int

    def hits_at(self, capacities: Ints) -> Ints:
        """Block hits of pools of these sizes."""
        place = np.searchsorted(self.capacities, capacities, side="right") - 1
        within = capacities - self.capacities[place]
        hits: Ints = np.where(place < 0, 0, self.hits[place] + self.slopes[place] * within)
        return hits

    def hit_rate(self, capacity: int) -> float:
        """Share of blocks found in a pool of that size."""
        return float(self.hits_at(np.array([capacity]))[0] / self.blocks) if self.blocks else 0.0

    def sampled(self) -> tuple[Ints, Floats]:
        """Up to `SAMPLES` capacities, evenly spaced in their logarithm, and the hit rates there."""
        wanted = np.geomspace(1, max(1, int(self.capacities[-1])), SAMPLES).round().astype(np.int64)
        capacities = np.unique(wanted)
        return capacities, self.hits_at(capacities) / max(1, self.blocks)


def hit_curve(paths: PathTree, input_length: Ints, tokens_per_block: int) -> HitCurve:
    """Block hits of an LRU pool of each size, each request starting and ending at once.

    Full blocks and partly filled ones that match exactly count; parts of other blocks, and what a
    request pushes out while it starts, do not.
    """
    spans = _reuse_spans(paths, tokens_per_block)
    # A span (first, last) holds one hit at each distance from first to last.
    places = np.concatenate((spans[:, 0], spans[:, 1] + 1))
    steps = np.repeat(np.array([1, -1]), len(spans))
    capacities, place = np.unique(places, return_inverse=True)
    slope_from = np.cumsum(np.bincount(place, weights=steps, minlength=len(capacities))).astype(
        np.int64
    )
    # Hits at a place: those of the stretch before it, and the first one of its own.
    before = (
        np.concatenate(([0], np.cumsum(slope_from[:-1] * np.diff(capacities))))
        if len(capacities)
        else capacities
    )
    blocks = int((-(-input_length // tokens_per_block)).sum())
    zero = np.zeros(1, dtype=np.int64)
    return HitCurve(
        np.concatenate((zero, capacities - 1)),
        np.concatenate((zero, before)),
        np.concatenate((zero, slope_from)),
        blocks,
    )


def _reuse_spans(paths: PathTree, size: int) -> Ints:
    """For each use of blocks after their first, the stack distances of the first and the last of
    them."""
    stack = _Stack(paths, size)
    spans: list[tuple[int, int]] = []
    for end in paths.node.tolist():
        items = stack.items(end)
        for item, weight in items:
            slot = stack.slot[item]
            if slot:
                newer = stack.total - stack.up_to(slot)
                spans.append((newer + 1, newer + weight))
        for item, weight in items:
            stack.touch(item, weight)
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


class _Stack:
    """The LRU stack as a Fenwick tree: one slot for each use, holding the blocks last used then.

    Items are the full blocks of an edge, numbered as the edge, and its partly filled block,
    numbered from the end.
    """

    def __init__(self, paths: PathTree, size: int) -> None:
        self._parent = paths.parent.tolist()
        self._full = (paths.end // size - paths.start // size).tolist()
        self._part = (paths.end % size > 0).tolist()
        edges = len(self._parent)
        depth = [1] * edges
        for edge in range(1, edges):
            depth[edge] = depth[self._parent[edge]] + 1
        self._sums = [0] * (1 + sum(depth[edge] for edge in paths.node.tolist()))
        self.slot = [0] * (2 * edges)
        self.total = 0
        self._used = 0

    def items(self, edge: int) -> list[tuple[int, int]]:
        """The items of a path with their blocks, the deepest first."""
        found = [(-edge, 1)] if self._part[edge] else []
        while edge:
            if self._full[edge]:
                found.append((edge, self._full[edge]))
            edge = self._parent[edge]
        return found

    def up_to(self, slot: int) -> int:
        """Blocks last used in a slot or before it."""
        blocks = 0
        while slot:
            blocks += self._sums[slot]
            slot &= slot - 1
        return blocks

    def touch(self, item: int, weight: int) -> None:
        """Make an item the most recently used one."""
        slot = self.slot[item]
        if slot:
            self._add(slot, -weight)
        self._used += 1
        self.slot[item] = self._used
        self._add(self._used, weight)

    def _add(self, slot: int, blocks: int) -> None:
        self.total += blocks
        while slot < len(self._sums):
            self._sums[slot] += blocks
            slot += slot & -slot
