"""What holds of the block manager after every step of any history."""

from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from msgspec import structs

from charter_engine.kvcache import (
    BlockManager,
    OutOfBlocks,
    PoolSettings,
    Removed,
    Retention,
    Stored,
    TokenRange,
    Updated,
)
from charter_engine.kvcache.manager.blocks import GPU, HOST, Block
from charter_engine.kvcache.manager.tree import below
from tests.unit.kvcache.histories import HISTORIES, Add, Player, settings

pytestmark = pytest.mark.slow

MANY = profile(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def tree_blocks(manager: BlockManager) -> list[Block]:
    return [block for root in manager._pool.tree.roots() for block in below(root)[1:]]


def everything(manager: BlockManager) -> Any:
    """All state there is, as plain values."""
    pool = manager._pool
    return deepcopy(
        (
            [
                (
                    b.id,
                    b.level,
                    b.slot,
                    b.references,
                    b.priority,
                    b.duration_ms,
                    b.key,
                    b.hash,
                    b.expiry,
                    b.queued,
                    b.parent and b.parent.id,
                    b.children and [(k, c.id) for k, c in b.children.items()],
                    b.idle_children,
                )
                for b in pool.blocks
            ],
            [[b.id for b in pool.idle.candidates(level)] for level in (GPU, HOST)],
            pool.idle.free,
            [
                (root.namespace, [c.id for c in (root.children or {}).values()])
                for root in pool.tree.roots()
            ],
            pool.counters,
        )
    )


POOLS = st.one_of(settings(), settings(eviction="v2"), settings(eviction="vllm", host_blocks=0))
"""Those of all managers that serve requests at once."""


@MANY
@given(POOLS, HISTORIES)
def test_no_block_is_lost_or_doubled(pool: PoolSettings, history: list[Any]) -> None:
    manager = BlockManager(pool)
    player = Player(manager)
    for _ in player.play(history):
        blocks = manager._pool.blocks
        gpu_blocks = pool.usable_gpu_blocks
        assert sorted(b.slot for b in blocks if b.level == GPU) == list(range(gpu_blocks))
        assert sorted(b.slot for b in blocks if b.level == HOST) == list(range(pool.host_blocks))
        held = Counter(
            block_id for request in player.tokens for block_id in manager.block_ids(request)
        )
        assert all(block.references == held[block.id] for block in blocks)
        assert all(block.level == GPU for block in blocks if block.references)
        assert manager.free_gpu_blocks == gpu_blocks - len(held)
        assert manager.free_host_blocks == pool.host_blocks
        cached = tree_blocks(manager)
        assert len(set(map(id, cached))) == len(cached) == len(manager.cached())


@MANY
@given(POOLS, HISTORIES)
def test_blocks_in_use_are_never_evicted_or_moved(pool: PoolSettings, history: list[Any]) -> None:
    manager = BlockManager(pool)
    player = Player(manager)
    held: dict[int, list[tuple[int, int]]] = {}
    for _ in player.play(history):
        now = {
            r: list(zip(manager.block_ids(r), manager.slots(r), strict=True)) for r in player.tokens
        }
        for request, blocks in held.items():
            if request in now:
                common = min(len(blocks), len(now[request]))
                assert now[request][:common] == blocks[:common]
        held = now
        assert all(
            not block.references
            for level in (GPU, HOST)
            for block in manager._pool.idle.candidates(level)
        )


@MANY
@given(POOLS, HISTORIES)
def test_reused_slots_hold_exactly_what_the_request_asks_for(
    pool: PoolSettings, history: list[Any]
) -> None:
    size = pool.tokens_per_block
    manager = BlockManager(pool, copies=True)
    data: dict[int, list[list[Any]]] = {
        GPU: [[None] * size for _ in range(pool.gpu_blocks)],
        HOST: [[None] * size for _ in range(pool.host_blocks)],
    }
    written: dict[int, int] = {}
    player = Player(manager)

    def values(request: int) -> list[Any]:
        """The value of a token depends on it and everything before it, as attention does."""
        add = player.adds[request]
        tokens = player.tokens[request]
        extra = [*(add.extra or []), *[0] * len(tokens)]
        found, above = [], hash((add.lora is None, add.lora, add.salt is None, add.salt))
        for token, extra_id in zip(tokens, extra, strict=False):
            above = hash((above, token, extra_id))
            found.append(above)
        return found

    def compute(request: int, start: int) -> None:
        slots, wanted = manager.slots(request), values(request)
        for position in range(start, len(wanted) - 1):
            data[GPU][slots[position // size]][position % size] = wanted[position]

    for step in player.play(history):
        for copy in manager.drain_copies():
            source, target = data[copy.source_level], data[copy.target_level]
            if copy.kind == "exchange":
                source[copy.source_slot], target[copy.target_slot] = (
                    target[copy.target_slot],
                    source[copy.source_slot],
                )
            else:
                target[copy.target_slot][: copy.tokens] = source[copy.source_slot][: copy.tokens]
        if step.refused or step.request not in player.tokens:
            continue
        if isinstance(step.op, Add):
            slots, wanted, reused = (
                manager.slots(step.request),
                values(step.request),
                step.answer.reused_tokens,
            )
            assert [data[GPU][slots[p // size]][p % size] for p in range(reused)] == wanted[:reused]
            compute(step.request, reused)
        elif step.op[0] == "append":
            compute(step.request, written[step.request])
        written[step.request] = len(player.tokens[step.request]) - 1


@MANY
@given(settings(eviction="leaf"), HISTORIES)
def test_leaf_rule_protects_the_parents_of_idle_blocks(
    pool: PoolSettings, history: list[Any]
) -> None:
    manager = BlockManager(pool)
    for _ in Player(manager).play(history):
        for level in (GPU, HOST):
            for block in manager._pool.idle.candidates(level):
                children = (block.children or {}).values()
                assert not any(not child.references and child.level <= level for child in children)


TAKEN_BACK = [
    Add([0, 1, 2, 3]), ("append", 0, [4]), ("store", 0), ("rewind", 0, 1), ("finish", 0),
]  # fmt: skip
"""A request whose last block was stored whole before its last token was taken back."""


@MANY
@example(PoolSettings(4, 4, partial_reuse=False), TAKEN_BACK)
@example(PoolSettings(4, 4), TAKEN_BACK)
@given(settings(), HISTORIES)
def test_what_a_finish_stored_is_found(pool: PoolSettings, history: list[Any]) -> None:
    """All tokens but the last one; or with that one, where its block was stored before: a block has
    one place in the tree, and only a partial match finds it under a shorter key."""
    manager = BlockManager(pool)
    player = Player(manager)
    for step in player.play(history):
        if isinstance(step.op, tuple) and step.op[0] == "finish":
            add, tokens = player.adds[step.request], player.finished
            extra = (
                None if add.extra is None else [*add.extra, *[0] * (len(tokens) - len(add.extra))]
            )
            found = manager.lookup([*tokens[:-1], 99], add.lora, extra, add.salt)
            if found.matched_tokens != len(tokens) - 1:
                assert not (pool.partial_reuse and pool.copy_on_partial_reuse)
                whole = manager.lookup([*tokens, 99], add.lora, extra and [*extra, 0], add.salt)
                assert whole.matched_tokens == len(tokens)


@MANY
@given(POOLS, HISTORIES)
def test_lookup_changes_nothing(pool: PoolSettings, history: list[Any]) -> None:
    manager = BlockManager(pool)
    for step in Player(manager).play(history):
        if isinstance(step.op, Add):
            before = everything(manager)
            manager.lookup(step.op.tokens, step.op.lora, step.op.extra, step.op.salt)
            assert everything(manager) == before


@MANY
@given(settings(), HISTORIES)
def test_what_is_refused_changes_nothing(pool: PoolSettings, history: list[Any]) -> None:
    manager = BlockManager(pool, events=True)
    before = everything(manager)
    for step in Player(manager).play(history):
        after = everything(manager)
        if step.refused:
            assert after == before
            assert not manager.drain_events() or step.request == 1
        manager.drain_events()
        before = after


@MANY
@given(settings(), HISTORIES)
def test_events_rebuild_the_tree(pool: PoolSettings, history: list[Any]) -> None:
    """Blocks taken over in place leave the tree without an event, so the rebuilt tree may hold
    more, never less."""
    manager = BlockManager(pool, events=True, event_buffer=100_000)
    rebuilt: dict[int, list[int | None]] = {}
    for _ in Player(manager).play(history):
        for event in manager.drain_events():
            match event:
                case Stored(_, parent, blocks):
                    for block in blocks:
                        rebuilt[block.block_hash] = [parent, block.cache_level]
                        parent = block.block_hash
                case Removed(_, hashes):
                    for removed in hashes:
                        del rebuilt[removed]
                case Updated(_, moved, level) if level is not None and moved in rebuilt:
                    rebuilt[moved][1] = level.new_value
        actual = {
            block.hash: [
                block.parent.hash if block.parent and block.parent.id >= 0 else None,
                block.level,
            ]
            for block in tree_blocks(manager)
        }
        assert all(rebuilt[key] == value for key, value in actual.items())


@MANY
@given(settings(gpu_blocks=2000, host_blocks=0), HISTORIES)
def test_without_pressure_both_lines_agree(pool: PoolSettings, history: list[Any]) -> None:
    plain = [
        op if not isinstance(op, Add) else Add(op.tokens, op.lora, op.salt, op.extra)
        for op in history
    ]
    plain = [op for op in plain if isinstance(op, Add) or op[0] != "priority"]
    assert trace(pool, "leaf", plain) == trace(pool, "flat", plain)


@MANY
@given(settings(host_blocks=0, gpu_blocks=5), HISTORIES)
def test_requests_of_one_block_meet_the_same_in_both_lines(
    pool: PoolSettings, history: list[Any]
) -> None:
    def short(op: Any) -> Any:
        size = pool.tokens_per_block
        return Add(op.tokens[:size], op.lora, op.salt, op.extra and op.extra[:size], op.retention)

    adds = [short(op) if isinstance(op, Add) else op for op in history]
    ops = [op for op in adds if isinstance(op, Add) or op[0] in ("store", "finish", "wait")]
    assert trace(pool, "leaf", ops) == trace(pool, "flat", ops)


def trace(pool: PoolSettings, eviction: Any, history: list[Any]) -> list[Any]:
    manager = BlockManager(
        structs.replace(pool, eviction=eviction), events=True, event_buffer=100_000
    )
    player = Player(manager)
    steps = [
        (step.answer, step.refused, [manager.block_ids(r) for r in player.tokens])
        for step in player.play(history)
    ]
    return [steps, manager.drain_events()]


def shared_tail(gpu_blocks: int) -> BlockManager:
    """Block 0 of a prompt on host, 1 and 2 idle on the GPU, 3 below them in use by another
    request."""
    prompt = [0, 1, 2, 3, 4, 5]
    manager = BlockManager(
        PoolSettings(gpu_blocks, 2, host_blocks=1, eviction="flat"), events=True, copies=True
    )
    manager.add(
        "first", [*prompt, 6], retention=Retention((TokenRange(0, 1, 30), TokenRange(4, 5, 31)))
    )
    manager.add("second", [*prompt, 6, 7, 8])
    manager.store_context("first")
    manager.store_context("second")
    manager.finish("first")
    manager.add("other", [50])
    assert manager.lookup([*prompt, 6, 7, 9]).levels == (HOST, GPU, GPU, GPU)
    return manager


def test_admission_that_fails_half_way_is_undone() -> None:
    manager = shared_tail(gpu_blocks=10)
    manager.drain_events()
    before = everything(manager)
    with pytest.raises(OutOfBlocks):
        manager.add("third", [0, 1, 2, 3, 4, 5, 6, 7, 9])
    assert everything(manager) == before
    assert manager.drain_events() == []


def test_a_copy_from_the_host_slot_its_own_allocation_needs_exchanges_the_two() -> None:
    manager = shared_tail(gpu_blocks=10)
    manager.drain_copies()
    admission = manager.add("third", [0, 9, 9])
    assert admission.reused_tokens == 1
    assert [copy.kind for copy in manager.drain_copies()] == ["exchange"]
