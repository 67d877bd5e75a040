"""Ids of content units, read as they are written and decoded."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from charter_engine.kvcache.workload.ids import LARGEST_ID, joined_ids
from charter_engine.kvcache.workload.lines import WorkloadFormatError, read_workload

FIELDS: dict[str, dict[str, Any]] = {
    "Mooncake": {"timestamp": 0, "input_length": 3000, "output_length": 1},
    "recorded": {"timestamp": 0, "input_length": 3, "output_length": 1, "node": "n", "salt": "s"},
    "sessions": {"session_id": "a", "timestamp": 0, "input_length": 3000, "output_length": 1},
    "agentic": {
        "request_id": "r", "session_id": "a", "tool_wait_ms": 1, "input_length": 3000,
        "output_length": 1,
    },
    "Bailian": {
        "chat_id": 1, "parent_chat_id": -1, "timestamp": 0, "input_length": 90, "output_length": 1,
    },
}  # fmt: skip
NUMBERS = st.integers(0, 9) | st.integers(0, 2**62) | st.integers(2**62, 2**64 + 1)
ODD = st.sampled_from([-1, 1.5, 1e3, "1", True, None, [1], {"a": 1}])
LISTS = st.lists(NUMBERS, max_size=5) | st.lists(NUMBERS | ODD, max_size=5)
WRITTEN = st.sampled_from([(",", ":"), (", ", ": "), (" ,  ", ":\t")])


@given(st.lists(st.lists(st.integers(0, 2**64 - 2), max_size=6), max_size=6), WRITTEN)
def test_lists_as_they_are_written_give_the_ids_that_decoded_ones_give(
    lists: list[list[int]], separators: tuple[str, str]
) -> None:
    written = [Raw(json.dumps(one, separators=separators).encode()) for one in lists]
    for found, expected in zip(joined_ids(written), joined_ids(lists), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_is_not_there_has_no_ids() -> None:
    counts, ids = joined_ids([UNSET, Raw(b"[7]"), None, Raw(b"[]"), UNSET])
    assert (counts.tolist(), ids.tolist()) == ([0, 1, 0, 0, 0], [7])


@pytest.mark.parametrize(
    "written",
    ["7", "[ ]", "null", "[[7]]", "[7.5]", "[-7]", '["7"]', "[1e3]", "[true]", f"[{2**64}]"],
)
def test_what_is_no_list_of_ids_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"number|list"):
        joined_ids([Raw(b"[1]"), Raw(written.encode())])


def test_what_is_beyond_62_bits_is_lost() -> None:
    for lists in ([Raw(b"[%d]" % (2**63 + 5))], [[2**63 + 5]]):
        assert joined_ids(lists)[1].tolist() == [(2**63 + 5) & LARGEST_ID]


@settings(max_examples=60)
@given(st.sampled_from(sorted(FIELDS)), st.lists(LISTS, min_size=1, max_size=5), WRITTEN)
def test_lines_are_read_as_the_items_of_a_list_are(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    lists: list[list[Any]],
    separators: tuple[str, str],
) -> None:
    field = "token_ids" if name == "recorded" else "hash_ids"
    records = [{**FIELDS[name], field: one} for one in lists]
    lines = [json.dumps(one, separators=separators) for one in records]
    folder = tmp_path_factory.getbasetemp()
    by_line, by_item = folder / "lines.jsonl", folder / "items.json"
    by_line.write_text("\n".join(lines))
    by_item.write_text(f"[{','.join(lines)}]")
    assert _read(by_line) == _read(by_item)


def _read(path: Path) -> tuple[dict[int, str], list[Any]]:
    """What is wrong with records by their numbers, and the requests of the others."""
    told: dict[int, str] = {}
    try:
        return told, list(read_workload(path, told.__setitem__).requests())
    except WorkloadFormatError:
        return told, []
