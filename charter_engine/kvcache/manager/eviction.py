"""Which idle block is evicted next (TensorRT-LLM, evictionPolicy.cpp).

Lowest priority first; within a priority the block that became a candidate longest ago. All of it is
O(1): one ordered queue per cache level and priority, and a bit mask of the priorities that have
candidates.
"""

from collections import OrderedDict
from heapq import heapify, heappop, heappush

from charter_engine.bls.retention import DEFAULT_PRIORITY, MAX_PRIORITY
from charter_engine.kvcache.manager.blocks import GPU, HOST, Block

Queue = OrderedDict[Block, None]


class IdleBlocks:
    """All idle blocks of both cache levels, and among them the candidates for eviction in their
    order.

    With the leaf rule a block is no candidate while it has an idle child on its own level or a
    faster one; without it every idle block is.
    """

    __slots__ = ("_expiring", "_leaf_rule", "_masks", "_queues", "_serial", "_size", "free")

    def __init__(self, blocks: list[Block], *, leaf_rule: bool) -> None:
        self.free = [0, 0]
        self._leaf_rule = leaf_rule
        self._queues: list[list[Queue]] = [
            [OrderedDict() for _ in range(MAX_PRIORITY + 1)] for _ in (GPU, HOST)
        ]
        self._masks = [0, 0]
        self._expiring: list[tuple[float, int, Block]] = []
        self._serial = 0
        self._size = len(blocks)
        for block in blocks:
            self.free[block.level] += 1
            self._enqueue(block)

    def first(self, level: int) -> Block | None:
        """The block to evict next on this level; None if there is no candidate."""
        mask = self._masks[level]
        if not mask:
            return None
        return next(iter(self._queues[level][(mask & -mask).bit_length() - 1]))

    def join(self, block: Block, now: float, *, front: bool = False) -> None:
        """A block becomes idle: it goes to the tail of its class, or to the front, if it is a
        candidate.

        Its deadline, if it has a duration and another priority than the default one, counts from
        now.
        """
        block.references = 0
        level = block.level
        self.free[level] += 1
        if self._leaf_rule:
            if block.parent is not None:
                self._protect(block.parent, level)
            if not _protected(block):
                self._enqueue(block, front=front)
        else:
            self._enqueue(block, front=front)
        if block.duration_ms is not None and block.priority != DEFAULT_PRIORITY:
            self._set_deadline(block, now + block.duration_ms)

    def claim(self, block: Block) -> None:
        """An idle block gets its first user. Its deadline is cancelled."""
        block.references = 1
        block.expiry = 0
        self.free[block.level] -= 1
        if block.queued is not None:
            self._dequeue(block)
        if self._leaf_rule and block.parent is not None:
            self._unprotect(block.parent, block.level)

    def orphan(self, blocks: list[Block]) -> None:
        """These blocks left the tree, parents before children. The idle ones whose children
        protected them join."""
        for block in blocks:
            block.idle_children = [0, 0]
            if not block.references and block.queued is None:
                self._enqueue(block)

    def expire(self, now: float) -> None:
        """Every idle block whose deadline has come falls to the default priority, earliest deadline
        first.

        A candidate moves to the tail of that class; equal deadlines go in the order of their
        release.
        """
        while self._expiring and self._expiring[0][0] <= now:
            _, serial, block = heappop(self._expiring)
            if block.expiry != serial:
                continue
            block.expiry = 0
            was_candidate = block.queued is not None
            if was_candidate:
                self._dequeue(block)
            block.priority = DEFAULT_PRIORITY
            if was_candidate:
                self._enqueue(block)

    def deadlines(self) -> dict[int, float]:
        """The deadlines that are pending, by the id of their block."""
        return {
            block.id: deadline
            for deadline, serial, block in self._expiring
            if block.expiry == serial
        }

    def candidates(self, level: int) -> list[Block]:
        """All candidates of a level in the order they would be evicted now."""
        return [block for queue in self._queues[level] for block in queue]

    def _protect(self, parent: Block, level: int) -> None:
        parent.idle_children[level] += 1
        if parent.queued is not None and level <= parent.level:
            self._dequeue(parent)

    def _unprotect(self, parent: Block, level: int) -> None:
        parent.idle_children[level] -= 1
        if not parent.references and parent.queued is None and not _protected(parent):
            self._enqueue(parent)

    def _enqueue(self, block: Block, *, front: bool = False) -> None:
        priority = block.priority
        block.queued = priority
        queue = self._queues[block.level][priority]
        queue[block] = None
        if front:
            queue.move_to_end(block, last=False)
        self._masks[block.level] |= 1 << priority

    def _dequeue(self, block: Block) -> None:
        priority = block.queued
        assert priority is not None
        block.queued = None
        queue = self._queues[block.level][priority]
        del queue[block]
        if not queue:
            self._masks[block.level] ^= 1 << priority

    def _set_deadline(self, block: Block, deadline: float) -> None:
        self._serial += 1
        block.expiry = self._serial
        # Cancelled deadlines stay in the heap until they outnumber the blocks.
        if len(self._expiring) > 2 * self._size:
            self._expiring = [entry for entry in self._expiring if entry[2].expiry == entry[1]]
            heapify(self._expiring)
        heappush(self._expiring, (deadline, self._serial, block))


def _protected(block: Block) -> bool:
    on_gpu, on_host = block.idle_children
    return on_gpu > 0 or (on_host > 0 and block.level == HOST)
