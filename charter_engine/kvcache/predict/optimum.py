"""The upper end of the bracket: reuse if the pool always evicted what is used last (Belady),
knowing the future, within what the settings let requests match."""

from heapq import heappop, heappush

import numpy as np

from charter_engine.bls.retention import MAX_PRIORITY
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.workload.columns import Ints
from charter_engine.kvcache.workload.path_tree import PathTree, nearest

_NEVER = 1 << 60


def optimum_reuse(paths: PathTree, input_length: Ints, settings: PoolSettings) -> Ints:
    """Prompt tokens each request reuses, each starting and ending at once.

    All blocks of an edge are next used by the same request, so it is edges that are chosen and
    blocks that are counted off from their tail. Both tiers are one pool here. A request the GPU has
    no room for reuses nothing. The last token of a prompt is never reused.
    """
    reused = np.zeros(len(input_length), dtype=np.int64)
    if not settings.reuse:
        return reused
    pool = _Pool(paths, settings)
    room = settings.gpu_blocks * settings.tokens_per_block
    admitted = np.flatnonzero(input_length <= room).tolist()
    lengths = input_length.tolist()
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
    def __init__(self, paths: PathTree, settings: PoolSettings) -> None:
        size = settings.tokens_per_block
        low, high = paths.start // size, paths.end // size
        owner = nearest(paths.parent, (high > low) | (np.arange(len(low)) == 0))
        self._parent, self._end = paths.parent.tolist(), paths.end.tolist()
        self._low, self._high = low.tolist(), high.tolist()
        self._owner, self._above = owner.tolist(), owner[paths.parent].tolist()
        self._settings, self._size = settings, size
        # Content of every priority may move to host, except where the floor is above them all.
        usable = settings.offload_min_priority <= MAX_PRIORITY
        self._free = settings.gpu_blocks + (settings.host_blocks if usable else 0)
        edges = len(self._end)
        self._full = [0] * edges
        """Resident full blocks of each edge, from its first one on."""
        self._part = [False] * edges
        """Whether the partly filled block that ends at the edge's end is resident."""
        self._children = [0] * edges
        """Resident blocks that continue the edge's last full block."""
        self._crossing: dict[int, set[int]] = {}
        """The edges whose resident first block begins above this edge's end."""
        self._queue: list[tuple[int, int, int, int]] = []
        self._stamp = [0] * edges

    def serve(self, path: list[int], used_next: list[int], length: int) -> int:
        """One request; gives the tokens it reuses."""
        size = self._size
        block = self._match_whole(path)
        last = path[-1] if path else 0
        tail = (length - 1) % size > 0
        exact = tail and self._part[last] and self._high[last] == block
        reused = self._end[last] if exact else self._match_part(path, block)
        for edge in path:
            self._stamp[edge] += 1
        needed = -(-length // size)
        missing = needed - block - (tail and self._part[last])
        self._drop_parts(path[:-1], missing - self._free)
        self._evict(missing - self._free)
        # A block that holds nothing but the last token is free again at once.
        self._free -= missing - (needed - (length - 1) // size - tail)
        for edge, following in zip(path, used_next, strict=True):
            self._set_full(edge, self._high[edge] - self._low[edge])
            heappush(self._queue, (-following, -self._end[edge], edge, self._stamp[edge]))
        if tail:
            self._set_part(last, True)
        return int(reused)

    def _match_whole(self, path: list[int]) -> int:
        """How many full blocks a path finds."""
        block = 0
        for edge in path:
            block += self._full[edge]
            if block < self._high[edge]:
                break
        return block

    def _match_part(self, path: list[int], block: int) -> int:
        """The tokens a path finds with as much of one more block as another one holds."""
        if self._settings.partial_reuse:
            for edge in reversed(path):
                if self._high[edge] < block or self._end[edge] <= block * self._size:
                    break
                if self._high[edge] == block and self._take_part(edge):
                    return int(self._end[edge])
        return block * self._size

    def _take_part(self, edge: int) -> bool:
        """Whether a resident block holds all tokens up to an edge's end; if so, use it.

        One with children is copied, if that is allowed. Another is taken over, and holds nothing
        else any more.
        """
        crossing = self._crossing.get(edge, ())
        childless = next((other for other in crossing if self._is_childless(other)), None)
        if self._settings.copy_on_partial_reuse and not all(map(self._is_childless, crossing)):
            return True
        if self._part[edge]:
            self._set_part(edge, False)
        elif childless is not None:
            self._set_full(childless, 0)
        else:
            return False
        self._free += 1
        return True

    def _is_childless(self, edge: int) -> bool:
        """Whether nothing resident continues an edge's first block."""
        is_only = self._high[edge] - self._low[edge] == 1
        return self._full[edge] == 1 and not (is_only and self._children[edge])

    def _set_part(self, edge: int, resident: bool) -> None:
        self._children[self._owner[edge]] += resident - self._part[edge]
        self._part[edge] = resident

    def _set_full(self, edge: int, count: int) -> None:
        change = (count > 0) - (self._full[edge] > 0)
        self._full[edge] = count
        if not change:
            return
        self._children[self._above[edge]] += change
        first = self._low[edge] * self._size
        above = self._parent[edge]
        while self._end[above] > first:
            crossing = self._crossing.setdefault(above, set())
            (crossing.add if change > 0 else crossing.discard)(edge)
            above = self._parent[above]

    def _drop_parts(self, path: list[int], count: int) -> None:
        """Drop partly filled blocks of a path that its request goes on without."""
        for edge in path:
            if count > 0 and self._part[edge]:
                self._set_part(edge, False)
                self._free += 1
                count -= 1

    def _evict(self, count: int) -> None:
        """Drop blocks of the edge used last, its tail first; equally late ones are on one path, the
        deepest first."""
        while count > 0:
            _, _, edge, stamp = self._queue[0]
            if self._stamp[edge] != stamp or not (self._full[edge] or self._part[edge]):
                heappop(self._queue)
                continue
            if self._part[edge]:
                self._set_part(edge, False)
                dropped = 1
            else:
                dropped = min(count, self._full[edge])
                self._set_full(edge, self._full[edge] - dropped)
            count -= dropped
            self._free += dropped
