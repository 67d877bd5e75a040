"""The prompts of a workload as one path-compressed tree, the same for every setting.

An edge is a run of tokens that every request passing through has whole: paths branch and end only
where edges do. So whatever the block size, all full blocks that end within an edge are used by the
same requests.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from charter_engine.kvcache.workload.columns import Ints, Workload
from charter_engine.kvcache.workload.content import Content


@dataclass(frozen=True)
class PathTree:
    """Edge 0 is the root, of no tokens. Every edge comes before those below it, and siblings in the
    order of content: that of the first token in which they differ, by its 8 bytes, the lowest
    first.

    `parent`, `start` and `end` (depths in tokens) have one entry an edge; `node` is for each
    request the edge its path ends with. A path is all tokens of a prompt but the last one, which is
    never stored and never looked up.
    """

    parent: Ints
    start: Ints
    end: Ints
    node: Ints

    def path(self, request: int) -> list[int]:
        """The edges of a request's path from the top, without the root."""
        edges = []
        edge = int(self.node[request])
        while edge:
            edges.append(edge)
            edge = int(self.parent[edge])
        return edges[::-1]


def depths(paths: PathTree) -> Ints:
    """How many edges the path to each edge has, itself included; 0 for the root."""
    found = np.zeros(len(paths.parent), dtype=np.int64)
    parent = paths.parent.copy()
    while parent.any():
        found += parent > 0
        parent = paths.parent[parent]
    found[1:] += 1
    return found


def nearest(parent: Ints, chosen: NDArray[np.bool_]) -> Ints:
    """For each edge the nearest chosen one on the way to the root, itself included. The root is
    chosen."""
    found: Ints = np.where(chosen, np.arange(len(parent)), parent)
    while not chosen[found].all():
        found = found[found]
    return found


def build_paths(workload: Workload) -> PathTree:
    """The tree of a workload: paths sorted, then joined where neighbours part."""
    content = Content(workload)
    if not workload.has_content:
        return _apart(content, workload.input_length - 1)
    depths = (workload.input_length - 1).tolist()
    keys = _sort_keys(content, depths)
    order = sorted(range(len(keys)), key=lambda i: (keys[i], depths[i]))
    shared = _shared_with_previous(content, keys, depths, order)
    ends, firsts, parents = [0], [0], [0]
    nodes = [0] * len(order)
    stack = [0]
    for place, (request, depth) in enumerate(zip(order, shared, strict=True)):
        while ends[stack[-1]] > depth:
            edge = stack.pop()
            if ends[stack[-1]] < depth:
                stack.append(len(ends))
                ends.append(depth)
                firsts.append(firsts[edge])
                parents.append(0)
            parents[edge] = stack[-1]
        if depths[request] > depth:
            parents.append(stack[-1])
            stack.append(len(ends))
            ends.append(depths[request])
            firsts.append(place)
        nodes[request] = stack[-1]
    for above, edge in pairwise(stack):
        parents[edge] = above
    return _in_preorder(
        np.array(ends), np.array(firsts), np.array(parents), np.array(nodes, dtype=np.int64)
    )


def _apart(content: Content, depths: Ints) -> PathTree:
    """The tree of prompts that have nothing in common: an edge for each of more than one token."""
    has_edge = np.flatnonzero(depths)
    # Sorted by their bytes, the lowest first.
    order = has_edge[np.argsort(content.tail_tokens()[has_edge].byteswap(), kind="stable")]
    ends: Ints = np.concatenate(([0], depths[order])).astype(np.int64)
    node = np.zeros(len(depths), dtype=np.int64)
    node[order] = np.arange(1, len(order) + 1)
    root = np.zeros(len(ends), dtype=np.int64)
    return PathTree(root, root, ends, node)


def _in_preorder(ends: Ints, firsts: Ints, parents: Ints, nodes: Ints) -> PathTree:
    order = np.lexsort((ends, firsts))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    parent: Ints = rank[parents[order]]
    end: Ints = ends[order].astype(np.int64)
    return PathTree(parent, end[parent], end, rank[nodes])


def _sort_keys(content: Content, depths: list[int]) -> list[bytes]:
    """For each path the first tokens of its units as bytes: they sort as the tokens themselves
    do."""
    workload, first = content.workload, content.first_tokens.astype("<u8", copy=False)
    covered, offset, sizes = (
        workload.covered_tokens.tolist(),
        workload.unit_offset.tolist(),
        workload.unit_tokens.tolist(),
    )
    keys = []
    for i, depth in enumerate(depths):
        units = -(-min(depth, covered[i]) // sizes[i])
        key = first[offset[i] : offset[i] + units].tobytes()
        if depth > covered[i]:
            key += content.tail_token(i).to_bytes(8, "little")
        keys.append(key)
    return keys


def _shared_with_previous(
    content: Content, keys: list[bytes], depths: list[int], order: list[int]
) -> list[int]:
    """How many leading tokens each path shares with the one before it in the order."""
    sizes = content.workload.unit_tokens.tolist()
    shared = [0] if order else []
    for previous, request in pairwise(order):
        units = _common_words(keys[previous], keys[request])
        shared.append(min(units * sizes[request], depths[previous], depths[request]))
    return shared


def _common_words(one: bytes, other: bytes) -> int:
    """How many leading 8-byte words two keys share."""
    count = min(len(one), len(other)) // 8
    differing = np.frombuffer(one, dtype=np.uint64, count=count) != np.frombuffer(
        other, dtype=np.uint64, count=count
    )
    first = int(differing.argmax()) if count else 0
    return first if count and differing[first] else count
