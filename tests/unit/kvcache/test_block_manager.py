"""What the block manager does with requests, as TensorRT-LLM's own manager does it."""

from typing import Any

import pytest

from charter_engine.kvcache import (
    BlockManager,
    Created,
    DuplicateRequest,
    InvalidRetention,
    OutOfBlocks,
    PoolSettings,
    Removed,
    Retention,
    Stored,
    TokenRange,
    UnknownRequest,
    Updated,
)

NINE = list(range(9))
LINES = pytest.mark.parametrize("eviction", ["leaf", "flat"])


def everywhere(priority: int, duration_ms: int | None = None, **decode: Any) -> Retention:
    return Retention((TokenRange(0, None, priority, duration_ms),), **decode)


def run(
    manager: BlockManager,
    request: int,
    tokens: list[int],
    new: list[int] | None = None,
    **options: Any,
) -> Any:
    """Start a request, generate, finish it; what it took."""
    admission = manager.add(request, tokens, **options)
    manager.append(request, new or [])
    manager.finish(request)
    return admission


# Reuse


def test_a_prompt_reuses_all_but_its_last_token() -> None:
    manager = BlockManager(PoolSettings(8, 4))
    manager.add(0, NINE)
    assert manager.block_ids(0) == [0, 1, 2]
    manager.append(0, [9, 10])
    manager.finish(0)
    assert manager.add(1, NINE).reused_tokens == 8
    assert manager.block_ids(1) == [0, 1, 3]


def test_a_partial_match_of_an_idle_leaf_takes_it_over() -> None:
    manager = BlockManager(PoolSettings(8, 4))
    run(manager, 0, NINE, [9, 10])
    assert manager.add(1, [*NINE, 9]).reused_tokens == 9
    assert manager.block_ids(1) == [0, 1, 2]
    assert manager.add(2, [*NINE, 9, 10]).reused_tokens == 8, (
        "what was taken over is forgotten at once"
    )
    assert manager.block_ids(2) == [0, 1, 3]
    manager.finish(1)
    manager.finish(2)
    assert manager.add(3, [*NINE, 9, 11]).reused_tokens == 10, "both come back under their own keys"


def test_a_partial_match_of_a_block_with_children_is_copied() -> None:
    manager = BlockManager(PoolSettings(8, 4), copies=True)
    run(manager, 0, NINE)
    assert manager.add(1, [0, 1, 7, 7]).reused_tokens == 2
    (copy,) = manager.drain_copies()
    assert (copy.kind, copy.source_slot, copy.target_slot, copy.tokens) == (
        "partial",
        0,
        manager.slots(1)[0],
        2,
    )
    assert manager.lookup(NINE).matched_tokens == 8


def test_a_copy_inherits_the_priority_of_what_it_copies() -> None:
    manager = BlockManager(PoolSettings(4, 4), events=True)
    run(manager, 0, NINE, retention=everywhere(80))
    manager.add(1, [0, 1, 7, 7, 7], retention=everywhere(10))
    manager.drain_events()
    manager.finish(1)
    (stored,) = manager.drain_events()
    assert isinstance(stored, Stored)
    assert stored.blocks[0].priority == 80


@pytest.mark.parametrize(
    ("length", "partial", "reused"),
    [
        (64, True, 63),
        (65, True, 64),
        (33, True, 32),
        (32, True, 31),
        (1, True, 0),
        (64, False, 32),
        (65, False, 64),
        (33, False, 32),
        (32, False, 0),
    ],
)
def test_reuse_of_a_repeated_prompt(length: int, partial: bool, reused: int) -> None:
    manager = BlockManager(PoolSettings(16, 32, partial_reuse=partial))
    prompt = list(range(length))
    run(manager, 0, prompt, list(range(1000, 1040)))
    assert manager.add(1, prompt).reused_tokens == reused


def test_a_block_stored_whole_stays_whole_when_its_last_token_is_taken_back() -> None:
    manager = BlockManager(PoolSettings(8, 4, partial_reuse=False))
    manager.add(0, [0, 1, 2, 3])
    manager.append(0, [4])
    manager.store_context(0)
    manager.rewind(0, 1)
    manager.finish(0)
    assert manager.lookup([0, 1, 2, 3, 9]).matched_tokens == 4
    assert manager.lookup([0, 1, 2, 9]).matched_tokens == 0


def test_a_shorter_block_of_the_same_content_is_matched_with_partial_reuse_disabled() -> None:
    manager = BlockManager(PoolSettings(8, 4, partial_reuse=False))
    run(manager, 0, NINE[:7])
    assert manager.add(1, NINE[:7]).reused_tokens == 6


def test_without_copies_only_idle_leaves_are_matched_in_part() -> None:
    manager = BlockManager(PoolSettings(8, 4, copy_on_partial_reuse=False))
    run(manager, 0, NINE)
    assert manager.add(1, [0, 1, 7, 7]).reused_tokens == 0


def test_running_requests_share_full_blocks_once_their_context_is_stored() -> None:
    manager = BlockManager(PoolSettings(16, 32))
    prompt = list(range(64))
    manager.add(0, prompt)
    assert manager.add(1, prompt).reused_tokens == 0
    manager.store_context(0)
    assert manager.lookup([*prompt, 64]).matched_tokens == 32
    assert manager.add(2, prompt).reused_blocks == 1
    assert manager.block_ids(2)[0] == manager.block_ids(0)[0]


def test_a_shortened_sequence_stores_only_what_it_keeps() -> None:
    manager = BlockManager(PoolSettings(8, 4))
    manager.add(0, [*NINE, 9, 12])
    manager.finish(0, keep_tokens=9)
    assert manager.lookup([*NINE, 9, 12]).matched_tokens == 8


def test_without_reuse_nothing_is_looked_up_or_stored() -> None:
    manager = BlockManager(PoolSettings(8, 4, reuse=False))
    run(manager, 0, NINE)
    admission = manager.add(1, NINE)
    assert (admission.reused_tokens, admission.missed_blocks, admission.allocated_total) == (
        0,
        0,
        3,
    )


def test_counts_of_a_request() -> None:
    manager = BlockManager(PoolSettings(16, 4))
    first = run(manager, 0, NINE)
    assert (
        first.reused_blocks,
        first.missed_blocks,
        first.allocated_total,
        first.allocated_new,
    ) == (0, 3, 3, 3)
    second = manager.add(1, NINE)
    assert (
        second.reused_blocks,
        second.missed_blocks,
        second.allocated_total,
        second.allocated_new,
    ) == (2, 1, 1, 1)
    assert second.hit_rate == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("stored", "asked", "reused"),
    [
        ({"lora_task_id": 0}, {"lora_task_id": 0}, 8),
        ({"lora_task_id": 0}, {"lora_task_id": 1}, 0),
        ({"lora_task_id": 0}, {}, 0),
        ({"cache_salt_id": 5}, {"cache_salt_id": 5}, 8),
        ({"cache_salt_id": 5}, {}, 0),
        ({"extra_ids": [1, 1, 2, 2, 3, 3, 0, 0, 0]}, {"extra_ids": [1, 1, 2, 2, 3, 3, 0, 0, 0]}, 8),
        ({"extra_ids": [1, 1, 2, 2, 3, 3, 0, 0, 0]}, {"extra_ids": [1, 1, 2, 2, 4, 4, 0, 0, 0]}, 4),
        ({"extra_ids": [1, 1, 2, 2, 3, 3, 0, 0, 0]}, {"extra_ids": [4, 4, 5, 5, 6, 6, 0, 0, 0]}, 0),
        ({}, {"extra_ids": [0] * 9}, 4),
        ({"extra_ids": [0] * 9}, {}, 4),
        ({"extra_ids": [0, 0, 1, 0, 0, 0, 0, 0, 0]}, {}, 2),
    ],
)
def test_content_is_shared_only_under_the_same_lora_salt_and_extra_ids(
    stored: dict[str, Any], asked: dict[str, Any], reused: int
) -> None:
    manager = BlockManager(PoolSettings(16, 4))
    run(manager, 0, NINE, **stored)
    assert manager.lookup(NINE, **asked).matched_tokens == reused
    assert manager.add(1, NINE, **asked).reused_tokens == reused


# Eviction


@LINES
def test_the_tail_of_a_sequence_goes_before_its_head(eviction: Any) -> None:
    manager = BlockManager(PoolSettings(4, 4, eviction=eviction))
    run(manager, 0, NINE)
    run(manager, 1, [50, 51, 52, 53, 54])
    assert manager.lookup(NINE).matched_tokens == 8
    manager.add(2, [60])
    assert manager.lookup(NINE).matched_tokens == 4


def test_low_priorities_go_before_blank_blocks_and_high_ones_stay() -> None:
    manager = BlockManager(PoolSettings(4, 4))
    manager.add(0, NINE[:8], retention=Retention((TokenRange(0, 4, 90), TokenRange(4, 8, 10)), 20))
    manager.add(1, list(range(10, 18)))
    manager.finish(0)
    manager.finish(1)
    run(manager, 2, list(range(20, 28)), retention=everywhere(20))
    assert run(manager, 3, list(range(10, 18))).reused_tokens == 4
    assert manager.add(4, NINE[:8]).reused_tokens == 4
    assert manager.add(5, list(range(20, 28))).reused_tokens == 0


def test_leaf_rule_keeps_a_low_priority_head_below_which_something_is_cached() -> None:
    retention = Retention((TokenRange(0, 4, 10), TokenRange(4, None, 80)))
    kept = {}
    for eviction in ("leaf", "flat"):
        manager = BlockManager(PoolSettings(3, 4, eviction=eviction))
        run(manager, 0, NINE[:8], retention=retention)
        manager.add(1, [50])
        manager.add(2, [51])
        kept[eviction] = manager.lookup(NINE).matched_tokens
    assert kept == {"leaf": 4, "flat": 0}


def test_decode_blocks_have_the_decode_priority() -> None:
    manager = BlockManager(PoolSettings(8, 4))
    manager.add(0, list(range(12)), retention=everywhere(5, decode_priority=90))
    manager.append(0, [0, 0])
    manager.add(1, list(range(12, 24)), retention=everywhere(90, decode_priority=5))
    manager.append(1, [0, 0])
    assert manager.free_gpu_blocks == 0
    manager.finish(0)
    manager.finish(1)
    run(manager, 2, list(range(24, 36)))
    assert manager.add(3, list(range(12))).reused_tokens == 8


def test_rewinding_gives_the_emptied_block_back_first() -> None:
    manager = BlockManager(PoolSettings(8, 4, reuse=False))
    manager.add(0, list(range(7)))
    manager.append(0, [0])
    assert len(manager.block_ids(0)) == 2
    manager.append(0, [0])
    assert manager.block_ids(0) == [0, 1, 2]
    manager.rewind(0, 1)
    assert manager.block_ids(0) == [0, 1]
    manager.append(0, [0])
    assert manager.block_ids(0) == [0, 1, 2]


def test_a_prompt_cannot_be_rewound() -> None:
    manager = BlockManager(PoolSettings(8, 4))
    manager.add(0, NINE)
    with pytest.raises(ValueError, match="0 were generated"):
        manager.rewind(0, 1)


# Truncating


def test_the_end_of_a_sequence_that_nothing_continues_can_be_forgotten() -> None:
    manager = BlockManager(PoolSettings(8, 4), events=True)
    run(manager, 0, list(range(13)))
    manager.drain_events()
    assert manager.truncate(list(range(13)), 4) == 2
    assert manager.lookup(list(range(13))).matched_tokens == 4
    assert [type(event) for event in manager.drain_events()] == [Removed]
    assert run(manager, 1, list(range(50, 58))).allocated_new == 2


def test_forgotten_blocks_are_taken_before_all_others() -> None:
    manager = BlockManager(PoolSettings(4, 4))
    run(manager, 0, list(range(9)))
    manager.truncate(list(range(9)), 4)
    run(manager, 1, list(range(50, 58)))
    assert manager.lookup(list(range(9))).matched_tokens == 4


def test_what_other_content_continues_or_a_request_uses_is_not_forgotten() -> None:
    manager = BlockManager(PoolSettings(16, 4))
    run(manager, 0, list(range(9)))
    run(manager, 1, [*range(8), *range(60, 65)])
    assert manager.truncate(list(range(9)), 0) == 0
    manager.add(2, [*range(8), *range(60, 65)])
    assert manager.truncate([*range(8), *range(60, 65)], 8) == 0
    manager.finish(2)
    assert manager.truncate([*range(8), *range(60, 65)], 8) == 1


def test_a_block_with_nothing_but_tokens_to_keep_is_kept() -> None:
    manager = BlockManager(PoolSettings(8, 4))
    run(manager, 0, list(range(7)))
    assert manager.truncate(list(range(7)), 6) == 0
    assert manager.truncate(list(range(7)), 5) == 1


def test_a_negative_count_of_tokens_to_keep_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be below 0"):
        BlockManager(PoolSettings(8, 4)).truncate(NINE, -1)


# Durations


def test_a_priority_lasts_until_the_refresh_after_its_deadline() -> None:
    manager = BlockManager(PoolSettings(8, 4))
    run(manager, 0, list(range(12)), retention=everywhere(80, 10))
    run(manager, 1, list(range(12, 24)), retention=everywhere(50))
    manager.set_time(50)
    manager.refresh()
    run(manager, 2, [1] * 12)
    assert manager.add(3, list(range(12, 24))).reused_tokens == 11


def test_a_deadline_counts_from_the_release_and_takes_effect_only_at_a_refresh() -> None:
    manager = BlockManager(PoolSettings(2, 4))
    manager.add(0, [1, 2, 3, 4], retention=everywhere(80, 3))
    manager.add(1, [5, 6, 7, 8], retention=everywhere(50, 8))
    manager.set_time(5)
    manager.finish(0)
    manager.finish(1)
    manager.refresh()
    manager.set_time(9)
    assert manager.lookup([5, 6, 7, 8]).matched_tokens == 3
    manager.refresh()
    manager.add(2, [9])
    assert manager.lookup([1, 2, 3, 4]).matched_tokens == 0
    assert manager.lookup([5, 6, 7, 8]).matched_tokens == 3


def test_reuse_without_a_range_keeps_the_priority_and_ends_the_duration() -> None:
    manager = BlockManager(PoolSettings(3, 4))
    run(manager, 0, [1, 2, 3, 4, 5], retention=everywhere(80, 10))
    run(manager, 1, [1, 2, 3, 4, 5])
    manager.set_time(100)
    manager.refresh()
    for request in range(2, 6):
        run(manager, request, [50 + request] * 5)
    assert manager.lookup([1, 2, 3, 4, 5]).matched_tokens == 4


# The host tier


def test_evicted_content_moves_to_host_and_comes_back_under_its_id() -> None:
    manager = BlockManager(PoolSettings(2, 4, host_blocks=2))
    run(manager, 0, NINE[:8])
    run(manager, 1, list(range(20, 28)))
    assert manager.lookup(NINE).levels == (1, 1)
    admission = manager.add(2, NINE[:5])
    assert manager.block_ids(2)[0] == 0
    assert (admission.reused_tokens, admission.reused_blocks, admission.allocated_total) == (
        4,
        1,
        2,
    )
    assert manager.free_host_blocks == 2


def test_priorities_below_the_floor_are_not_offloaded() -> None:
    manager = BlockManager(PoolSettings(2, 4, host_blocks=2))
    run(manager, 0, NINE[:8], retention=everywhere(29))
    run(manager, 1, list(range(20, 28)))
    assert manager.lookup(NINE).matched_tokens == 0


def test_a_host_block_can_have_a_child_on_the_gpu() -> None:
    manager = BlockManager(PoolSettings(4, 4, host_blocks=4))
    run(manager, 0, list(range(12)))
    run(manager, 1, [1, 1, *range(2, 12)])
    assert manager.add(2, [0, 1, 2, 3]).reused_tokens == 3
    manager.store_context(2)
    manager.append(2, [4, 5, 6, 7, 0, 0])
    manager.finish(2)
    assert manager.add(3, [0, 1, 2, 3, 4, 5, 6, 7, 0, 0]).reused_tokens == 9


def test_dropping_a_block_detaches_what_lies_below_it_on_host() -> None:
    manager = BlockManager(PoolSettings(4, 4, host_blocks=1))
    manager.add(0, [0, 1, 2, 3])
    manager.store_context(0)
    manager.append(0, list(range(4, 12)))
    manager.set_priority(0, 1, 0)
    manager.add(1, [100, 101, 102, 103])
    manager.store_context(1)
    assert (manager.block_ids(0), manager.free_gpu_blocks) == ([0, 1, 2], 0)
    manager.finish(0)
    manager.append(1, [104])
    assert manager.lookup(list(range(13))).levels == (0, 0, 1)
    assert manager.block_ids(1) == [3, 4]
    manager.append(1, [105, 106, 107, 108])
    assert manager.lookup(list(range(13))).levels == (0,)


# Events


def test_events_tell_what_was_stored_moved_and_removed() -> None:
    manager = BlockManager(PoolSettings(8, 4, host_blocks=2), events=True)
    (created,) = manager.drain_events()
    assert created == Created(0, (8, 2))
    manager.add(0, list(range(10)), lora_task_id=42)
    manager.store_context(0)
    (first,) = manager.drain_events()
    assert isinstance(first, Stored)
    assert first.parent_hash is None
    assert [(b.tokens, b.lora_id, b.cache_level) for b in first.blocks] == [
        ((0, 1, 2, 3), 42, 0),
        ((4, 5, 6, 7), 42, 0),
    ]
    manager.append(0, [0])
    manager.finish(0)
    (second,) = manager.drain_events()
    assert isinstance(second, Stored)
    assert (second.event_id, second.parent_hash, len(second.blocks)) == (
        2,
        first.blocks[-1].block_hash,
        1,
    )
    run(manager, 1, NINE, lora_task_id=42)
    assert manager.drain_events() == [], "nothing new was stored"
    manager.add(2, [1, *range(1, 13)])
    manager.add(3, [2, *range(1, 13)])
    *moves, removed = manager.drain_events()
    assert [
        (e.cache_level.old_value, e.cache_level.new_value)
        for e in moves
        if isinstance(e, Updated) and e.cache_level
    ] == [(0, 1)] * 3
    assert isinstance(moves[0], Updated)
    assert isinstance(removed, Removed)
    assert removed.block_hashes == (moves[0].block_hash,), "what was offloaded first goes first"
    manager.finish(2)
    manager.finish(3)
    assert [len(e.blocks) for e in manager.drain_events() if isinstance(e, Stored)] == [3, 3]
    manager.add(4, [0, 1, 2, 3, 1, 1, 1, 1, 0], lora_task_id=42)
    restored, offloaded, removed = manager.drain_events()
    assert isinstance(restored, Updated)
    assert isinstance(offloaded, Updated)
    assert restored.cache_level is not None
    assert offloaded.cache_level is not None
    assert (restored.cache_level.new_value, offloaded.cache_level.new_value) == (0, 1)
    assert isinstance(removed, Removed)


def test_a_full_buffer_drops_the_oldest_events() -> None:
    manager = BlockManager(PoolSettings(8, 4), events=True, event_buffer=1)
    run(manager, 0, NINE)
    (event,) = manager.drain_events()
    assert isinstance(event, Stored)
    assert event.event_id == 1


def test_another_priority_for_matched_content_is_an_event() -> None:
    manager = BlockManager(PoolSettings(8, 4), events=True)
    manager.add(0, NINE[:8], retention=everywhere(50))
    manager.store_context(0)
    manager.finish(0)
    _, *stored = manager.drain_events()
    assert [event.blocks[0].priority for event in stored if isinstance(event, Stored)] == [50, 50]
    run(manager, 1, NINE[:8])
    assert [type(event) for event in manager.drain_events()] == [Stored], (
        "the partial block; no priority changed"
    )
    manager.add(2, NINE[:8], retention=everywhere(10))
    changes = [event.priority for event in manager.drain_events() if isinstance(event, Updated)]
    assert [(change.old_value, change.new_value) for change in changes if change] == [
        (50, 10),
        (50, 10),
    ]


def test_without_events_there_are_none() -> None:
    manager = BlockManager(PoolSettings(8, 4))
    run(manager, 0, NINE)
    assert manager.drain_events() == []


# Refusals


def test_what_cannot_be_is_refused() -> None:
    manager = BlockManager(PoolSettings(2, 4))
    manager.add(0, [1, 2, 3, 4, 5])
    with pytest.raises(DuplicateRequest):
        manager.add(0, [1])
    with pytest.raises(OutOfBlocks):
        manager.add(1, [1])
    with pytest.raises(OutOfBlocks):
        manager.append(0, [6, 7, 8, 9])
    with pytest.raises(UnknownRequest):
        manager.finish(1)
    with pytest.raises(InvalidRetention):
        manager.set_priority(0, 0, 101)
    with pytest.raises(IndexError):
        manager.set_priority(0, 2, 50)
    with pytest.raises(ValueError, match="keep_tokens"):
        manager.finish(0, keep_tokens=6)
    manager.append(0, [6, 7, 8])
    manager.finish(0)


@pytest.mark.parametrize(
    "bad", [{"tokens": []}, {"tokens": [-1]}, {"tokens": ["a"]}, {"tokens": [1], "extra_ids": []}]
)
def test_prompts_that_are_none_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="token"):
        BlockManager(PoolSettings(2, 4)).add(0, **bad)


@pytest.mark.parametrize(("gpu", "tokens", "host"), [(0, 4, 0), (4, 0, 0), (4, 4, -1)])
def test_pools_that_cannot_be_are_refused(gpu: int, tokens: int, host: int) -> None:
    with pytest.raises(ValueError, match="block"):
        PoolSettings(gpu, tokens, host)
