"""The paged KV cache manager with cross-request block reuse, as TensorRT-LLM's behaves
(kvCacheManager.cpp).

One full-attention window, beam width 1. There is no clock inside and no KV data: time is set, and
where data would have to move a record says so. This module says what a request does; `pool` moves
and forgets content, `eviction` orders it, `tree` finds it.
"""

from collections.abc import Hashable, Sequence

from charter_engine.bls.retention import DEFAULT_PRIORITY, BlockRetention, Retention, check_priority
from charter_engine.kvcache.manager.blocks import GPU, HOST, Block
from charter_engine.kvcache.manager.checkpoint import Checkpoint
from charter_engine.kvcache.manager.errors import DuplicateRequest, OutOfBlocks, UnknownRequest
from charter_engine.kvcache.manager.events import Event, EventBuffer
from charter_engine.kvcache.manager.keys import Namespace, encode
from charter_engine.kvcache.manager.pool import BlockPool
from charter_engine.kvcache.manager.records import (
    Admission,
    BlockCopy,
    CachedBlock,
    Counters,
    Lookup,
)
from charter_engine.kvcache.manager.requests import HeldRequest
from charter_engine.kvcache.manager.settings import MOST_SEARCHED, PoolSettings
from charter_engine.kvcache.manager.tree import Root, below

_NOTHING_ASKED = Retention()


class BlockManager:
    """Gives requests their blocks, shares what they have in common, and evicts what is idle.

    GPU blocks have the ids 0 to gpu_blocks - 1 at the start, host blocks the ids after them; from
    then on an id follows its content through both levels, and `slots` tells where it lies. `events`
    and `copies` turn the two queues on that `drain_events` and `drain_copies` empty.
    """

    def __init__(
        self,
        settings: PoolSettings,
        events: bool = False,
        event_buffer: int = 1024,
        *,
        copies: bool = False,
    ) -> None:
        if settings.eviction == "sglang":
            raise ValueError("SGLang's radix cache is predicted with requests one at a time only")
        if settings.max_num_turns:
            raise ValueError("turns are given up in predictions with requests one at a time only")
        self.settings = settings
        self._shares_when_scheduled = settings.eviction == "vllm"
        self._pool = BlockPool(
            settings, EventBuffer(event_buffer) if events else None, copies=copies
        )
        self._requests: dict[Hashable, HeldRequest] = {}

    def add(
        self,
        request_id: Hashable,
        tokens: Sequence[int],
        lora_task_id: int | None = None,
        extra_ids: Sequence[int] | None = None,
        cache_salt_id: int | None = None,
        retention: Retention | None = None,
    ) -> Admission:
        """Start a request: match its prompt against the tree, left to right, and allocate what is
        not there.

        The last prompt token is never reused. `extra_ids` has one number for each token. Raises
        DuplicateRequest, OutOfBlocks, and ValueError for an empty prompt or ids that are no ids;
        the manager is then as it was before.
        """
        if request_id in self._requests:
            raise DuplicateRequest(request_id)
        if not len(tokens):
            raise ValueError("the prompt is empty; at least one token is needed")
        namespace = Namespace(lora_task_id, cache_salt_id, extra_ids is not None)
        request = HeldRequest(
            namespace,
            encode(tokens, extra_ids),
            self.settings.tokens_per_block,
            (retention if self.settings.heeds_retention else None) or _NOTHING_ASKED,
        )
        wanted = (
            retention.per_block(self.settings.tokens_per_block, len(tokens))
            if retention and self.settings.heeds_retention
            else None
        )
        checkpoint = self._make_sure_of_room(request)
        try:
            admission = self._admit(request, wanted)
        except OutOfBlocks:
            if checkpoint is not None:
                checkpoint.restore()
            raise
        self._requests[request_id] = request
        if self._shares_when_scheduled:
            self.store_context(request_id)
        return admission

    def append(self, request_id: Hashable, tokens: Sequence[int]) -> None:
        """Add generated tokens; the one after a full block takes a fresh block. They get extra id
        0.

        Raises UnknownRequest, OutOfBlocks and ValueError; the manager is then as it was before.
        """
        request = self._request(request_id)
        content = encode(tokens, [0] * len(tokens) if request.namespace.extra_ids else None)
        needed = request.blocks_for(request.length + len(tokens)) - len(request.blocks)
        if needed > self._pool.idle.free[GPU]:
            raise OutOfBlocks(needed, self._pool.idle.free[GPU])
        request.extend(content)
        for _ in range(needed):
            request.blocks.append(
                self._pool.allocate(request.decode_priority, request.decode_duration_ms)
            )

    def rewind(self, request_id: Hashable, n: int) -> None:
        """Take back the last `n` generated tokens; blocks this empties become idle at the front of
        their class.

        Raises UnknownRequest, and ValueError if that reaches into the prompt, or cuts a block
        others may already reuse.
        """
        request = self._request(request_id)
        if not 0 <= n <= request.length - request.prompt_length:
            generated = request.length - request.prompt_length
            raise ValueError(f"{n} tokens cannot be taken back: {generated} were generated")
        length = request.length - n
        kept = request.blocks_for(length)
        last = request.blocks[kept - 1]
        if (
            n
            and length % request.tokens_per_block
            and (last.parent is not None or last.references > 1)
        ):
            raise ValueError(
                f"the block of token {length} has been stored for reuse and cannot be cut"
            )
        request.truncate(length)
        while len(request.blocks) > kept:
            self._pool.release(request.blocks.pop(), front=True)

    def store_context(self, request_id: Hashable) -> None:
        """Enter the full blocks of all tokens but the last one; from now on other requests can
        share them.

        Raises UnknownRequest.
        """
        request = self._request(request_id)
        if self.settings.reuse:
            computed = request.length - 1
            self._pool.enter(request, computed - computed % request.tokens_per_block)

    def finish(self, request_id: Hashable, keep_tokens: int | None = None) -> None:
        """Enter all blocks of all tokens but the last one, then release the request's blocks, the
        last one first.

        With `keep_tokens` only that many leading tokens count, again minus one.
        Raises UnknownRequest, and ValueError for a count the request does not have.
        """
        request = self._request(request_id)
        kept = request.length if keep_tokens is None else keep_tokens
        if not 0 <= kept <= request.length:
            raise ValueError(f"keep_tokens is {kept}; the request has {request.length} tokens")
        stored = max(0, kept - 1)
        if self._shares_when_scheduled:
            stored -= stored % request.tokens_per_block
            self._blank_unstored(request.blocks[stored // request.tokens_per_block :])
        if self.settings.reuse:
            self._pool.enter(request, stored)
        if self.settings.eviction == "v2":
            # It frees what it already has of another request, too.
            self._blank_unstored(request.blocks)
        for block in reversed(request.blocks):
            self._pool.release(block, front=self.settings.frees_unstored and not block.key)
        del self._requests[request_id]

    def truncate(
        self,
        tokens: Sequence[int],
        keep_tokens: int,
        lora_task_id: int | None = None,
        extra_ids: Sequence[int] | None = None,
        cache_salt_id: int | None = None,
    ) -> int:
        """Forget what is cached of a sequence behind its first `keep_tokens` tokens (trtllm-serve,
        truncate_tokens): every block with a token behind these, the last one first, up to one that
        is in use or that other content continues. Gives how many blocks that were.

        They are blank then, and the first of the default class to be taken. Raises ValueError for
        ids that are no ids and for a negative count.
        """
        if keep_tokens < 0:
            raise ValueError(f"keep_tokens is {keep_tokens}; it can't be below 0")
        namespace = Namespace(lora_task_id, cache_salt_id, extra_ids is not None)
        sequence = HeldRequest(
            namespace, encode(tokens, extra_ids), self.settings.tokens_per_block, _NOTHING_ASKED
        )
        stored = max(0, sequence.length - 1)
        chain = self._pool.tree.chain(
            namespace, sequence.keys(stored) if keep_tokens < stored else ()
        )
        forgotten = 0
        for block in reversed(chain[keep_tokens // self.settings.tokens_per_block :]):
            if block.references or block.children:
                break
            self._pool.forget(block)
            forgotten += 1
        return forgotten

    @staticmethod
    def _blank_unstored(blocks: list[Block]) -> None:
        """Forget what blocks were looked up by that are in no tree."""
        for block in blocks:
            if block.parent is None:
                block.key = b""

    def set_time(self, ms: float) -> None:
        """Say what time it is, in milliseconds of any origin. Nothing else happens before
        `refresh`."""
        self._pool.now = ms

    def refresh(self) -> None:
        """Let every deadline take effect that has come by now; the scheduler does this once an
        iteration."""
        self._pool.idle.expire(self._pool.now)

    @property
    def free_gpu_blocks(self) -> int:
        """Idle GPU blocks, cached content included."""
        return self._pool.idle.free[GPU]

    @property
    def free_host_blocks(self) -> int:
        """Idle host blocks, cached content included."""
        return self._pool.idle.free[HOST]

    def block_ids(self, request_id: Hashable) -> list[int]:
        """The ids of a request's blocks, in order. Raises UnknownRequest."""
        return [block.id for block in self._request(request_id).blocks]

    def slots(self, request_id: Hashable) -> list[int]:
        """The GPU slots that hold a request's blocks, in order; they stay the same while it runs.

        Raises UnknownRequest.
        """
        return [block.slot for block in self._request(request_id).blocks]

    def set_priority(self, request_id: Hashable, block_index: int, priority: int) -> None:
        """Give a block of a running request another priority.

        Raises UnknownRequest, InvalidRetention, and IndexError for a block the request does not
        have.
        """
        blocks = self._request(request_id).blocks
        check_priority(priority)
        if not 0 <= block_index < len(blocks):
            raise IndexError(f"block {block_index} of {len(blocks)}; the first is 0")
        blocks[block_index].priority = priority

    def lookup(
        self,
        tokens: Sequence[int],
        lora_task_id: int | None = None,
        extra_ids: Sequence[int] | None = None,
        cache_salt_id: int | None = None,
    ) -> Lookup:
        """What `add` would reuse of this prompt if nothing had to be evicted for it. Changes
        nothing.

        Raises ValueError for ids that are no ids.
        """
        namespace = Namespace(lora_task_id, cache_salt_id, extra_ids is not None)
        request = HeldRequest(
            namespace, encode(tokens, extra_ids), self.settings.tokens_per_block, _NOTHING_ASKED
        )
        levels: list[int] = []
        matched_tokens = 0
        node: Block | None = self._pool.tree.root(namespace) if self.settings.reuse else None
        for key in request.keys(max(0, request.length - 1)):
            if node is None:
                break
            matched, run, node = self._match(node, key, namespace)
            if matched is not None:
                levels.append(matched.level)
                matched_tokens += run
        return Lookup(matched_tokens, tuple(levels))

    def cached(self) -> list[CachedBlock]:
        """What can be reused now: the blocks of the tree, each behind its parent.

        Hashes are known only where events are on.
        """
        deadlines = self._pool.idle.deadlines()
        return [
            CachedBlock(
                hash=block.hash,
                parent_hash=None if isinstance(block.parent, Root) else block.parent.hash,
                tokens=len(block.key) // root.namespace.unit,
                cache_level=block.level,
                priority=block.priority,
                in_use=block.references > 0,
                deadline_ms=deadlines.get(block.id),
            )
            for root in self._pool.tree.roots()
            for block in below(root)
            if block.parent is not None
        ]

    def count_anew(self) -> None:
        """Let the counters begin at nothing; what lies in the cache stays."""
        self._pool.counters = Counters()

    @property
    def counters(self) -> Counters:
        """What has been counted since the manager was made."""
        return self._pool.counters

    def drain_events(self) -> list[Event]:
        """The events since the last call, oldest first. Each call is a flush."""
        return [] if self._pool.events is None else self._pool.events.drain()

    def drain_copies(self) -> tuple[BlockCopy, ...]:
        """The movements of KV data since the last call, to be carried out in this order."""
        return self._pool.drain_copies()

    def _make_sure_of_room(self, request: HeldRequest) -> Checkpoint | None:
        """Raise OutOfBlocks if the request cannot be admitted. A checkpoint is returned where that
        is not certain.

        Every block takes an idle one, except where it is shared with a running request. Such a
        match can still get lost on the way: if restoring a block from host evicts an idle block
        between the two.
        """
        count = request.blocks_for(request.length)
        free = self._pool.idle.free[GPU]
        if count <= free:
            return None
        shared = certain = 0
        restored = gap = False
        node: Block | None = (
            self._pool.tree.root(request.namespace) if self.settings.reuse else None
        )
        for key in request.keys(request.length - 1):
            if node is None:
                break
            matched, _, node = self._match(node, key, request.namespace)
            if node is None or matched is None:
                break
            if matched.references:
                shared += 1
                certain += not gap
            gap = gap or (restored and not matched.references)
            restored = restored or matched.level == HOST
        if count - shared > free:
            raise OutOfBlocks(count - shared, free)
        if count - certain > free:
            return self._pool.checkpoint()
        return None

    def _admit(self, request: HeldRequest, wanted: list[BlockRetention] | None) -> Admission:
        count = request.blocks_for(request.length)
        counters = self._pool.counters
        total, new = counters.allocated_total, counters.allocated_new
        if self.settings.reuse:
            reused_tokens, reused_blocks = self._match_or_allocate(
                request, wanted or [(None, None)] * count
            )
            missed_blocks = count - reused_blocks
        else:
            reused_tokens = reused_blocks = missed_blocks = 0
            for _ in range(count):
                request.blocks.append(
                    self._pool.allocate(request.decode_priority, request.decode_duration_ms)
                )
        counters.reused += reused_blocks
        counters.missed += missed_blocks
        return Admission(
            reused_tokens,
            reused_blocks,
            missed_blocks,
            counters.allocated_total - total,
            counters.allocated_new - new,
            reused_blocks / (reused_blocks + missed_blocks) if reused_blocks else 0.0,
        )

    def _match_or_allocate(
        self, request: HeldRequest, wanted: list[BlockRetention]
    ) -> tuple[int, int]:
        """Handle the prompt's blocks strictly one after the other. Returns the tokens and blocks
        reused."""
        keys = request.keys(request.length - 1)
        if len(keys) < len(wanted):
            keys.append(b"")
        node: Block | None = self._pool.tree.root(request.namespace)
        tokens = blocks = 0
        for key, (priority, duration_ms) in zip(keys, wanted, strict=True):
            matched = None
            if node is not None and key:
                matched, run, node = self._match(node, key, request.namespace)
            if matched is None:
                node = None
                block = self._pool.allocate(
                    DEFAULT_PRIORITY if priority is None else priority, duration_ms
                )
                block.key = key
            else:
                tokens += run
                blocks += 1
                if (
                    self._pool.events is not None
                    and priority is not None
                    and priority != matched.priority
                ):
                    self._pool.events.reprioritised(matched.hash, matched.priority, priority)
                is_shared = matched.references or matched.children
                if node is None and (is_shared or self.settings.by_pages):
                    block = self._pool.copy(matched, run, key)
                else:
                    self._pool.use(matched, priority, duration_ms)
                    if node is None:
                        self._pool.tree.leave(matched)
                    block = matched
            request.blocks.append(block)
        return tokens, blocks

    def _match(
        self, node: Block, key: bytes, namespace: Namespace
    ) -> tuple[Block | None, int, Block | None]:
        """Look one block up below a node: the match, its tokens, and where to look the next block
        up.

        That is nowhere after a miss or a partial match; an exact match of a block that is not full
        is partial too.
        """
        child = node.children.get(key) if node.children else None
        run = len(key) // namespace.unit
        if child is not None:
            return child, run, child if run == self.settings.tokens_per_block else None
        by_pages = self.settings.by_pages
        is_crowded = by_pages and len(node.children or ()) >= MOST_SEARCHED
        if not self.settings.matches_parts or is_crowded:
            return None, 0, None
        child, run = self._pool.tree.closest(
            node, key, namespace, private=not (self.settings.copy_on_partial_reuse or by_pages)
        )
        return child, run, None

    def _request(self, request_id: Hashable) -> HeldRequest:
        try:
            return self._requests[request_id]
        except KeyError:
            raise UnknownRequest(request_id) from None
