"""The blocks of both levels: who uses them, how content moves between them, and how it is
forgotten.

TensorRT-LLM, kvCacheManager.cpp (WindowBlockManager).
"""

from charter_engine.bls.retention import DEFAULT_PRIORITY
from charter_engine.kvcache.manager.blocks import GPU, HOST, Block
from charter_engine.kvcache.manager.checkpoint import Checkpoint
from charter_engine.kvcache.manager.errors import OutOfBlocks
from charter_engine.kvcache.manager.events import EventBuffer, StoredBlock, block_hash
from charter_engine.kvcache.manager.eviction import IdleBlocks
from charter_engine.kvcache.manager.keys import Namespace, decode
from charter_engine.kvcache.manager.records import BlockCopy, Counters
from charter_engine.kvcache.manager.requests import HeldRequest
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.manager.tree import ReuseTree, Root, below


class BlockPool:
    """All blocks, the tree some are in and the order the idle ones are evicted in, kept consistent
    with each other."""

    __slots__ = (
        "_copies",
        "_leaf_rule",
        "blocks",
        "counters",
        "events",
        "idle",
        "now",
        "settings",
        "tree",
    )

    def __init__(self, settings: PoolSettings, events: EventBuffer | None, *, copies: bool) -> None:
        gpu = [Block(number, GPU, number) for number in range(settings.usable_gpu_blocks)]
        host = [Block(len(gpu) + number, HOST, number) for number in range(settings.host_blocks)]
        self.settings = settings
        self.blocks = gpu + host
        self.counters = Counters()
        self.tree = ReuseTree()
        self.now: float = 0
        self._leaf_rule = settings.eviction == "leaf"
        self.idle = IdleBlocks(self.blocks, leaf_rule=self._leaf_rule)
        self._copies: list[BlockCopy] | None = [] if copies else None
        self.events = events
        if events is not None:
            events.created((settings.usable_gpu_blocks, settings.host_blocks))

    def checkpoint(self) -> Checkpoint:
        """Everything as it is now."""
        parts = [self, self.counters, self.idle, self.tree, *self.tree.roots(), *self.blocks]
        return Checkpoint(parts if self.events is None else [*parts, self.events])

    def drain_copies(self) -> tuple[BlockCopy, ...]:
        """The movements of KV data since the last call, in order."""
        copies, self._copies = tuple(self._copies or ()), None if self._copies is None else []
        return copies

    def allocate(self, priority: int, duration_ms: int | None) -> Block:
        """Take the first candidate on the GPU; its content moves to host if it may, and is
        forgotten otherwise.

        Raises OutOfBlocks.
        """
        idle, counters = self.idle, self.counters
        block = idle.first(GPU)
        if block is None:
            raise OutOfBlocks(1, 0)
        counters.allocated_total += 1
        spare = None
        if not block.key:
            counters.allocated_new += 1
        elif block.priority >= self.settings.offload_min_priority:
            # There can be idle host blocks and no candidate: then each has an idle child on the
            # GPU.
            spare = idle.first(HOST)
        if spare is None:
            idle.claim(block)
        else:
            self._offload(block, spare)
            block = spare
        if block.parent is not None:
            self._forget(block, priority, duration_ms)
        block.priority = priority
        block.duration_ms = duration_ms
        return block

    def use(self, block: Block, priority: int | None, duration_ms: int | None) -> None:
        """Give matched content one more user, who overwrites its duration, and its priority if one
        is asked for.

        Content on host is brought back. Raises OutOfBlocks.
        """
        if block.references:
            block.references += 1
        else:
            self.idle.claim(block)
        if priority is not None:
            block.priority = priority
        block.duration_ms = duration_ms
        if block.level == HOST:
            self._onboard(block)

    def copy(self, original: Block, run: int, key: bytes) -> Block:
        """Copy the leading `run` tokens of content that must stay into a fresh block, which
        inherits its retention. Pages that are copied count as used, on the GPU.

        Raises OutOfBlocks.
        """
        if self.settings.by_pages:
            self.use(original, None, original.duration_ms)
            self.release(original)
        level, slot = original.level, original.slot
        block = self.allocate(original.priority, original.duration_ms)
        if not self._leaf_rule:
            block.key = key
        self.counters.partial_copies += 1
        if self._copies is None or (level == GPU and slot == block.slot):
            return block
        if block is original:
            # The allocation offloaded its victim to the original's own host slot.
            self._copies[-1] = BlockCopy(
                "exchange", HOST, slot, GPU, block.slot, self.settings.tokens_per_block
            )
        else:
            self._copies.append(BlockCopy("partial", level, slot, GPU, block.slot, run))
        return block

    def release(self, block: Block, *, front: bool = False) -> None:
        """A user leaves; after the last one the block is idle."""
        if block.references > 1:
            block.references -= 1
        else:
            self.idle.join(block, self.now, front=front)

    def enter(self, request: HeldRequest, tokens: int) -> None:
        """Enter the blocks of the first `tokens` tokens, from the first one on whose key is not in
        the tree yet.

        A block already in the tree under a longer key stays as it is, where a partial match finds
        its leading tokens. Of pages only the longest stays of those that begin alike.
        """
        node: Block = self.tree.root(request.namespace)
        entered: list[Block] = []
        for block, key in zip(request.blocks, request.keys(tokens), strict=False):
            known = node.children.get(key) if node.children else None
            if known is not None:
                node = known
                continue
            if block.parent is not None:
                break
            if self.settings.by_pages:
                if self.tree.is_covered(node, key):
                    break
                part = self.tree.covered_by(node, key)
                if part is not None:
                    self.forget(part)
            self.tree.enter(block, node, key)
            entered.append(block)
            node = block
        if entered and self.events is not None:
            self._report_stored(self.events, entered, request.namespace)

    def forget(self, block: Block) -> None:
        """Take idle content that nothing continues out of the tree; its block is blank then, and
        the first of the default class."""
        self.idle.claim(block)
        if self.events is not None:
            self.events.removed(block.hash)
        self.tree.leave(block)
        block.key = b""
        block.priority = DEFAULT_PRIORITY
        block.duration_ms = None
        self.idle.join(block, self.now, front=True)

    def _report_stored(self, events: EventBuffer, chain: list[Block], namespace: Namespace) -> None:
        top = chain[0].parent
        parent_hash = above = None if top is None or isinstance(top, Root) else top.hash
        stored = []
        for block in chain:
            above = block.hash = block_hash(above, block.key, namespace)
            tokens, extra_ids = decode(block.key, namespace.unit)
            stored.append(
                StoredBlock(
                    block.hash,
                    tokens,
                    extra_ids,
                    namespace.lora_task_id,
                    block.level,
                    block.priority,
                )
            )
        events.stored(parent_hash, stored)

    def _forget(self, top: Block, priority: int, duration_ms: int | None) -> None:
        """Take a claimed block and everything below it out of the tree, children before parents.

        Idle blocks stay where they are in the order, no longer matchable (TensorRT-LLM 1.0 loses
        those on host). With the leaf rule those in use take over the retention of the block's new
        user, as 1.0 claims them along with it.
        """
        evicted = self.counters.evictions_by_priority
        family = below(top)
        for block in reversed(family):
            evicted[block.priority] = evicted.get(block.priority, 0) + 1
            if self.events is not None:
                self.events.removed(block.hash)
            if self._leaf_rule and block.references:
                block.priority = priority
                block.duration_ms = duration_ms
            self.tree.leave(block)
        self.idle.orphan(family)

    def _offload(self, victim: Block, spare: Block) -> None:
        """Move idle content to the slot of an idle host block, which is claimed and gets the GPU
        slot in return.

        The content keeps its priority and loses its duration.
        """
        self.idle.claim(victim)
        self.counters.offloads += 1
        if self._copies is not None:
            self._copies.append(
                BlockCopy(
                    "offload", GPU, victim.slot, HOST, spare.slot, self.settings.tokens_per_block
                )
            )
        gpu_slot = victim.slot
        victim.level, victim.slot = HOST, spare.slot
        victim.duration_ms = None
        if self.events is not None and victim.parent is not None:
            self.events.moved(victim.hash, GPU, HOST)
        self.idle.join(victim, self.now)
        self.idle.claim(spare)
        spare.level, spare.slot = GPU, gpu_slot

    def _onboard(self, block: Block) -> None:
        """Bring content in use back from host: it trades places with a freshly allocated GPU
        block."""
        spare = self.allocate(DEFAULT_PRIORITY, None)
        self.counters.onboards += 1
        if self._copies is not None:
            self._copies.append(
                BlockCopy(
                    "onboard", HOST, block.slot, GPU, spare.slot, self.settings.tokens_per_block
                )
            )
        block.slot, spare.slot = spare.slot, block.slot
        block.level, spare.level = GPU, HOST
        if self.events is not None:
            self.events.moved(block.hash, HOST, GPU)
        self.idle.join(spare, self.now)
