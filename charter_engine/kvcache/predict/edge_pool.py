"""A pool of blocks as the edges of the path tree: which edge is evicted next is for the caller to
say, and of an edge the tail goes first."""

from heapq import heappop, heappush

import numpy as np

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.workload.path_tree import PathTree, nearest


class EdgePool:
    """A pool of so many blocks, and what it holds of each edge.

    `evicted` counts the blocks whose content gave way to other content.
    """

    def __init__(self, paths: PathTree, settings: PoolSettings, blocks: int) -> None:
        size = settings.tokens_per_block
        low, high = paths.start // size, paths.end // size
        owner = nearest(paths.parent, (high > low) | (np.arange(len(low)) == 0))
        self._parent, self._end = paths.parent.tolist(), paths.end.tolist()
        self._low, self._high = low.tolist(), high.tolist()
        self._owner, self._above = owner.tolist(), owner[paths.parent].tolist()
        self._settings, self._size = settings, size
        self.evicted = 0
        self._free = blocks
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

    def serve(self, path: list[int], order: list[int], length: int) -> int:
        """One request; gives the tokens it reuses. `order` says for each edge of its path when it
        is evicted: the lowest first, of equal ones the deepest."""
        size = self._size
        block = self._match_whole(path)
        last = path[-1] if path else 0
        tail = (length - 1) % size > 0
        exact = tail and self._part[last] and self._high[last] == block
        reused = self._end[last] if exact else self._match_part(path, block)
        self._take_from_queue(path)
        needed = -(-length // size)
        missing = needed - block - (tail and self._part[last])
        self._drop_parts(path[:-1], missing - self._free)
        self._evict(missing - self._free)
        # A block that holds nothing but the last token is free again at once.
        self._free -= missing - (needed - (length - 1) // size - tail)
        self._keep(path, order)
        if tail:
            self._set_part(last, True)
        return int(reused)

    def serve_whole(self, path: list[int], order: list[int], length: int) -> int:
        """One request that finds and leaves whole blocks only; gives how many it finds. See
        `serve`."""
        block = self._match_whole(path)
        self._take_from_queue(path)
        self._evict(-(-length // self._size) - block - self._free)
        self._free -= (length - 1) // self._size - block
        self._keep(path, order)
        return block

    def _take_from_queue(self, path: list[int]) -> None:
        """Nothing of a path is evicted while its request is served."""
        for edge in path:
            self._stamp[edge] += 1

    def _keep(self, path: list[int], order: list[int]) -> None:
        for edge, rank in zip(path, order, strict=True):
            self._set_full(edge, self._high[edge] - self._low[edge])
            heappush(self._queue, (rank, -self._end[edge], edge, self._stamp[edge]))

    def drop(self, edge: int) -> None:
        """Forget all that is held of an edge."""
        self._free += self._full[edge] + self._part[edge]
        self._set_full(edge, 0)
        self._set_part(edge, False)

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
        """Drop blocks of the edge whose turn it is, its tail first."""
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
            self.evicted += dropped
