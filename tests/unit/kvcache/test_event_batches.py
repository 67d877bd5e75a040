"""Batches of KV events as vLLM and SGLang publish them, and the tree they describe."""

from typing import Any

import msgspec
import pytest

from charter_engine.kvcache.manager.event_batches import follow_batch, read_batch
from charter_engine.kvcache.manager.event_map import EventLogReport, EventMap

SIZE = 4


def batch(*events: object, rank: int | None = 0) -> bytes:
    return msgspec.msgpack.encode([1795694454.6, list(events), rank])


def stored(hashes: list[Any], parent: Any = None, **more: Any) -> dict[str, Any]:
    """As vLLM 0.32 writes it."""
    return {
        "type": "BlockStored",
        "block_hashes": hashes,
        "parent_block_hash": parent,
        "token_ids": list(range(SIZE * len(hashes))),
        "block_size": SIZE,
        "lora_id": None,
        "medium": "GPU",
        "extra_keys": [None] * len(hashes),
        "group_idx": 0,
        **more,
    }


def removed(*hashes: int) -> dict[str, Any]:
    return {"type": "BlockRemoved", "block_hashes": list(hashes), "medium": "GPU", "group_idx": 0}


def told(*messages: bytes) -> EventLogReport:
    return numbered(*enumerate(messages))


def numbered(*messages: tuple[int, bytes]) -> EventLogReport:
    found = EventMap()
    for number, message in messages:
        follow_batch(found, number, message)
    return found.report()


def test_a_chain_hangs_below_its_parent() -> None:
    (tree,) = told(batch(stored([1, 2])), batch(stored([3], 2), stored([4], 2))).trees
    assert (tree.blocks, tree.tokens) == (4, 4 * SIZE)
    assert tree.sharing.sequences == 2 and tree.sharing.shared_blocks == 2


def test_what_was_removed_is_gone_and_told_when_it_comes_back() -> None:
    (tree,) = told(batch(stored([1, 2])), batch(removed(2), stored([2], 1))).trees
    assert tree.blocks == 2
    assert (tree.churn.removed, tree.churn.stored_again) == (1, 1)


def test_events_written_as_arrays_are_read_alike() -> None:
    """As SGLang and older releases of vLLM write them."""
    rows = batch(
        ["BlockStored", [1, 2], None, list(range(2 * SIZE)), SIZE, None], ["BlockRemoved", [2]]
    )
    maps = batch(stored([1, 2]), removed(2))
    assert told(rows).trees == told(maps).trees


def test_hashes_of_bytes_are_told_apart() -> None:
    (tree,) = told(batch(stored([b"\x01", b"\x02"], b"\x00"))).trees
    assert tree.blocks == 2 and tree.unknown_parents == 1


def test_a_cleared_cache_is_empty() -> None:
    for cleared in ({"type": "AllBlocksCleared"}, ["AllBlocksCleared"]):
        (tree,) = told(batch(stored([1, 2])), batch(cleared)).trees
        assert tree.blocks == 0


def test_blocks_on_other_media_lie_on_lower_levels() -> None:
    (tree,) = told(batch(stored([1]), stored([2], 1, medium="CPU"))).trees
    assert [(one.cache_level, one.blocks) for one in tree.by_level] == [(0, 1), (1, 1)]


def test_each_engine_has_a_tree_and_numbers_of_its_own() -> None:
    report = numbered(
        (0, batch(stored([1]), rank=0)),
        (0, batch(stored([1]), rank=1)),
        (1, batch(stored([2], 1), rank=0)),
    )
    assert [(tree.attention_dp_rank, tree.blocks) for tree in report.trees] == [(0, 2), (1, 1)]
    assert report.complete and not report.restarts


def test_what_one_engine_clears_the_others_keep() -> None:
    trees = numbered(
        (0, batch(stored([1]), rank=0)),
        (0, batch(stored([1]), rank=1)),
        (1, batch(["AllBlocksCleared"], rank=1)),
    ).trees
    assert [tree.blocks for tree in trees] == [1, 0]


def test_a_page_that_was_copied_to_the_host_stays_there_when_it_leaves_the_gpu() -> None:
    """As SGLang's hierarchical cache tells it; its other levels lie in host memory as well."""
    page = ["BlockStored", [1], None, list(range(SIZE)), SIZE, None]
    copied = batch([*page, "GPU"], [*page, "CPU"])
    left = batch(["BlockRemoved", [1], "GPU"])
    (tree,) = told(copied, left).trees
    assert [(one.cache_level, one.blocks) for one in tree.by_level] == [(1, 1)]
    assert (tree.churn.stored, tree.churn.removed, tree.churn.offloaded) == (1, 0, 1)
    (restored,) = told(copied, left, batch([*page, "GPU"])).trees
    assert restored.by_level[0].cache_level == 0 and restored.churn.onboarded == 1
    (gone,) = told(copied, left, batch(["BlockRemoved", [1], "CPU"])).trees
    assert (gone.blocks, gone.churn.removed) == (0, 1)


def test_pages_of_a_node_that_is_split_were_not_computed_again() -> None:
    """SGLang removes the pages of a node and stores them again as two."""
    first = ["BlockStored", [1], None, list(range(SIZE)), SIZE, None, "GPU"]
    second = ["BlockStored", [2], 1, list(range(SIZE)), SIZE, None, "GPU"]
    (tree,) = told(
        batch(first, second), batch(["BlockRemoved", [1, 2], "GPU"], first, second)
    ).trees
    assert tree.blocks == 2
    assert (tree.churn.removed, tree.churn.stored_again) == (0, 0)


def test_fields_of_later_releases_are_left_alone() -> None:
    (tree,) = told(batch(stored([1], kv_cache_spec_kind="full_attention", later=7))).trees
    assert tree.blocks == 1


@pytest.mark.parametrize(
    "message", [b"", b"\xc1", batch({"type": "BlockMoved"}), batch(["BlockStored"]), batch(7)]
)
def test_what_is_no_batch_is_refused(message: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_batch(message)


def test_batches_that_were_lost_are_counted() -> None:
    report = numbered((0, batch(stored([1]))), (5, batch(stored([2], 1))))
    assert not report.complete and report.lost_events == 4
    assert (report.gaps[0].after_id, report.gaps[0].before_id) == (0, 5)


def test_a_publisher_that_was_started_anew_has_an_empty_cache() -> None:
    report = numbered(
        (0, batch(stored([1, 2]))), (1, batch(stored([3], 2))), (0, batch(stored([9])))
    )
    assert report.restarts == 1 and report.trees[0].blocks == 1


def test_what_is_no_batch_is_counted_and_the_rest_followed() -> None:
    garbled = batch({"type": "BlockStored\xe9"}).replace(b"\xc3\xa9", b"\xff\xff")
    report = numbered((0, b"\xc1"), (1, garbled), (2, batch(stored([1]))))
    assert report.bad_line_count == 2 and report.trees[0].blocks == 1
