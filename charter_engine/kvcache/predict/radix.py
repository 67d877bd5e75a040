"""SGLang's radix cache, each request starting and ending at its arrival (sglang,
mem_cache/radix_cache.py).

A node holds a run of pages whose prompts have not parted yet. It is split where a prompt ends or
leaves it. What is evicted is the leaf used longest ago, as a whole. A page is a block here; open
sessions, which can be protected, are not told apart.
"""

from heapq import heappop, heappush

import numpy as np

from charter_engine.contracts.plan import DEFAULT_PRIORITY
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.simulation import Outcome
from charter_engine.kvcache.workload.columns import Ints
from charter_engine.kvcache.workload.path_tree import PathTree


def simulate_radix(paths: PathTree, input_length: Ints, settings: PoolSettings) -> Outcome:
    """Serve the requests one after another; see `simulation.simulate`."""
    size = settings.tokens_per_block
    cache = _RadixCache(paths, settings)
    reused = np.zeros(len(input_length), dtype=np.int64)
    for request, length in enumerate(input_length.tolist()):
        blocks = -(-length // size)
        if blocks > settings.gpu_blocks:
            reused[request] = -1
        else:
            reused[request] = cache.serve(paths.path(request), blocks, request) * size
    missed = -(-input_length // size) - reused // size
    taken = int(missed[reused >= 0].sum())
    return Outcome(
        reused_tokens=reused,
        reused_blocks=reused.clip(0) // size,
        onboarded_blocks=np.zeros(len(reused), dtype=np.int64),
        allocated_total=taken,
        allocated_new=min(taken, settings.gpu_blocks),
        offloaded=0,
        onboarded=0,
        copied=0,
        evicted_by_priority={DEFAULT_PRIORITY: cache.evicted} if cache.evicted else {},
    )


class _RadixCache:
    """The resident part of the path tree. A node is a chain of edges that are not `cut` apart."""

    def __init__(self, paths: PathTree, settings: PoolSettings) -> None:
        size = settings.tokens_per_block
        edges = len(paths.parent)
        self.evicted = 0
        self._parent: list[int] = paths.parent.tolist()
        self._pages: list[int] = (paths.end // size - paths.start // size).tolist()
        self._free = settings.gpu_blocks
        self._resident = [True] + [False] * (edges - 1)
        self._children = [0] * edges
        """Resident edges below each."""
        self._cut = [True] + [False] * (edges - 1)
        """Whether a node ends with the edge."""
        self._used = [-1] * edges
        """The last request that used the edge."""
        self._leaves: list[tuple[int, int]] = []

    def serve(self, path: list[int], blocks: int, request: int) -> int:
        """One request; gives the pages it reuses."""
        known = next((i for i, edge in enumerate(path) if not self._resident[edge]), len(path))
        self._cut[path[known - 1] if known else 0] = True
        reused = sum(self._pages[edge] for edge in path[:known])
        for edge in path:
            self._used[edge] = request
        self._evict(blocks - reused - self._free, request)
        for edge in path[known:]:
            self._resident[edge] = True
            self._children[self._parent[edge]] += 1
            self._free -= self._pages[edge]
        if path:
            self._cut[path[-1]] = True
            heappush(self._leaves, (request, path[-1]))
        return reused

    def _evict(self, pages: int, request: int) -> None:
        """Drop leaves until that many pages more are free, but none that the request uses."""
        while pages > 0:
            used, leaf = heappop(self._leaves)
            is_leaf = self._resident[leaf] and not self._children[leaf]
            if is_leaf and self._used[leaf] == used < request:
                pages -= self._drop(leaf)

    def _drop(self, leaf: int) -> int:
        """Drop a leaf with its whole node, whose parent may be a leaf then. Gives its pages."""
        pages = 0
        edge = leaf
        while True:
            self._resident[edge] = self._cut[edge] = False
            pages += self._pages[edge]
            edge = self._parent[edge]
            self._children[edge] -= 1
            if self._cut[edge]:
                break
        self._free += pages
        self.evicted += pages
        if edge and not self._children[edge]:
            heappush(self._leaves, (self._used[edge], edge))
        return pages
