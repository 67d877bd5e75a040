"""The upper end of the bracket: the prompt tokens that no policy of eviction can reuse more of,
within what the settings let requests match.

Whole blocks are pages of a size. Of these Belady's policy, which knows the future and evicts what
is used last, has the most hits in any pool; both tiers are one pool to it, and what it evicts is
chosen among what the request itself does not need. A policy that has fewer hits than a pool that
forgets nothing finds, for each block that it misses, at most a part of one in its place. So with W
whole blocks that prompts share with earlier ones, H of them hit by Belady, and parts of blocks:

    bound = tokens shared by all prompts - the least that W - H missed blocks cost

A request that misses blocks loses all of them and the part behind them, and may have a part of
another block instead: the longest that an earlier prompt shares with it within one block.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.retention import MAX_PRIORITY
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.edge_pool import EdgePool
from charter_engine.kvcache.workload.columns import Ints
from charter_engine.kvcache.workload.path_tree import PathTree

_NEVER = 1 << 60
"""Derived: behind the last request of any workload."""


def most_reuse(
    paths: PathTree,
    input_length: Ints,
    settings: PoolSettings,
    *,
    stores: NDArray[np.bool_] | None = None,
) -> int:
    """Prompt tokens that requests which start and end one after another can reuse at most.

    A request the GPU has no room for reuses nothing, and the last token of a prompt is never
    reused. `stores` says which requests only stand for what the output of the one before them
    stores, and are not counted: of the hits they have those on that one's own blocks for certain.
    """
    if not settings.reuse:
        return 0
    size = settings.tokens_per_block
    fits = input_length <= settings.usable_gpu_blocks * size
    counted = fits if stores is None else fits & ~stores
    shared = _Shared.of(paths, np.flatnonzero(fits), settings)
    whole = shared.tokens // size
    hits = _most_hits(paths, input_length, np.flatnonzero(fits), settings)
    if stores is not None:
        stored = np.flatnonzero(fits & stores)
        hits -= int(((input_length[stored - 1] - 1) // size).sum())
    missed = max(0, int(whole[counted].sum()) - hits)
    instead = (shared.longest_part - shared.tokens % size)[counted & (whole > 0)]
    gains = np.sort(np.maximum(instead, 0))[::-1][:missed]
    return int(shared.tokens[counted].sum()) - size * missed + int(gains.sum())


@dataclass(frozen=True)
class _Shared:
    """What prompts share with earlier ones: by request the tokens that a pool which forgets nothing
    finds, and the most tokens that a part of one block may give."""

    tokens: Ints
    longest_part: Ints

    @classmethod
    def of(cls, paths: PathTree, served: Ints, settings: PoolSettings) -> "_Shared":
        size = settings.tokens_per_block
        parts = _longest_parts(paths, size)
        parent, end, node = paths.parent.tolist(), paths.end.tolist(), paths.node.tolist()
        tokens, longest = np.zeros((2, len(node)), dtype=np.int64)
        seen, ended = bytearray(len(parent)), set()
        seen[0] = True
        for request in served.tolist():
            last = edge = node[request]
            while not seen[edge]:
                seen[edge] = True
                edge = parent[edge]
            if settings.matches_parts:
                tokens[request], longest[request] = end[edge], parts[edge]
            elif last in ended:
                tokens[request], longest[request] = end[last], end[last] % size
            else:
                tokens[request] = end[edge] - end[edge] % size
            ended.add(last)
        return cls(tokens, longest)


def _longest_parts(paths: PathTree, size: int) -> list[int]:
    """For each edge the longest part of a block that an edge on the way to it ends with."""
    parts: list[int] = (paths.end % size).tolist()
    for edge, above in enumerate(paths.parent.tolist()):
        parts[edge] = max(parts[edge], parts[above])
    return parts


def _most_hits(paths: PathTree, input_length: Ints, served: Ints, settings: PoolSettings) -> int:
    """The hits on whole blocks that Belady's policy has. All blocks of an edge are next used by the
    same request, and what is not full makes room for them at once."""
    # Content of every priority may move to host, except where the floor is above them all.
    usable = settings.offload_min_priority <= MAX_PRIORITY
    pool = EdgePool(
        paths, settings, settings.usable_gpu_blocks + (settings.host_blocks if usable else 0)
    )
    requests = served.tolist()
    lengths = input_length.tolist()
    return sum(
        pool.serve_whole(paths.path(request), [-use for use in following], lengths[request])
        for request, following in zip(requests, _next_uses(paths, requests), strict=True)
    )


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
