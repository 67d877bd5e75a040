"""SGLang's radix cache, each request starting and ending at its arrival (sglang,
mem_cache/radix_cache.py).

A node holds a run of pages whose prompts have not parted yet. It is split where a prompt ends or
leaves it behind at least one page, and then both parts count as used. What is evicted is the leaf
used longest ago, as a whole. A page is a block here.

Where sessions are protected, leaves that an open session has used go after all others (sglang,
mem_cache/unified_cache/session_ref_tracker.py). A session is open from its first request to its
last one.
"""

from heapq import heappop, heappush

import numpy as np

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.simulation import Outcome
from charter_engine.kvcache.workload.columns import Ints
from charter_engine.kvcache.workload.path_tree import PathTree


def simulate_radix(
    paths: PathTree, input_length: Ints, settings: PoolSettings, session: Ints | None = None
) -> Outcome:
    """Serve the requests one after another; see `simulation.simulate`. `session` numbers the
    session of each request, 0 being none; it is for `protect_sessions`."""
    size = settings.tokens_per_block
    cache = _RadixCache(paths, settings)
    open_sessions = _OpenSessions(
        session if settings.protect_sessions and session is not None else input_length * 0
    )
    reused = np.zeros(len(input_length), dtype=np.int64)
    for request, length in enumerate(input_length.tolist()):
        blocks = -(-length // size)
        if blocks > settings.gpu_blocks:
            reused[request] = -1
        else:
            path = paths.path(request)
            reused[request] = cache.serve(path, blocks, request) * size
            cache.protect(open_sessions.first_used(request, path))
        cache.unprotect(open_sessions.closed(request))
    return Outcome.of_one_tier(reused, input_length, settings, cache.evicted)


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
        self._below = [0] * edges
        """The edge that its node goes on with; of one that is not `cut`."""
        self._used = [-1] * edges
        """When an edge that a node ends with was used last: see `_used_by` and `_left_by`."""
        self._holders = [0] * edges
        """Open sessions that have used the edge."""
        self._leaves: list[tuple[bool, int, int]] = []

    def serve(self, path: list[int], blocks: int, request: int) -> int:
        """One request; gives the pages it reuses."""
        known = next((i for i, edge in enumerate(path) if not self._resident[edge]), len(path))
        self._split(path[known - 1] if known else 0, request)
        reused = sum(self._pages[edge] for edge in path[:known])
        for edge in path:
            self._used[edge] = _used_by(request)
        self._evict(blocks - reused - self._free, request)
        for edge in path[known:]:
            self._resident[edge] = True
            self._below[self._parent[edge]] = edge
            self._children[self._parent[edge]] += 1
            self._free -= self._pages[edge]
        if path:
            self._cut[path[-1]] = True
            self._push(path[-1])
        return reused

    def protect(self, edges: list[int]) -> None:
        """Note that one more open session uses these edges."""
        for edge in edges:
            self._holders[edge] += 1
            self._push(edge)

    def unprotect(self, edges: list[int]) -> None:
        """Note that one open session less uses these edges."""
        for edge in edges:
            self._holders[edge] -= 1
            self._push(edge)

    def _split(self, edge: int, request: int) -> None:
        """A request leaves a node, or ends in it, behind an edge. What goes on there is used by it,
        too, if any page of the node is."""
        if self._cut[edge]:
            return
        rest = self._below[edge]
        while not self._cut[rest]:
            rest = self._below[rest]
        pages, above = self._pages[edge], self._parent[edge]
        while not self._cut[above]:
            pages, above = pages + self._pages[above], self._parent[above]
        self._cut[edge] = True
        if pages:
            self._used[rest] = _left_by(request)
            self._push(rest)

    def _push(self, edge: int) -> None:
        if self._resident[edge] and not self._children[edge]:
            heappush(self._leaves, (self._holders[edge] > 0, self._used[edge], edge))

    def _evict(self, pages: int, request: int) -> None:
        """Drop leaves until that many pages more are free, but none that the request uses."""
        while pages > 0:
            protected, used, leaf = heappop(self._leaves)
            is_leaf = self._resident[leaf] and not self._children[leaf]
            is_current = protected == (self._holders[leaf] > 0) and self._used[leaf] == used
            if is_leaf and is_current and used < _used_by(request):
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
        if edge:
            self._push(edge)
        return pages


def _used_by(request: int) -> int:
    """When what is on a request's path is used: in order of requests."""
    return 2 * request + 1


def _left_by(request: int) -> int:
    """When what a request leaves of a node is used: as it is looked up, before all of its path is
    entered."""
    return 2 * request


class _OpenSessions:
    """The edges that each open session has used. `session` numbers that of each request, 0 being
    none."""

    def __init__(self, session: Ints) -> None:
        self._session = session.tolist()
        self._last = {one: request for request, one in enumerate(self._session)}
        self._used: dict[int, set[int]] = {}

    def first_used(self, request: int, path: list[int]) -> list[int]:
        """The edges of a path that the request's session has not used before."""
        session = self._session[request]
        if not session:
            return []
        known = self._used.setdefault(session, set())
        new = [edge for edge in path if edge not in known]
        known.update(new)
        return new

    def closed(self, request: int) -> list[int]:
        """The edges of the session that closes with a request; none where it stays open."""
        session = self._session[request]
        return [*self._used.pop(session, ())] if self._last[session] == request else []
