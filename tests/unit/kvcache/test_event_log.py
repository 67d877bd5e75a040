"""What a log of KV cache events says about the cache."""

import argparse
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from charter_engine.commands import kv_log
from charter_engine.errors import CharterError
from charter_engine.kvcache import BlockManager, PoolSettings, Retention, TokenRange
from charter_engine.kvcache.manager.event_log import report_event_log
from charter_engine.kvcache.manager.event_map import EventLogReport, Gap
from charter_engine.kvcache.manager.events import Event, Stored, StoredBlock


def log() -> list[bytes]:
    """Four prompts with eight common tokens through a pool of eight GPU and two host blocks."""
    manager = BlockManager(PoolSettings(8, 4, 2), events=True)
    for last in range(4):
        retention = Retention((TokenRange(0, 8, 90),))
        manager.add(last, [1, 2, 3, 4, 5, 6, 7, 8, last, last, last, last, 9], retention=retention)
        manager.finish(last)
    return [encoded(event, 4096) for event in manager.drain_events()]


def encoded(event: Event, window_size: int) -> bytes:
    """An event of the block manager as TensorRT-LLM writes it: one line of a log, without its
    end."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name != "event_id"}
    data: dict[str, Any] = {"type": event.__struct_config__.tag, **fields}
    if isinstance(event, Stored):
        data["blocks"] = [stored_block(block) for block in event.blocks]
    return msgspec.json.encode(
        {"event_id": event.event_id, "data": data, "window_size": window_size}
    )


def stored_block(block: StoredBlock) -> dict[str, Any]:
    extra_ids = block.extra_ids or (0,) * len(block.tokens)
    return {
        "type": "stored_block",
        "block_hash": block.block_hash,
        "tokens": [
            {"type": "unique_token", "token_id": token, "token_extra_id": extra_id}
            for token, extra_id in zip(block.tokens, extra_ids, strict=True)
        ],
        "cache_level": block.cache_level,
        "priority": block.priority,
    }


def stored(event_id: int, block: int, parent: int | None = None, **more: Any) -> dict[str, Any]:
    blocks = [
        {"type": "stored_block", "block_hash": block, "tokens": [{"token_id": 1}] * 4, **more}
    ]
    return {
        "event_id": event_id,
        "data": {"type": "stored", "parent_hash": parent, "blocks": blocks},
        "window_size": 64,
    }


def report(*events: Any) -> EventLogReport:
    return report_event_log(json.dumps(event) for event in events)


def test_the_tree_is_rebuilt_by_level_and_priority() -> None:
    found = report_event_log(log())
    (tree,) = found.trees
    assert (found.complete, found.label, tree.pool_blocks) == (True, "measured", (8, 2))
    assert [(c.cache_level, c.priority, c.blocks, c.tokens) for c in tree.by_level] == [
        (0, 35, 3, 12),
        (0, 90, 2, 8),
        (1, 35, 1, 4),
    ]
    assert (tree.churn.stored, tree.churn.offloaded, tree.churn.unknown) == (6, 1, 0)


def test_sharing_compares_the_tree_with_its_sequences() -> None:
    sharing = report_event_log(log()).trees[0].sharing
    assert (sharing.sequences, sharing.sequence_tokens, sharing.factor) == (4, 48, 2.0)
    assert (
        sharing.shared_blocks,
        sharing.shared_tokens,
        sharing.branches,
        sharing.deepest_tokens,
    ) == (2, 8, 1, 12)


def played(*prompts: list[int], blocks: int = 8) -> tuple[EventLogReport, int]:
    """What the log of a pool with four tokens a block says after these prompts, one after another,
    and how many blocks the pool has of them."""
    manager = BlockManager(PoolSettings(blocks, 4), events=True)
    for number, prompt in enumerate(prompts):
        manager.add(number, prompt)
        manager.finish(number)
    return report_event_log(encoded(one, 64) for one in manager.drain_events()), len(
        manager.cached()
    )


@pytest.mark.parametrize(
    "further",
    [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 5, 7, 7, 7, 7]],
    ids=["its own block, continued", "one that begins like it"],
)
def test_a_block_that_was_taken_over_in_place_is_left_out(further: list[int]) -> None:
    """No event says so: the second request's block took the place of the first one's."""
    found, there = played([1, 2, 3, 4, 5, 6, 9], further)
    assert (found.trees[0].blocks, found.trees[0].churn.taken_over) == (there, 1) == (2, 1)


def test_a_block_that_others_continue_is_copied_and_stays() -> None:
    found, there = played([*range(9)], [0, 1, 2, 7, 7])
    assert (found.trees[0].blocks, found.trees[0].churn.taken_over) == (there, 0) == (3, 0)


def test_there_are_never_more_blocks_than_the_pool_has_room_for() -> None:
    created = {
        "event_id": 0,
        "data": {"type": "created", "num_blocks_per_cache_level": [2, 0]},
        "window_size": 64,
    }
    unlike = [stored(n, n, tokens=[{"token_id": n}] * 4) for n in (1, 2, 3)]
    found = report(created, *unlike)
    assert found.trees[0].blocks == 2


def test_a_block_that_is_mentioned_again_had_not_been_taken_over() -> None:
    found = report(stored(0, 1), stored(1, 2), stored(2, 3, 1))
    assert found.complete
    assert found.trees[0].blocks == 3, "the first one was in use, and copied"


def test_missing_ids_are_reported_as_loss() -> None:
    found = report(stored(0, 1), stored(1, 2, 1), stored(5, 4, 3))
    assert (found.complete, found.lost_events) == (False, 3)
    assert found.gaps == (Gap(1, 5, 3),)
    assert found.trees[0].churn.unknown == 1, "the parent's event is among the lost ones"


def test_every_rank_counts_its_own_ids() -> None:
    found = report(
        {**stored(0, 1), "attention_dp_rank": 0}, {**stored(0, 1), "attention_dp_rank": 1}
    )
    assert (found.complete, len(found.trees)) == (True, 2)


def test_removed_content_that_comes_back_is_counted() -> None:
    removed = {"event_id": 1, "data": {"type": "removed", "block_hashes": [1]}, "window_size": 64}
    (tree,) = report(stored(0, 1), removed, stored(2, 1)).trees
    assert (tree.blocks, tree.churn.removed, tree.churn.stored_again) == (1, 1, 1)


def test_a_restarted_server_begins_with_an_empty_tree() -> None:
    created = {
        "event_id": 0,
        "data": {"type": "created", "num_blocks_per_cache_level": [4, 0]},
        "window_size": 64,
    }
    found = report(created, stored(1, 1), stored(2, 2, 1), created, stored(1, 3))
    assert (found.restarts, found.trees[0].blocks) == (1, 1)


def test_polls_with_lists_and_events_without_an_envelope_are_read() -> None:
    flat = {
        "event_id": 2,
        "type": "updated",
        "block_hash": 1,
        "priority": {"old_value": 35, "new_value": 80},
    }
    found = report([stored(0, 1), stored(1, 2, 1)], [], {**flat, "window_size": 64})
    assert found.by_type == {"created": 0, "stored": 2, "removed": 0, "updated": 1}
    assert found.trees[0].churn.reprioritised == 1


POLLS: list[Any] = [[stored(0, 1)], [stored(1, 2, 1), stored(2, 3, 1)]]


@pytest.mark.parametrize(
    "saved",
    [
        "\n".join(json.dumps(poll) for poll in POLLS),
        "".join(json.dumps(poll) for poll in POLLS),
        "\n".join(json.dumps(poll, indent=2) for poll in POLLS),
        "\n".join(json.dumps(event, indent=1) for poll in POLLS for event in poll),
        "\n".join(str(poll) for poll in POLLS),
        json.dumps([event for poll in POLLS for event in poll]),
    ],
    ids=["lines", "without line ends", "through jq", "through jq -c .[]", "by Python", "one list"],
)
def test_logs_are_read_as_people_save_them(saved: str) -> None:
    found = report_event_log(saved.encode().splitlines(keepends=True))
    assert (found.events, found.complete, found.bad_line_count) == (3, True, 0)
    assert found.trees[0].sharing.sequences == 2


def test_a_document_without_an_end_is_named_by_where_it_begins() -> None:
    found = report_event_log([b"", b"[\n", b'  {"event_id": 1}\n'])
    assert [bad.line for bad in found.bad_lines] == [2]


def test_parents_that_nobody_stored_make_a_log_incomplete() -> None:
    found = report(stored(0, 1, 77), stored(1, 2, 1))
    assert not found.complete
    assert found.trees[0].unknown_parents == 1


def test_groups_of_layers_have_trees_of_their_own() -> None:
    found = report({**stored(0, 1), "layer_group_id": 0}, {**stored(1, 1), "layer_group_id": 1})
    assert [(tree.layer_group_id, tree.churn.overwritten) for tree in found.trees] == [
        (0, 0),
        (1, 0),
    ]


@pytest.mark.parametrize(
    "line", [b"nope", b'{"event_id": 1', b"\xff\xfe", b'{"event_id": 1}', b"[1]", b"[" * 5000]
)
def test_bad_lines_are_named_and_skipped(line: bytes) -> None:
    found = report_event_log(
        [b"", json.dumps(stored(0, 1)).encode(), line, json.dumps(stored(1, 2, 1)).encode()]
    )
    assert (found.events, found.bad_line_count, found.complete) == (2, 1, False)
    assert found.bad_lines[0].line == 3


def as_typed(path: Path, *, json: bool) -> argparse.Namespace:
    return argparse.Namespace(
        file=str(path), json=json, listen=False, replay=None, drain=False, duration=None
    )


def test_the_command_prints_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(log()) + b"\n{half")
    assert kv_log.run(as_typed(path, json=True)) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["trees"][0]["sharing"]["sequences"] == 4
    assert "line 7 skipped" in printed.err
    assert kv_log.run(as_typed(path, json=False)) == 0
    assert "6 blocks, 24 tokens (measured, incomplete)" in capsys.readouterr().out


def test_the_command_names_the_groups_of_layers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(
        "".join(json.dumps({**stored(0, 1), "layer_group_id": group}) + "\n" for group in (0, 1))
    )
    assert kv_log.run(as_typed(path, json=False)) == 0
    places = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert [place for place in places if "layer group" in place] == [
        "window 64, layer group 0",
        "window 64, layer group 1",
    ]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_packed_logs_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "events.jsonl.packed"
    path.write_bytes(pack(b"\xef\xbb\xbf" + b"\n".join(log())))
    assert kv_log.run(as_typed(path, json=True)) == 0
    assert json.loads(capsys.readouterr().out)["complete"]


@pytest.mark.parametrize("content", [None, b"", b"{}\n", b"\x1f\x8b\x08cut off", b"\xff\xfe{"])
def test_files_without_events_are_wrong_input(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "events.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CharterError) as failure:
        kv_log.run(as_typed(path, json=True))
    assert failure.value.exit_code == 2
