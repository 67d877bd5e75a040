"""The upper end of the bracket: reuse if the pool always evicted what is used last (Belady),
knowing the future."""

from heapq import heappop, heappush

import numpy as np

from charter_engine.kvcache.workload.columns import Ints
from charter_engine.kvcache.workload.path_tree import PathTree

_NEVER = 1 << 60


def optimum_reuse(paths: PathTree, input_length: Ints, blocks: int, tokens_per_block: int) -> Ints:
    """Prompt tokens each request reuses in a pool of `blocks` blocks, each starting and ending at
    once.

    All blocks of an edge are next used by the same request, so it is edges that are chosen and
    blocks that are counted off from their tail. A request the pool has no room for reuses nothing.
    The last token of a prompt is never reused.
    """
    pool = _Pool(paths, blocks, tokens_per_block)
    admitted = np.flatnonzero(input_length <= blocks * tokens_per_block).tolist()
    lengths = input_length.tolist()
    reused = np.zeros(len(lengths), dtype=np.int64)
    for request, following in zip(admitted, _next_uses(paths, admitted), strict=True):
        reused[request] = pool.serve(paths.path(request), following, lengths[request])
    return reused


def _next_uses(paths: PathTree, requests: list[int]) -> list[list[int]]:
    """For each of the requests, for each edge of its path, the next of them that uses it."""
    last = [_NEVER] * len(paths.parent)
    found: list[list[int]] = []
    for request in reversed(requests):
        path = paths.path(request)
        found.append([last[edge] for edge in path])
        for edge in path:
            last[edge] = request
    return found[::-1]


class _Pool:
    def __init__(self, paths: PathTree, blocks: int, size: int) -> None:
        self._parent, self._end = paths.parent.tolist(), paths.end.tolist()
        self._low, self._high = (paths.start // size).tolist(), (paths.end // size).tolist()
        self._free, self._size = blocks, size
        edges = len(self._end)
        self._full = [0] * edges
        """Resident full blocks of each edge, from its first one on."""
        self._part = [False] * edges
        """Whether the partly filled block that ends at the edge's end is resident."""
        self._crossed = [0] * edges
        """Resident blocks that begin above an edge's end and end below it."""
        self._queue: list[tuple[int, int, int, int]] = []
        self._stamp = [0] * edges

    def serve(self, path: list[int], used_next: list[int], length: int) -> int:
        """One request; gives the tokens it reuses."""
        size, full = self._size, self._full
        needed = -(-length // size)
        block = 0
        for edge in path:
            block += full[edge]
            if block < self._high[edge]:
                break
        reused = max(
            [block * size, *(self._end[edge] for edge in path if self._reaches(edge, block))]
        )
        last = path[-1] if path else 0
        for edge in path:
            self._stamp[edge] += 1
            # What a longer prompt continues is filled by it, and is nobody's partly filled block
            # any more.
            if self._part[edge] and edge != last and self._high[edge] == block:
                self._part[edge] = False
                self._free += 1
        tail = (length - 1) % size > 0
        missing = needed - block - (tail and self._part[last])
        self._evict(missing - self._free)
        self._free -= missing - (needed - (length - 1) // size - tail)
        for edge, following in zip(path, used_next, strict=True):
            self._set_full(edge, self._high[edge] - self._low[edge])
            heappush(self._queue, (-following, -self._end[edge], edge, self._stamp[edge]))
        if tail:
            self._part[last] = True
        return int(reused)

    def _reaches(self, edge: int, block: int) -> bool:
        """Whether a resident block with that number holds all tokens up to the edge's end."""
        return self._high[edge] == block and (self._crossed[edge] > 0 or self._part[edge])

    def _set_full(self, edge: int, count: int) -> None:
        first = self._low[edge] * self._size
        change = (count > 0) - (self._full[edge] > 0)
        self._full[edge] = count
        above = self._parent[edge]
        while change and self._end[above] > first:
            self._crossed[above] += change
            above = self._parent[above]

    def _evict(self, count: int) -> None:
        """Drop blocks of the edge used last, its tail first; equally late ones are on one path, the
        deepest first."""
        while count > 0:
            _, _, edge, stamp = self._queue[0]
            if self._stamp[edge] != stamp or not (self._full[edge] or self._part[edge]):
                heappop(self._queue)
                continue
            if self._part[edge]:
                self._part[edge] = False
                dropped = 1
            else:
                dropped = min(count, self._full[edge])
                self._set_full(edge, self._full[edge] - dropped)
            count -= dropped
            self._free += dropped
