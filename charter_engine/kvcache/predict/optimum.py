"""The upper end of the bracket: reuse if the pool always evicted what is used last (Belady),
knowing the future, within what the settings let requests match."""

import numpy as np

from charter_engine.bls.retention import MAX_PRIORITY
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.edge_pool import EdgePool
from charter_engine.kvcache.workload.columns import Ints
from charter_engine.kvcache.workload.path_tree import PathTree

_NEVER = 1 << 60


def optimum_reuse(paths: PathTree, input_length: Ints, settings: PoolSettings) -> Ints:
    """Prompt tokens each request reuses, each starting and ending at once.

    All blocks of an edge are next used by the same request. Both tiers are one pool here. A request
    the GPU has no room for reuses nothing. The last token of a prompt is never reused.
    """
    reused = np.zeros(len(input_length), dtype=np.int64)
    if not settings.reuse:
        return reused
    # Content of every priority may move to host, except where the floor is above them all.
    usable = settings.offload_min_priority <= MAX_PRIORITY
    blocks = settings.gpu_blocks + (settings.host_blocks if usable else 0)
    pool = EdgePool(paths, settings, blocks)
    room = settings.gpu_blocks * settings.tokens_per_block
    admitted = np.flatnonzero(input_length <= room).tolist()
    lengths = input_length.tolist()
    for request, following in zip(admitted, _next_uses(paths, admitted), strict=True):
        order = [-use for use in following]
        reused[request] = pool.serve(paths.path(request), order, lengths[request])
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
