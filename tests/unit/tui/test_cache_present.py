"""The pool as a map, and who holds it, in words and figures."""

from dataclasses import replace as with_fields
from time import gmtime

import pytest
from msgspec.structs import replace

from charter_engine.contracts.contents import ContentsReport, HeldBy, Holding, MeasuredContents
from charter_engine.contracts.live import KvPool
from charter_tui.present.cache import (
    displacement_lines,
    holding_columns,
    holding_rows,
    no_pool_lines,
    note_lines,
    nothing_passed,
    prefix_lines,
    summary_lines,
)
from charter_tui.present.measured_pool import as_measured, is_unknown
from charter_tui.present.pool_map import map_lines, split_of
from charter_tui.present.spans import Line, line_width, text_of
from charter_tui.present.words import EmptyState
from charter_tui.state import Snapshot
from tests.tui.cache_scene import MEASURED_POOL, POOL
from tests.tui.scene import CALLS, CLASSIFICATION, ENTITIES, REPLAY, SESSION, START, TRITON

MEASURED = TRITON.sample.kv_pool
LIVE = Snapshot(session=SESSION, triton=TRITON)


def said(lines: tuple[Line, ...]) -> str:
    return "\n".join(text_of(item) for item in lines)


def test_used_reusable_and_free_add_up_to_the_pool() -> None:
    split = split_of(POOL, MEASURED)
    assert (split.used, split.reusable, split.free) == (308, 610, 106)


def test_blocks_in_use_are_not_reusable_as_well() -> None:
    busy = KvPool(max_blocks=1024, free_blocks=100, used_blocks=924, tokens_per_block=32)
    assert split_of(POOL, busy) == (924, 100, 0)


def test_of_the_blocks_that_events_tell_of_those_in_use_are_not_reusable() -> None:
    shown = as_measured(MEASURED_POOL)
    busy = KvPool(
        max_blocks=1024, free_blocks=865, used_blocks=159, tokens_per_block=32, held_blocks=588
    )
    assert split_of(shown, busy) == (159, 429, 436)


@pytest.mark.parametrize("by", ["node", "session", "priority"])
@pytest.mark.parametrize(("width", "height"), [(78, 2), (198, 10), (40, 3)])
def test_the_map_fills_its_cells_whatever_its_size(by: HeldBy, width: int, height: int) -> None:
    lines = map_lines(POOL, MEASURED, by, width, height)
    assert [line_width(item) for item in lines] == [width] * height


def test_the_map_tells_holders_apart_by_letters_not_by_colour_alone() -> None:
    drawn = said(map_lines(POOL, MEASURED, "node", 100, 4))
    assert all(letter in drawn for letter in "ABCD")
    assert drawn.count("█") == round(400 * 308 / 1024)
    assert drawn.rstrip().endswith("·")


def test_where_cached_blocks_are_in_use_every_holder_is_still_on_the_map() -> None:
    busy = KvPool(max_blocks=1024, free_blocks=400, used_blocks=624, tokens_per_block=32)
    drawn = said(map_lines(POOL, busy, "node", 100, 4))
    assert all(letter in drawn for letter in "ABCD")
    assert "·" not in drawn


def test_a_priority_is_one_holder_wherever_it_lies() -> None:
    drawn = said(map_lines(POOL, MEASURED, "priority", 100, 4))
    assert drawn.count("B") == 1
    assert "C" not in drawn


def test_an_empty_pool_is_all_free() -> None:
    empty = ContentsReport(gpu_blocks=64, tokens_per_block=32)
    assert set(said(map_lines(empty, None, "node", 20, 2)).replace("\n", "")) == {"·"}


def test_the_summary_tells_how_far_prediction_and_measurement_are_apart() -> None:
    text = said(summary_lines(POOL, LIVE, 160, gmtime))
    assert "=308 in use  ~610 reusable  ~106 free  ~96 of 512 on host" in text
    assert "~412 blocks since 14:13:20" in text
    assert "=53.3 %  ~54.1 % (+0.9 points)" in text


def test_a_pool_that_a_push_emptied_says_since_when() -> None:
    emptied = replace(POOL, emptied_at=START)
    assert "Emptied by the push at 14:13:20" in said(summary_lines(emptied, LIVE, 120, gmtime))
    words = nothing_passed(ContentsReport(emptied_at=START), LIVE, gmtime)
    assert "the push at 14:13:20 loaded the engine again" in words.text
    assert "No request has passed yet" in nothing_passed(ContentsReport(), LIVE).text


def test_a_server_that_tells_of_no_reuse_is_not_compared() -> None:
    untold = replace(POOL, compared_tokens=0)
    assert "not reported by the server" in said(summary_lines(untold, LIVE, 160, gmtime))


def test_a_summary_leaves_out_whole_parts_where_there_is_no_room() -> None:
    for made in summary_lines(POOL, LIVE, 60, gmtime):
        assert line_width(made) <= 60
        assert "…" not in text_of(made)


def test_a_holder_tells_for_how_long_its_retention_holds_it() -> None:
    columns = holding_columns(120)
    rows = holding_rows(POOL, "node", columns)
    cells = {column.key: text_of(cell) for column, cell in zip(columns, rows[0].cells, strict=True)}
    assert rows[0].key == ENTITIES
    assert (cells["sign"], cells["name"], cells["blocks"]) == ("A", "entities", "~290")
    assert (cells["used"], cells["held"], cells["host"]) == ("0:04 ago", "~0:26", "~64")


def test_priorities_stand_in_the_order_of_eviction() -> None:
    assert [row.key for row in holding_rows(POOL, "priority", holding_columns(80))] == ["35", "90"]


def test_a_prefix_is_shown_with_what_it_begins_with() -> None:
    text = said(prefix_lines(POOL, CALLS, ENTITIES, 120))
    assert "~0 to 1,952" in text
    assert "You are an expert document analyst." in text
    assert "1,952 to 3,232" not in text


def test_where_no_request_belongs_to_a_call_it_is_said_what_would_change_that() -> None:
    unmatched = replace(POOL, nodes=(Holding(name="", blocks=610),))
    assert "once a plan is live" in said(note_lines(unmatched, 100))
    assert "once a plan is live" not in said(note_lines(POOL, 100))


def test_who_evicted_whom_is_told_of_one_node_or_of_all() -> None:
    assert "~301" in said(displacement_lines(POOL, CLASSIFICATION, 100))
    assert "~111" not in said(displacement_lines(POOL, CLASSIFICATION, 100))
    assert "~111" in said(displacement_lines(POOL, "", 100))
    assert "Nothing was evicted" in said(
        displacement_lines(replace(POOL, displacements=()), "", 99)
    )


def test_without_a_metrics_page_nothing_is_known_to_be_in_use() -> None:
    text = said(summary_lines(POOL, with_fields(LIVE, triton=None), 160, gmtime))
    assert "=0 in use" in text


def test_why_there_is_no_map_is_said_and_of_a_recording_what_it_has_instead() -> None:
    refused = EmptyState("Nobody tells how large the pool is.", refused=True)
    assert refused.text in said(no_pool_lines(LIVE, refused, 80))
    replayed = with_fields(LIVE, replay=REPLAY)
    assert "A recording holds how large" in said(no_pool_lines(replayed, refused, 80))


def test_what_was_measured_takes_the_place_of_what_was_predicted() -> None:
    shown = as_measured(MEASURED_POOL)
    assert (shown.label, shown.cached_blocks, shown.nodes[0].blocks) == ("measured", 588, 262)
    assert as_measured(POOL) is POOL
    assert "~610" not in said(summary_lines(shown, LIVE, 200, gmtime))


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (MeasuredContents(events=1, ranks=2), "2 engines, predicted as one"),
        (MeasuredContents(source="tcp://host:5557"), "no event came from tcp://host:5557 yet"),
        (MeasuredContents(events=3, trouble="it was refused"), "it was refused"),
        (MeasuredContents(events=3, complete=False), "stored unseen"),
    ],
)
def test_why_what_was_measured_is_not_all_is_told(measured: MeasuredContents, words: str) -> None:
    assert words in said(summary_lines(replace(POOL, measured=measured), LIVE, 80, gmtime))


def test_events_alone_make_a_map() -> None:
    nothing = replace(POOL, requests=0)
    assert is_unknown(nothing)
    assert not is_unknown(replace(nothing, measured=MeasuredContents(events=1)))


def test_only_a_server_that_tells_of_no_block_is_said_to() -> None:
    assert "no single block" in said(note_lines(POOL, 200))
    assert "no single block" not in said(note_lines(MEASURED_POOL, 200))
